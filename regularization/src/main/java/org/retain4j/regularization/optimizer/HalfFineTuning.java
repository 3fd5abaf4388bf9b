package org.retain4j.regularization.optimizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.optim.Optimizer;

/**
 * Half fine-tuning: in each round half of the tensors of every kind in every block, drawn anew,
 * stay as they are (Hui et al. 2024, arXiv:2404.18466).
 *
 * <p>Kinds are attention, feed-forward and the rest of a block; tensors outside of blocks always
 * move. The draw is a function of seed and round. Gradients are computed for all, so it saves no
 * time here. Costs a copy of half of the parameters.
 *
 * @param roundSteps steps of a round, 1 or more
 * @param seed seed of the draws
 */
public record HalfFineTuning(long roundSteps, long seed) implements OptimizerWrapper {

    private static final Pattern BLOCK = Pattern.compile("(.*?\\.\\d+)\\.([^.]+)\\..*");

    /**
     * Creates the method.
     *
     * @throws IllegalArgumentException if a round has no step
     */
    public HalfFineTuning {
        if (roundSteps < 1) {
            throw new IllegalArgumentException("a round needs a step, not " + roundSteps);
        }
    }

    @Override
    public Optimizer wrap(Optimizer inner, List<Parameter> parameters, Gradients gradients) {
        return new HeldBack(inner, parameters, step -> held(parameters, step / roundSteps));
    }

    private boolean[] held(List<Parameter> parameters, long round) {
        Map<String, List<Integer>> kinds = new LinkedHashMap<>();
        for (int i = 0; i < parameters.size(); i++) {
            Matcher name = BLOCK.matcher(parameters.get(i).name());
            if (name.matches()) {
                String part = name.group(2).contains("norm") ? "norm" : name.group(2);
                kinds.computeIfAbsent(name.group(1) + part, key -> new ArrayList<>()).add(i);
            }
        }
        boolean[] held = new boolean[parameters.size()];
        Random random = Random.at(seed, round, "half-fine-tuning");
        for (List<Integer> kind : kinds.values()) {
            List<Integer> left = new ArrayList<>(kind);
            // of an odd number the larger half or the smaller one, by chance
            int count =
                    kind.size() / 2 + (kind.size() % 2 == 1 && random.nextDouble() < 0.5 ? 1 : 0);
            for (int k = 0; k < count; k++) {
                held[left.remove((int) (random.nextDouble() * left.size()))] = true;
            }
        }
        return held;
    }
}
