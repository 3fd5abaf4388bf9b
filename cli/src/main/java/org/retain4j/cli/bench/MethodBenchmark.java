package org.retain4j.cli.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.commons.statistics.descriptive.Median;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.schedule.Schedule;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.optimizer.Sam;
import org.retain4j.regularization.projection.AGem;
import org.retain4j.replay.ExperienceReplay;

/**
 * Times training steps with methods against steps without, in turn, on random tokens.
 *
 * <p>Every round goes once through all methods; in each it takes some steps with each of them, of
 * which the first is left out. CPU time is that of all threads of the process, which says more than
 * the clock where the machine has other work.
 *
 * @param model the model, which is closed afterwards
 * @param batch rows of a step
 * @param tokens tokens of a row
 * @param steps steps of a method in a round, 2 or more
 * @param rounds number of rounds, 1 or more
 * @param methods names of {@link #NAMES}, a replay with its share as in {@code replay:0.1}
 */
public record MethodBenchmark(
        BenchmarkModel model, int batch, int tokens, int steps, int rounds, List<String> methods) {

    /** The names there are. */
    public static final List<String> NAMES =
            List.of("plain", "l2sp", "ewc", "lora", "kl-lora", "replay", "agem", "sam", "fisher");

    private static final String PLAIN = "plain";
    private static final String LORA = "lora";
    private static final String FISHER = "fisher";

    /** Plain steps of one row, which the Fisher information is measured against. */
    private static final String ONE_ROW = "plain, 1 row";

    private static final int FISHER_SEQUENCES = 16;
    private static final int LORA_RANK = 8;
    private static final double LORA_ALPHA = 16;
    private static final double REPLAYED = 0.1;

    /**
     * Creates a benchmark.
     *
     * @throws IllegalArgumentException if a number is out of range or a name unknown
     */
    public MethodBenchmark {
        if (batch < 1 || tokens < 2 || steps < 2 || rounds < 1) {
            throw new IllegalArgumentException(
                    "a benchmark of methods needs at least 1 row, 2 tokens, 2 steps and 1 round");
        }
        for (String name : methods) {
            if (!NAMES.contains(base(name))) {
                throw new IllegalArgumentException(
                        "--methods: unknown method " + name + ", there are " + NAMES);
            }
            if (name.contains(":") && !(ratio(name) > 0 && ratio(name) < 1)) {
                throw new IllegalArgumentException(
                        "--methods: " + name + " has no share in (0, 1), as replay:0.1 has");
            }
        }
        Set<String> wanted = new LinkedHashSet<>();
        for (String name : methods) {
            wanted.add(reference(name));
            wanted.add(name);
        }
        methods = List.copyOf(wanted);
    }

    private static String base(String name) {
        return name.startsWith("replay:") ? "replay" : name.equals(ONE_ROW) ? PLAIN : name;
    }

    private static double ratio(String name) {
        int colon = name.indexOf(':');
        if (colon < 0) {
            return REPLAYED;
        }
        try {
            return Double.parseDouble(name.substring(colon + 1));
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    private static String reference(String name) {
        return switch (name) {
            case "kl-lora" -> LORA;
            case FISHER -> ONE_ROW;
            case ONE_ROW -> ONE_ROW;
            default -> PLAIN;
        };
    }

    /**
     * One line of the result.
     *
     * @param method name of the method
     * @param cpuSeconds median CPU time of a step; of a sequence for Fisher information
     * @param wallSeconds median time of the same
     * @param reference what it is compared with
     * @param ratio CPU time over that of the reference; null for one that is only a reference
     * @param samples number of steps measured; of sequences for Fisher information
     */
    public record Line(
            String method,
            double cpuSeconds,
            double wallSeconds,
            String reference,
            @Nullable Double ratio,
            int samples) {}

    /** Runs all rounds. */
    public List<Line> run() throws IOException {
        Map<String, Samples> samples = new LinkedHashMap<>();
        methods.forEach(name -> samples.put(name, new Samples()));
        try (CausalLm opened = model.open()) {
            System.gc();
            for (int round = 0; round < rounds; round++) {
                for (Map.Entry<String, Samples> entry : samples.entrySet()) {
                    if (entry.getKey().equals(FISHER)) {
                        fisher(opened, entry.getValue());
                    } else {
                        train(opened, entry.getKey(), entry.getValue());
                    }
                }
            }
        }
        List<Line> lines = new ArrayList<>();
        samples.forEach(
                (name, own) -> {
                    String reference = reference(name);
                    Samples other = samples.get(reference);
                    double cpu = median(own.cpu);
                    lines.add(
                            new Line(
                                    name,
                                    cpu,
                                    median(own.wall),
                                    reference,
                                    other == null || other == own ? null : cpu / median(other.cpu),
                                    own.count));
                });
        return lines;
    }

    private static double median(List<Double> values) {
        return Median.withDefaults()
                .evaluate(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    /** Times of steps. */
    private static final class Samples {
        private final List<Double> wall = new ArrayList<>();
        private final List<Double> cpu = new ArrayList<>();
        private int count;
        private long wallBefore;
        private long cpuBefore;

        void start() {
            wallBefore = System.nanoTime();
            cpuBefore = cpuTime();
        }

        /** Takes what has gone by since the start as that of some units. */
        void take(int units) {
            wall.add((System.nanoTime() - wallBefore) / 1e9 / units);
            cpu.add((cpuTime() - cpuBefore) / 1e9 / units);
            count += units;
        }

        private static long cpuTime() {
            return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                    .getProcessCpuTime();
        }
    }

    private BatchSource data(CausalLm opened, String site) {
        return (first, count) -> {
            TrainRow[] rows = new TrainRow[count];
            Random random = Random.at(0, first, site);
            for (int r = 0; r < count; r++) {
                int[] ids = new int[tokens];
                Arrays.setAll(ids, i -> random.nextInt(opened.spec().vocabularySize()));
                rows[r] = TrainRow.of(ids);
            }
            return List.of(rows);
        };
    }

    private void fisher(CausalLm opened, Samples samples) {
        samples.start();
        new Fisher(Fisher.Labels.SAMPLED, FISHER_SEQUENCES, 0)
                .estimate(opened, data(opened, "old"))
                .close();
        samples.take(FISHER_SEQUENCES);
    }

    private void train(CausalLm opened, String name, Samples samples) {
        Deque<AutoCloseable> owned = new ArrayDeque<>();
        try {
            Lora lora = null;
            if (reference(name).equals(LORA) || name.equals(LORA)) {
                lora =
                        Lora.attach(
                                opened,
                                LoraConfig.rank(LORA_RANK).alpha(LORA_ALPHA).targets("all-linear"));
                owned.push(lora);
            }
            Trainer trainer =
                    Trainer.of(opened, data(opened, "new"))
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(steps)
                                            .withBatch(name.equals(ONE_ROW) ? 1 : batch, 1)
                                            .withLearningRate(1e-5)
                                            .withSchedule(Schedule.constant()));
            plug(trainer, opened, lora, name, owned);
            trainer.onStep(
                            report -> {
                                if (report.step() > 1) {
                                    samples.take(1);
                                }
                                samples.start();
                            })
                    .run();
        } finally {
            close(owned);
        }
    }

    private void plug(
            Trainer trainer,
            CausalLm opened,
            @Nullable Lora lora,
            String name,
            Deque<AutoCloseable> owned) {
        BatchSource old = data(opened, "old");
        switch (base(name)) {
            case "l2sp" -> trainer.penalize(own(owned, new L2Sp(L2Sp.DEFAULT_LAMBDA)));
            case "ewc" ->
                    trainer.penalize(
                            own(
                                    owned,
                                    new Ewc(
                                            Ewc.DEFAULT_LAMBDA,
                                            own(
                                                    owned,
                                                    new Fisher(Fisher.Labels.SAMPLED, 1, 0)
                                                            .estimate(opened, old)))));
            case "kl-lora" -> {
                KlToBase kl = new KlToBase(opened, KlToBase.DEFAULT_BETA);
                trainer.distill(lora == null ? kl : kl.whileTeaching(lora::disabled));
            }
            case "replay" -> trainer.mix(new ExperienceReplay(old, ratio(name)));
            case "agem" -> trainer.project(own(owned, new AGem(opened, old, batch, true)));
            case "sam" -> trainer.wrap(new Sam(Sam.DEFAULT_RHO));
            default -> {
                // a plain step has nothing to plug in
            }
        }
    }

    private static <T extends AutoCloseable> T own(Deque<AutoCloseable> owned, T part) {
        owned.push(part);
        return part;
    }

    private static void close(Deque<AutoCloseable> owned) {
        while (!owned.isEmpty()) {
            try {
                owned.pop().close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
