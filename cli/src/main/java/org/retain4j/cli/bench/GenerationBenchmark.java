package org.retain4j.cli.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.apache.commons.statistics.descriptive.Median;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;

/**
 * Times greedy decoding after random tokens.
 *
 * @param model the model, which is closed afterwards
 * @param batch rows that are decoded together
 * @param promptTokens tokens of a prompt
 * @param newTokens new tokens of a row
 * @param repeats number of runs, the first of which is left out of the median
 */
public record GenerationBenchmark(
        BenchmarkModel model, int batch, int promptTokens, int newTokens, int repeats) {

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
     * @param deviceMegabytes memory of the GPU in use at the end, by all programs; 0 on the CPU
     */
    public record Result(
            long parameters,
            double tokensPerSecond,
            double peakMegabytes,
            double deviceMegabytes) {}

    /** Runs the benchmark. */
    public Result run() throws IOException {
        try (CausalLm opened = model.open()) {
            long parameters = opened.parameters().stream().mapToLong(p -> p.elements()).sum();
            Random random = Random.at(0, 0, "bench");
            List<int[]> prompts = new ArrayList<>();
            for (int r = 0; r < batch; r++) {
                int[] ids = new int[promptTokens];
                Arrays.setAll(ids, i -> random.nextInt(opened.spec().vocabularySize()));
                prompts.add(ids);
            }
            Generator generator = new Generator(opened, Sampling.greedy(), OptionalInt.empty());
            double[] speeds = new double[repeats];
            for (int i = 0; i < repeats; i++) {
                long start = System.nanoTime();
                generator.run(prompts, GenerationConfig.of(newTokens));
                speeds[i] = batch * newTokens / ((System.nanoTime() - start) / 1e9);
            }
            double median = Median.withDefaults().evaluate(Arrays.copyOfRange(speeds, 1, repeats));
            return new Result(
                    parameters,
                    median,
                    PeakMemory.megabytes(),
                    DeviceMemory.megabytes(opened.device()));
        }
    }
}
