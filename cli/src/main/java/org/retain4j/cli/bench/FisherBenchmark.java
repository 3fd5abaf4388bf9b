package org.retain4j.cli.bench;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.regularization.Fisher;

/**
 * Times the estimate of a Fisher diagonal from random tokens.
 *
 * @param model the model, which is closed afterwards
 * @param tokens tokens of a sequence
 * @param sequences number of sequences
 */
public record FisherBenchmark(BenchmarkModel model, int tokens, int sequences) {

    /**
     * Creates a benchmark.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public FisherBenchmark {
        if (tokens < 2 || sequences < 1) {
            throw new IllegalArgumentException(
                    "a benchmark of Fisher needs at least 2 tokens and 1 sequence, not "
                            + tokens
                            + " and "
                            + sequences);
        }
    }

    /**
     * What was measured.
     *
     * @param parameters number of weights
     * @param wallSeconds time for all sequences
     * @param peakMegabytes largest resident size of the process since its start; 0 where the system
     *     does not tell
     * @param deviceMegabytes memory of the GPU in use at the end, by all programs; 0 on the CPU
     */
    public record Result(
            long parameters, double wallSeconds, double peakMegabytes, double deviceMegabytes) {}

    /** Runs the benchmark. */
    public Result run() throws IOException {
        try (CausalLm opened = model.open()) {
            long parameters = opened.parameters().stream().mapToLong(p -> p.elements()).sum();
            Random random = Random.at(0, 0, "bench");
            BatchSource data =
                    (first, count) -> {
                        int[] ids = new int[tokens];
                        Arrays.setAll(ids, i -> random.nextInt(opened.spec().vocabularySize()));
                        return List.of(TrainRow.of(ids));
                    };
            // the first passes load kernels
            new Fisher(Fisher.Labels.EMPIRICAL, 1, 0).estimate(opened, data).close();
            long start = System.nanoTime();
            new Fisher(Fisher.Labels.EMPIRICAL, sequences, 0).estimate(opened, data).close();
            double seconds = (System.nanoTime() - start) / 1e9;
            return new Result(
                    parameters,
                    seconds,
                    PeakMemory.megabytes(),
                    DeviceMemory.megabytes(opened.device()));
        }
    }
}
