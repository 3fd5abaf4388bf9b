package org.retain4j.docs;

import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;

/** Pulls every weight to its base with a force that stops growing: λ Σ √(d² + 1e-6), d = θ - θ*. */
record SmoothL1Sp(CausalLm base, double lambda) implements Penalty {

    @Override
    public Mode mode() {
        return Mode.GRADIENT;
    }

    @Override
    public void start(List<Parameter> parameters) {}

    @Override
    public double value(List<Parameter> parameters) {
        try (Scope scope = Scope.open()) {
            return lambda * parameters.stream().mapToDouble(p -> size(moved(p)).sum().item()).sum();
        }
    }

    @Override
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        double squares = 0;
        for (int i = 0; i < gradients.size(); i++) {
            try (Scope scope = Scope.open()) {
                Tensor moved = moved(parameters.get(i));
                Tensor slope = moved.div(size(moved));
                gradients.get(i).addInPlace(slope, lambda);
                squares += Math.pow(lambda * slope.norm().item(), 2);
            }
        }
        return Math.sqrt(squares);
    }

    private Tensor moved(Parameter parameter) {
        return parameter.value().detach().sub(base.parameter(parameter.name()).value());
    }

    private static Tensor size(Tensor moved) {
        return moved.mul(moved).add(1e-6).sqrt();
    }

    @Override
    public void afterStep(List<Parameter> parameters, double learningRate) {}

    @Override
    public String toString() {
        return "SmoothL1Sp[lambda=" + lambda + "]";
    }
}
