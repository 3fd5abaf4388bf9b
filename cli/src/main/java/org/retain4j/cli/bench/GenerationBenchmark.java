package org.retain4j.cli.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.TensorEngine;

/**
 * Times greedy decoding with a model of random weights after random tokens.
 *
 * @param config shape of the model
 * @param batch rows that are decoded together
 * @param promptTokens tokens of a prompt
 * @param newTokens new tokens of a row
 * @param repeats number of runs, the first of which is left out of the median
 * @param precision precision of matrix products
 */
public record GenerationBenchmark(
        ModelConfig config,
        int batch,
        int promptTokens,
        int newTokens,
        int repeats,
        Precision precision) {

    /**
     * Creates a benchmark.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public GenerationBenchmark {
        if (batch < 1 || promptTokens < 1 || newTokens < 1 || repeats < 2) {
            throw new IllegalArgumentException(
                    "a benchmark of generation needs at least 1 row, 1 token of a prompt, 1 new"
                            + " token and 2 runs, not "
                            + batch
                            + ", "
                            + promptTokens
                            + ", "
                            + newTokens
                            + " and "
                            + repeats);
        }
    }

    /**
     * What was measured.
     *
     * @param parameters number of weights
     * @param tokensPerSecond median over runs of the new tokens of all rows a second, the time for
     *     the prompts included
     * @param peakMegabytes largest resident size of the process since its start; 0 where the system
     *     does not tell
     */
    public record Result(long parameters, double tokensPerSecond, double peakMegabytes) {}

    /** Runs the benchmark. */
    public Result run() throws IOException {
        try (CausalLm model = CausalLm.random(config, 0, TensorEngine.defaultDevice(), precision)) {
            long parameters = model.parameters().stream().mapToLong(p -> p.elements()).sum();
            Random random = Random.at(0, 0, "bench");
            List<int[]> prompts = new ArrayList<>();
            for (int r = 0; r < batch; r++) {
                int[] ids = new int[promptTokens];
                Arrays.setAll(ids, i -> random.nextInt(model.spec().vocabularySize()));
                prompts.add(ids);
            }
            Generator generator = new Generator(model, Sampling.greedy(), OptionalInt.empty());
            double[] speeds = new double[repeats];
            for (int i = 0; i < repeats; i++) {
                long start = System.nanoTime();
                generator.run(prompts, GenerationConfig.of(newTokens));
                speeds[i] = batch * newTokens / ((System.nanoTime() - start) / 1e9);
            }
            double[] sorted = Arrays.stream(speeds).skip(1).sorted().toArray();
            int middle = sorted.length / 2;
            double median =
                    sorted.length % 2 == 1
                            ? sorted[middle]
                            : (sorted[middle - 1] + sorted[middle]) / 2;
            return new Result(parameters, median, PeakMemory.megabytes());
        }
    }
}
