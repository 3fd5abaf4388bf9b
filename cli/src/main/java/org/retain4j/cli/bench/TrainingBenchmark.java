package org.retain4j.cli.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.statistics.descriptive.Median;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.PhaseTimes;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.schedule.Schedule;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;

/**
 * Times full training steps of a model on random tokens.
 *
 * @param model the model, which is closed afterwards
 * @param batch rows of a step
 * @param tokens tokens of a row
 * @param steps number of steps, the first of which is left out of the medians
 * @param gradientCheckpointing whether to trade time for memory
 * @param loraRank rank of an adapter on all linear layers, which alone is trained; 0 for none
 */
public record TrainingBenchmark(
        BenchmarkModel model,
        int batch,
        int tokens,
        int steps,
        boolean gradientCheckpointing,
        int loraRank) {

    private static final double LORA_ALPHA = 16;

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
     * @param parameters number of trained weights
     * @param wallSeconds median time of a step
     * @param cpuSeconds median of the CPU time of a step, all threads of the process
     * @param peakMegabytes largest resident size of the process since its start; 0 where the system
     *     does not tell
     * @param deviceMegabytes memory of the GPU in use at the end, by all programs; 0 on the CPU
     * @param loss loss of the last step, in nats a token
     * @param shares share of each part in the time of all steps but the first
     */
    public record Result(
            long parameters,
            double wallSeconds,
            double cpuSeconds,
            double peakMegabytes,
            double deviceMegabytes,
            double loss,
            Map<PhaseTimes.Phase, Double> shares) {}

    /** Runs the steps. */
    public Result run() throws IOException {
        try (CausalLm opened = model.open();
                Lora lora = loraRank == 0 ? null : attach(opened)) {
            // what loading left on the heap is no part of a step's memory
            System.gc();
            long parameters = opened.trainable().stream().mapToLong(p -> p.elements()).sum();
            TrainRow[] rows = new TrainRow[batch];
            Random random = Random.at(0, 0, "bench");
            for (int r = 0; r < batch; r++) {
                int[] ids = new int[tokens];
                Arrays.setAll(ids, i -> random.nextInt(opened.spec().vocabularySize()));
                rows[r] = TrainRow.of(ids);
            }
            BatchSource source = (first, count) -> List.of(rows);
            OperatingSystemMXBean system =
                    (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            List<Double> wall = new ArrayList<>();
            List<Double> cpu = new ArrayList<>();
            PhaseTimes times = new PhaseTimes();
            long[] before = {System.nanoTime(), system.getProcessCpuTime()};
            double loss =
                    Trainer.of(opened, source)
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(steps)
                                            .withBatch(batch, 1)
                                            .withLearningRate(1e-4)
                                            .withSchedule(Schedule.constant())
                                            .withGradientCheckpointing(gradientCheckpointing))
                            .profile(times)
                            .onStep(
                                    report -> {
                                        if (report.step() == 1) {
                                            times.reset();
                                        }
                                        long now = System.nanoTime();
                                        long used = system.getProcessCpuTime();
                                        wall.add((now - before[0]) / 1e9);
                                        cpu.add((used - before[1]) / 1e9);
                                        before[0] = now;
                                        before[1] = used;
                                    })
                            .run()
                            .finalLoss();
            return new Result(
                    parameters,
                    median(wall),
                    median(cpu),
                    PeakMemory.megabytes(),
                    DeviceMemory.megabytes(opened.device()),
                    loss,
                    shares(times.seconds()));
        }
    }

    private Lora attach(CausalLm opened) {
        return Lora.attach(
                opened, LoraConfig.rank(loraRank).alpha(LORA_ALPHA).targets("all-linear"));
    }

    private static double median(List<Double> values) {
        return Median.withDefaults()
                .evaluate(values.stream().skip(1).mapToDouble(Double::doubleValue).toArray());
    }

    private static Map<PhaseTimes.Phase, Double> shares(Map<PhaseTimes.Phase, Double> seconds) {
        double all = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        Map<PhaseTimes.Phase, Double> shares = new EnumMap<>(PhaseTimes.Phase.class);
        seconds.forEach((phase, part) -> shares.put(phase, part / all));
        return shares;
    }
}
