package org.retain4j.finetune;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.monitor.EarlyStopping;
import org.retain4j.finetune.monitor.HeldOutLoss;
import org.retain4j.finetune.monitor.MetricsLog;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.ParameterGroups;
import org.retain4j.finetune.schedule.Schedule;

/** A run with much to remember, which goes on from its last checkpoint when there is one. */
final class KilledRun {

    static final int STEPS = 24;

    private KilledRun() {}

    public static void main(String[] arguments) throws IOException {
        System.out.println("sha256 " + run(Path.of(arguments[0])));
    }

    static String run(Path folder) throws IOException {
        Path saved = folder.resolve("checkpoints");
        Files.createDirectories(saved);
        try (CausalLm model = Pretrained.load(Path.of("src/test/resources/golden/models/llama"));
                EmaWeights average = new EmaWeights(0.9);
                Drift drift = new Drift()) {
            Trainer trainer = trainer(model, saved, average, drift);
            trainer.onStep(new MetricsLog(folder.resolve("metrics.jsonl")));
            Optional<Path> latest = Checkpoints.latest(saved);
            if (latest.isPresent()) {
                trainer.resume(latest.get());
            } else {
                trainer.run();
            }
            String weights = Snapshot.of(model).sha256();
            average.apply();
            return weights
                    + " "
                    + Snapshot.of(model).sha256()
                    + " "
                    + drift.save().numbers().get("seen")
                    + " "
                    + drift.value(List.of());
        }
    }

    static Trainer trainer(CausalLm model, Path saved, EmaWeights average, Drift drift) {
        return Trainer.of(model, new RandomRows(5, 384, 4, 40))
                .options(
                        TrainOptions.defaults()
                                .withSteps(STEPS)
                                .withBatch(2, 2)
                                .withLearningRate(3e-3)
                                .withEvalSteps(5)
                                .withNeftuneNoiseAlpha(5)
                                .withSchedule(Schedule.warmupStableDecay(4, 8, 0.1))
                                .withOptimizer(
                                        ParameterGroups.of(
                                                        AdamW.Options.defaults()
                                                                .withWeightDecay(0.1))
                                                .group("*.mlp.*", 0.5, 0.2)))
                .objective(new CrossEntropy(0.1))
                .freeze("model.layers.0.self_attn.q_proj")
                .penalize(drift)
                .average(average)
                .evaluate(new HeldOutLoss("eval", new RandomRows(6, 384, 9, 20).rows(0, 4), 2))
                .stopWhen(new EarlyStopping("eval_loss", false, 100, 0))
                .checkpoints(CheckpointOptions.in(saved).every(3).keep(2).data("rows 5"));
    }

    /** A penalty whose state changes with every gradient that it sees. */
    static final class Drift implements Penalty, AutoCloseable {
        private final Scope scope = Scope.unbound();
        private final Tensor sum;
        private long seen;

        Drift() {
            try (Scope creating = Scope.open()) {
                sum = scope.adopt(Tensor.scalar(0));
            }
        }

        @Override
        public Mode mode() {
            return Mode.GRADIENT;
        }

        @Override
        public void start(List<Parameter> parameters) {}

        @Override
        public double value(List<Parameter> parameters) {
            return sum.item();
        }

        @Override
        public void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {
            try (Scope scope = Scope.open()) {
                sum.mulInPlace(0.9).addInPlace(gradients.get(0).norm(), 0.1);
            }
            seen++;
        }

        @Override
        public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
            try (Scope scope = Scope.open()) {
                Tensor first = gradients.get(0);
                first.addInPlace(Tensor.zerosLike(first).add(sum), 1e-3);
            }
            return sum.item();
        }

        @Override
        public void afterStep(List<Parameter> parameters, double learningRate) {}

        @Override
        public StateDict save() {
            return new StateDict(java.util.Map.of("sum", sum), java.util.Map.of("seen", seen));
        }

        @Override
        public void load(StateDict state) {
            sum.copyInPlace(state.tensor("sum"));
            seen = state.number("seen");
        }

        @Override
        public void close() {
            scope.close();
        }
    }
}
