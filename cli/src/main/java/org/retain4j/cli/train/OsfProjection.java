package org.retain4j.cli.train;

import java.util.List;
import java.util.function.Predicate;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.GradientProjection;
import org.retain4j.lora.Osf;

/**
 * OSF in a run: the step of the optimizer is kept out of the frozen directions.
 *
 * @param osf the split matrices
 * @param share share of directions that is frozen, for checkpoints
 */
record OsfProjection(Osf osf, double share) implements GradientProjection {

    static OsfProjection attach(CausalLm model, double share) {
        return new OsfProjection(Osf.attach(model, modules(model), share), share);
    }

    /** Returns which layers are split: all but the output head. */
    static Predicate<String> modules(CausalLm model) {
        String head = model.headLayer().name();
        return name -> !name.equals(head);
    }

    @Override
    public void project(List<Parameter> parameters, List<Tensor> gradients) {
        osf.projectGradients(parameters, gradients);
    }

    @Override
    public boolean projectsUpdates() {
        return true;
    }

    @Override
    public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
        osf.project();
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "Osf[frozenShare=" + share + "]";
    }
}
