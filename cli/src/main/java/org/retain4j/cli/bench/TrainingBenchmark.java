package org.retain4j.cli.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.schedule.Schedule;

/**
 * Times full training steps of a model with random weights on random tokens.
 *
 * @param config shape of the model
 * @param batch rows of a step
 * @param tokens tokens of a row
 * @param steps number of steps, the first of which is left out of the medians
 * @param gradientCheckpointing whether to trade time for memory
 * @param precision precision of matrix products
 */
public record TrainingBenchmark(
        ModelConfig config,
        int batch,
        int tokens,
        int steps,
        boolean gradientCheckpointing,
        Precision precision) {

    /**
     * Creates a benchmark.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public TrainingBenchmark {
        if (batch < 1 || tokens < 2 || steps < 2) {
            throw new IllegalArgumentException(
                    "a benchmark needs at least 1 row, 2 tokens and 2 steps, not "
                            + batch
                            + ", "
                            + tokens
                            + " and "
                            + steps);
        }
    }

    /**
     * What was measured.
     *
     * @param parameters number of weights
     * @param wallSeconds median time of a step
     * @param cpuSeconds median of the CPU time of a step, all threads of the process
     * @param peakMegabytes largest resident size of the process since its start; 0 where the system
     *     does not tell
     * @param loss loss of the last step, in nats a token
     */
    public record Result(
            long parameters,
            double wallSeconds,
            double cpuSeconds,
            double peakMegabytes,
            double loss) {}

    /** Returns the shape of SmolLM2-135M. */
    public static ModelConfig smolLm2() throws IOException {
        try (var in = TrainingBenchmark.class.getResourceAsStream("smollm2-135m.json")) {
            if (in == null) {
                throw new IOException("resource smollm2-135m.json is missing in the jar");
            }
            return ModelConfig.parse(
                    "smollm2-135m.json",
                    new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8));
        }
    }

    /** Runs the steps. */
    public Result run() throws IOException {
        try (CausalLm model = CausalLm.random(config, 0, TensorEngine.defaultDevice(), precision)) {
            long parameters = model.parameters().stream().mapToLong(p -> p.elements()).sum();
            TrainRow[] rows = new TrainRow[batch];
            Random random = Random.at(0, 0, "bench");
            for (int r = 0; r < batch; r++) {
                int[] ids = new int[tokens];
                Arrays.setAll(ids, i -> random.nextInt(model.spec().vocabularySize()));
                rows[r] = TrainRow.of(ids);
            }
            BatchSource source = (first, count) -> List.of(rows);
            OperatingSystemMXBean system =
                    (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            List<Double> wall = new ArrayList<>();
            List<Double> cpu = new ArrayList<>();
            long[] before = {System.nanoTime(), system.getProcessCpuTime()};
            double loss =
                    Trainer.of(model, source)
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(steps)
                                            .withBatch(batch, 1)
                                            .withLearningRate(1e-4)
                                            .withSchedule(Schedule.constant())
                                            .withGradientCheckpointing(gradientCheckpointing))
                            .onStep(
                                    report -> {
                                        long now = System.nanoTime();
                                        long used = system.getProcessCpuTime();
                                        wall.add((now - before[0]) / 1e9);
                                        cpu.add((used - before[1]) / 1e9);
                                        before[0] = now;
                                        before[1] = used;
                                    })
                            .run()
                            .finalLoss();
            return new Result(parameters, median(wall), median(cpu), PeakMemory.megabytes(), loss);
        }
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().skip(1).mapToDouble(Double::doubleValue).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
