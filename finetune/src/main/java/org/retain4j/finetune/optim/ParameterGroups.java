package org.retain4j.finetune.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * An optimizer whose learning rate and weight decay differ between groups of parameters.
 *
 * <p>A parameter belongs to the first group whose pattern fits its name, else to the rest, which
 * keeps the optimizer's own settings. Immutable.
 *
 * @param base the optimizer and its settings
 * @param groups the groups, first fit wins
 */
public record ParameterGroups(OptimizerFactory base, List<Group> groups)
        implements OptimizerFactory {

    /**
     * A group.
     *
     * @param pattern names of its parameters; see {@link NamePattern}
     * @param learningRateFactor what the learning rate is multiplied by, 0 or more
     * @param weightDecay {@code weight_decay} of the group, or null for the optimizer's own
     */
    public record Group(
            NamePattern pattern, double learningRateFactor, @Nullable Double weightDecay) {

        /**
         * Creates a group.
         *
         * @throws IllegalArgumentException if a number is out of range
         */
        public Group {
            if (!(learningRateFactor >= 0) || Double.isInfinite(learningRateFactor)) {
                throw new IllegalArgumentException(
                        "the learning rate factor of "
                                + pattern
                                + " must be 0 or more, is "
                                + learningRateFactor);
            }
        }
    }

    /** Copies the list. */
    public ParameterGroups {
        groups = List.copyOf(groups);
    }

    /** Starts with an optimizer without groups. */
    public static ParameterGroups of(OptimizerFactory base) {
        return new ParameterGroups(base, List.of());
    }

    /** Returns these groups and another one with a learning rate of its own. */
    public ParameterGroups group(String pattern, double learningRateFactor) {
        return add(new Group(NamePattern.of(pattern), learningRateFactor, null));
    }

    /** Returns these groups and another one with a learning rate and weight decay of its own. */
    public ParameterGroups group(String pattern, double learningRateFactor, double weightDecay) {
        return add(new Group(NamePattern.of(pattern), learningRateFactor, weightDecay));
    }

    private ParameterGroups add(Group group) {
        List<Group> more = new ArrayList<>(groups);
        more.add(group);
        return new ParameterGroups(base, more);
    }

    /**
     * Creates the optimizer.
     *
     * @throws IllegalArgumentException if a pattern fits none of the parameters
     */
    @Override
    public Optimizer create(List<Parameter> parameters) {
        List<List<Integer>> members = new ArrayList<>();
        for (int g = 0; g <= groups.size(); g++) {
            members.add(new ArrayList<>());
        }
        for (int i = 0; i < parameters.size(); i++) {
            int g = 0;
            while (g < groups.size()
                    && !groups.get(g).pattern().matches(parameters.get(i).name())) {
                g++;
            }
            members.get(g).add(i);
        }
        List<Part> parts = new ArrayList<>();
        try {
            for (int g = 0; g <= groups.size(); g++) {
                boolean rest = g == groups.size();
                if (!rest) {
                    groups.get(g).pattern().requireMatch(parameters);
                }
                if (members.get(g).isEmpty()) {
                    continue;
                }
                Double decay = rest ? null : groups.get(g).weightDecay();
                OptimizerFactory factory = decay == null ? base : base.withWeightDecay(decay);
                parts.add(
                        new Part(
                                factory.create(
                                        members.get(g).stream().map(parameters::get).toList()),
                                members.get(g),
                                rest ? 1 : groups.get(g).learningRateFactor()));
            }
        } catch (RuntimeException | Error e) {
            parts.forEach(part -> part.optimizer().close());
            throw e;
        }
        return new Grouped(parts);
    }

    @Override
    public LearningRateRange usualLearningRates() {
        return base.usualLearningRates();
    }

    private record Part(Optimizer optimizer, List<Integer> members, double factor) {}

    private record Grouped(List<Part> parts) implements Optimizer {

        @Override
        public void step(List<Tensor> gradients, double learningRate) {
            for (Part part : parts) {
                part.optimizer()
                        .step(
                                part.members().stream().map(gradients::get).toList(),
                                learningRate * part.factor());
            }
        }

        @Override
        public StateDict save() {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Map<String, Long> numbers = new LinkedHashMap<>();
            for (int p = 0; p < parts.size(); p++) {
                StateDict own = parts.get(p).optimizer().save();
                tensors.putAll(own.tensors());
                for (Map.Entry<String, Long> number : own.numbers().entrySet()) {
                    numbers.put(p + "." + number.getKey(), number.getValue());
                }
            }
            return new StateDict(tensors, numbers);
        }

        @Override
        public void load(StateDict state) {
            for (int p = 0; p < parts.size(); p++) {
                String prefix = p + ".";
                Map<String, Long> own = new LinkedHashMap<>();
                state.numbers()
                        .forEach(
                                (name, value) -> {
                                    if (name.startsWith(prefix)) {
                                        own.put(name.substring(prefix.length()), value);
                                    }
                                });
                parts.get(p).optimizer().load(new StateDict(state.tensors(), own));
            }
        }

        @Override
        public void close() {
            parts.forEach(part -> part.optimizer().close());
        }
    }
}
