package org.retain4j.regularization.optimizer;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.optim.Optimizer;

/**
 * Layerwise importance sampled AdamW: embeddings, head and a few blocks move, the blocks drawn anew
 * every so many steps (Pan et al. 2024, arXiv:2403.17919).
 *
 * <p>The draw is a function of seed and round. Gradients are computed for all blocks, so it saves
 * no memory here, unlike the paper's code; what it keeps of the model is the same. Costs a copy of
 * the blocks that stay.
 *
 * @param layers blocks that move at a time, 1 or more
 * @param roundSteps steps from one draw to the next, 1 or more
 * @param seed seed of the draws
 */
public record Lisa(int layers, long roundSteps, long seed) implements OptimizerWrapper {

    private static final Pattern BLOCK = Pattern.compile("(.*?\\.\\d+)\\..*");

    /**
     * Creates the method.
     *
     * @throws IllegalArgumentException if a number is not positive
     */
    public Lisa {
        if (layers < 1 || roundSteps < 1) {
            throw new IllegalArgumentException(
                    "LISA needs a block and a step at a time, not "
                            + layers
                            + " and "
                            + roundSteps);
        }
    }

    /** Creates the method with 2 blocks and 20 steps. */
    public Lisa(long seed) {
        this(2, 20, seed);
    }

    @Override
    public Optimizer wrap(Optimizer inner, List<Parameter> parameters, Gradients gradients) {
        return new HeldBack(inner, parameters, step -> held(parameters, step / roundSteps));
    }

    private boolean[] held(List<Parameter> parameters, long round) {
        Set<String> blocks = new TreeSet<>();
        for (Parameter parameter : parameters) {
            Matcher name = BLOCK.matcher(parameter.name());
            if (name.matches()) {
                blocks.add(name.group(1));
            }
        }
        List<String> left = new ArrayList<>(blocks);
        Set<String> moving = new HashSet<>();
        Random random = Random.at(seed, round, "lisa");
        while (moving.size() < layers && !left.isEmpty()) {
            moving.add(left.remove((int) (random.nextDouble() * left.size())));
        }
        boolean[] held = new boolean[parameters.size()];
        for (int i = 0; i < held.length; i++) {
            Matcher name = BLOCK.matcher(parameters.get(i).name());
            held[i] = name.matches() && !moving.contains(name.group(1));
        }
        return held;
    }
}
