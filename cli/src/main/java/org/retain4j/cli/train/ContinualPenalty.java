package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.checkpoint.StateTensors;
import org.retain4j.regularization.Consolidating;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import org.retain4j.regularization.OnlineEwc;
import org.retain4j.regularization.RWalk;
import org.retain4j.regularization.SeparateEwc;
import org.retain4j.regularization.SynapticIntelligence;

/** A penalty whose state goes from the run of one task to that of the next, in a file. */
final class ContinualPenalty implements AutoCloseable {

    /** Name of the file that a run leaves for the next one. */
    static final String FILE = "continual.safetensors";

    private static final String KIND = "retain4j-continual";

    private final RegularizationSection.ContinualSection section;
    private final Penalty penalty;
    private final Consolidating sequence;
    private final Runnable closing;

    private <T extends Penalty & Consolidating> ContinualPenalty(
            RegularizationSection.ContinualSection section, T penalty, Runnable closing) {
        this.section = section;
        this.penalty = penalty;
        this.sequence = penalty;
        this.closing = closing;
    }

    /**
     * Makes the penalty of a section, without a state.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    static ContinualPenalty of(RegularizationSection.ContinualSection section) {
        switch (section.method) {
            case SEPARATE_EWC -> {
                SeparateEwc ewc = new SeparateEwc(section.lambda, section.mode);
                return new ContinualPenalty(section, ewc, ewc::close);
            }
            case SI -> {
                SynapticIntelligence si =
                        new SynapticIntelligence(section.lambda, section.xi, section.mode);
                return new ContinualPenalty(section, si, si::close);
            }
            case RWALK -> {
                RWalk walk = new RWalk(section.lambda, section.mode, RWalk.Options.defaults());
                return new ContinualPenalty(section, walk, walk::close);
            }
            default -> {
                OnlineEwc ewc =
                        new OnlineEwc(
                                section.lambda,
                                section.mode,
                                new OnlineEwc.Options(section.gamma, 1, false));
                return new ContinualPenalty(section, ewc, ewc::close);
            }
        }
    }

    Penalty penalty() {
        return penalty;
    }

    /** Reads what the run before left, where the section names it. */
    void load() throws IOException {
        if (section.from == null) {
            return;
        }
        try (SafetensorsFile file = SafetensorsFile.open(Path.of(section.from));
                Scope reading = Scope.open()) {
            Map<String, String> about = new LinkedHashMap<>(file.metadata());
            if (!KIND.equals(about.remove("format"))
                    || !section.method.name().equals(about.remove("method"))) {
                throw new UsageException(
                        "regularization.continual.from: "
                                + section.from
                                + " was not left by a run with the method "
                                + section.method.name().toLowerCase(Locale.ROOT));
            }
            Map<String, Long> numbers = new LinkedHashMap<>();
            about.forEach((name, value) -> numbers.put(name, Long.parseLong(value)));
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (TensorInfo info : file.tensors().values()) {
                tensors.put(info.name(), StateTensors.read(file, info));
            }
            penalty.load(new StateDict(tensors, numbers));
        } catch (NumberFormatException e) {
            throw new UsageException(
                    "regularization.continual.from: " + section.from + " is damaged");
        }
    }

    /**
     * Ends the task and writes what the next run needs.
     *
     * @param trained the parameters of the run, in its order
     * @param data the task's rows, which importance is estimated from where it is needed
     */
    void end(CausalLm model, List<Parameter> trained, BatchSource data, long seed, Path file)
            throws IOException {
        if (sequence.needsImportance()) {
            try (Importance importance =
                    new Fisher(Fisher.Labels.SAMPLED, section.sequences, seed)
                            .estimate(model, data)
                            .normalize(Importance.Normalization.MEAN_1)) {
                sequence.consolidate(trained, importance);
            }
        } else {
            try (Importance unused = new Importance(Map.of())) {
                sequence.consolidate(trained, unused);
            }
        }
        StateDict state = penalty.save();
        Map<String, String> about = new LinkedHashMap<>();
        about.put("format", KIND);
        about.put("method", section.method.name());
        state.numbers().forEach((name, value) -> about.put(name, String.valueOf(value)));
        StateTensors.write(file, state.tensors(), about);
    }

    @Override
    public void close() {
        closing.run();
    }
}
