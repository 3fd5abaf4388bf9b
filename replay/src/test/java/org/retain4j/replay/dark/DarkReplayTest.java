package org.retain4j.replay.dark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.Distillation;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.StoredScores;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.replay.LossWeightReplay;
import org.retain4j.replay.buffer.BufferedReplay;
import org.retain4j.replay.buffer.ReplayBuffer;

/** Stored scores and what is trained towards them, on the embedded model. */
class DarkReplayTest {

    private static final BatchSource NEW = stream("new", 12);
    private static final BatchSource OLD = stream("old", 9);

    private CausalLm model;

    @BeforeEach
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterEach
    void close() {
        model.close();
    }

    private static BatchSource stream(String site, int length) {
        return (first, count) -> {
            List<TrainRow> rows = new ArrayList<>();
            for (long row = first; row < first + count; row++) {
                Random random = Random.at(1, row % 6, site);
                int[] ids = new int[length + (int) (row % 3)];
                for (int t = 0; t < ids.length; t++) {
                    ids[t] = 3 + (int) (random.nextDouble() * 500);
                }
                rows.add(TrainRow.of(ids));
            }
            return rows;
        };
    }

    private void moveALittle(CausalLm moved) {
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : moved.parameters()) {
                parameter
                        .value()
                        .addInPlace(
                                Random.at(9, 0, parameter.name())
                                        .normal(0.02f, parameter.value().shape())
                                        .to(parameter.value().device()),
                                1);
            }
        }
    }

    /** The hand-written gradients, against differences of the loss. */
    @ParameterizedTest
    @EnumSource(StoredScores.Loss.class)
    void theGradientIsTheSlopeOfTheLoss(StoredScores.Loss loss) {
        try (Scope scope = Scope.open()) {
            Tensor logits = Random.at(1, 0, "z").normal(1, 3, 7);
            Tensor ids = Tensor.of(new long[] {2, 5, 0, 6, 1, 3}, 3, 2);
            Tensor logProbs =
                    Tensor.of(new float[] {-0.7f, -1.5f, -0.3f, -2.5f, -1.1f, -1.2f}, 3, 2);
            float[] rest = new float[3];
            for (int i = 0; i < 3; i++) {
                float[] p = logProbs.toFloatArray();
                rest[i] = (float) Math.log(1 - Math.exp(p[2 * i]) - Math.exp(p[2 * i + 1]));
            }
            Tensor tails = Tensor.of(rest, 3);
            Tensor shares = Tensor.of(new float[] {0.5f, 0, 0.25f}, 3);
            String kernel = loss == StoredScores.Loss.KL ? "stored_kl_into" : "stored_mse_into";
            Tensor gradient = Tensor.zerosLike(logits);
            double value =
                    Kernels.call(kernel, logits, gradient, ids, logProbs, tails, shares).item();
            assertThat(value).isPositive();
            double[] z = logits.toDoubleArray();
            double[] slope = gradient.toDoubleArray();
            double step = 1e-2;
            for (int i = 0; i < z.length; i++) {
                double[] ends = new double[2];
                for (int side = 0; side < 2; side++) {
                    float[] moved = logits.toFloatArray();
                    moved[i] += (float) (side == 0 ? -step : step);
                    ends[side] =
                            Kernels.call(
                                            kernel,
                                            Tensor.of(moved, 3, 7),
                                            Tensor.zerosLike(logits),
                                            ids,
                                            logProbs,
                                            tails,
                                            shares)
                                    .item();
                }
                assertThat(slope[i]).isCloseTo((ends[1] - ends[0]) / (2 * step), within(2e-4));
            }
            for (int i = 7; i < 14; i++) {
                assertThat(slope[i]).as("a place that does not count").isZero();
            }
        }
    }

    /** All scores stored: the same loss and gradient as with the model itself as the teacher. */
    @Test
    void allScoresAreAsGoodAsTheTeacher() {
        try (CausalLm base = model.copy();
                Scope scope = Scope.open()) {
            moveALittle(model);
            List<TrainRow> rows = OLD.rows(0, 3);
            int all = model.spec().vocabularySize();
            List<TrainRow> near = new TopScores(all, 0.7, StoredScores.Loss.KL).of(base, rows);
            double counted = rows.stream().mapToDouble(TrainRow::totalWeight).sum();
            model.parameters().forEach(parameter -> parameter.value().requiresGrad(true));
            LossGradient.Result stored = gradient(List.of()).of(near, counted);
            LossGradient.Result taught =
                    gradient(List.of(new Teacher(base, 0.7))).of(rows, counted);
            assertThat(stored.distillation())
                    .isPositive()
                    .isCloseTo(taught.distillation(), within(1e-5));
            assertThat(stored.loss()).isCloseTo(taught.loss(), within(1e-6));
            for (int p = 0; p < stored.gradients().size(); p++) {
                assertThat(stored.gradients().get(p).toDoubleArray())
                        .containsExactly(taught.gradients().get(p).toDoubleArray(), within(1e-5));
            }
            List<TrainRow> few = new TopScores(8, 0.7, StoredScores.Loss.KL).of(base, rows);
            double part = gradient(List.of()).of(few, counted).distillation();
            // fewer buckets can only lose divergence
            assertThat(part).isPositive().isLessThan(stored.distillation());
        }
    }

    private LossGradient gradient(List<Distillation> teachers) {
        return new LossGradient(model, model.parameters(), new CrossEntropy(), teachers, false, 5);
    }

    /** KL to a teacher by its own formula. */
    private record Teacher(CausalLm teacher, double beta) implements Distillation {
        @Override
        public Tensor accumulate(LogitChunk chunk, Tensor scores) {
            Tensor weights = chunk.weights().mul(beta);
            return Kernels.call(
                    "kl_forward_into", chunk.logits(), scores, chunk.gradient(), weights, 1.0);
        }
    }

    private static TrainOptions options(int steps) {
        return TrainOptions.defaults().withSteps(steps).withBatch(2, 1).withLearningRate(1e-3);
    }

    @Test
    void aCachedTeacherTrainsAsTheTeacherDoes() {
        List<Double> cached = new ArrayList<>();
        List<Double> taught = new ArrayList<>();
        try (CausalLm base = model.copy();
                CausalLm other = model.copy()) {
            int all = model.spec().vocabularySize();
            CachedTeacher teacher =
                    new CachedTeacher(
                            base, NEW, 10, 4, new TopScores(all, 0.5, StoredScores.Loss.KL));
            assertThat(teacher.size()).isEqualTo(6);
            Trainer.of(model, teacher)
                    .options(options(5))
                    .onStep(step -> cached.add(step.distillation()))
                    .run();
            Trainer.of(other, NEW)
                    .options(options(5))
                    .with((Distillation) new Teacher(base, 0.5))
                    .onStep(step -> taught.add(step.distillation()))
                    .run();
            for (int s = 0; s < 5; s++) {
                assertThat(cached.get(s)).isCloseTo(taught.get(s), within(1e-5));
            }
            assertThat(cached.get(4)).isPositive();
        }
    }

    /** L_new + w L_old: two means, whatever the number of tokens of each. */
    @Test
    void oldRowsAddTheirMeanLoss() {
        try (Scope scope = Scope.open()) {
            double[] losses = new double[2];
            model.parameters().forEach(parameter -> parameter.value().requiresGrad(true));
            List<TrainRow> fresh = NEW.rows(0, 2);
            List<TrainRow> old = OLD.rows(0, 3);
            for (int i = 0; i < 2; i++) {
                List<TrainRow> rows = i == 0 ? fresh : old;
                losses[i] =
                        gradient(List.of())
                                .of(rows, rows.stream().mapToDouble(TrainRow::totalWeight).sum())
                                .loss();
            }
            List<StepReport> steps = new ArrayList<>();
            Trainer.of(model, NEW)
                    .options(options(1))
                    .mix(new LossWeightReplay(OLD, 3, 0.5))
                    .onStep(steps::add)
                    .run();
            assertThat(steps.get(0).loss()).isCloseTo(losses[0] + 0.5 * losses[1], within(1e-5));
            assertThat(steps.get(0).replayedTokens())
                    .isEqualTo(old.stream().mapToLong(row -> row.ids().length).sum());
        }
    }

    /**
     * DER++ with all scores, step by step against the losses put together by hand: cross-entropy of
     * the new rows, α times the divergence of the first draw, β times the cross-entropy of the
     * second, and only then the new rows into the buffer with their scores of before the step.
     */
    @Test
    void darkReplayInTheOrderOfThePaper() {
        int all = model.spec().vocabularySize();
        double alpha = 0.4;
        double beta = 0.6;
        TopScores scores = new TopScores(all, alpha, StoredScores.Loss.KL);
        List<StepReport> reports = new ArrayList<>();
        ReplayBuffer own = new ReplayBuffer(ReplayBuffer.Policy.RESERVOIR, 5, 7);
        List<double[]> expected = new ArrayList<>();
        try (CausalLm shadow = model.copy()) {
            BufferedReplay replay =
                    BufferedReplay.dark(
                            new ReplayBuffer(ReplayBuffer.Policy.RESERVOIR, 5, 7),
                            2,
                            model,
                            scores,
                            beta,
                            3);
            Trainer.of(model, NEW)
                    .options(options(8))
                    .mix(replay)
                    .onStep(reports::add)
                    .onStep(
                            step -> {
                                expected.add(byHand(shadow, own, scores, beta, step.step() - 1));
                                copy(model, shadow);
                            })
                    .run();
        }
        for (int s = 0; s < 8; s++) {
            assertThat(reports.get(s).loss())
                    .as("step " + s)
                    .isCloseTo(expected.get(s)[0], within(1e-4));
            assertThat(reports.get(s).distillation()).isCloseTo(expected.get(s)[1], within(1e-4));
        }
        assertThat(reports.get(0).distillation()).as("the buffer was empty").isZero();
        assertThat(reports.get(7).distillation()).isPositive();
    }

    private static void copy(CausalLm from, CausalLm to) {
        try (Scope scope = Scope.open()) {
            for (int p = 0; p < to.parameters().size(); p++) {
                to.parameters()
                        .get(p)
                        .value()
                        .copyInPlace(from.parameters().get(p).value().detach());
            }
        }
    }

    private static double[] byHand(
            CausalLm now, ReplayBuffer buffer, TopScores scores, double beta, long step) {
        try (Scope scope = Scope.open()) {
            List<TrainRow> fresh = NEW.rows(step * 2, 2);
            double loss = crossEntropy(now, fresh);
            double near = 0;
            List<TrainRow> dark = buffer.draw(2, Random.at(3, step * 2, "replay-dark"));
            List<TrainRow> labels = buffer.draw(2, Random.at(3, step * 2, "replay-labels"));
            if (!dark.isEmpty()) {
                double sum = 0;
                int places = 0;
                for (TrainRow row : dark) {
                    List<TrainRow> again =
                            scores.of(now, List.of(new TrainRow(row.ids(), row.weights(), false)));
                    sum += divergence(row, again.get(0));
                    places += row.ids().length - 1;
                }
                near = scores.strength() * sum / places;
                loss += beta * crossEntropy(now, labels);
            }
            scores.of(now, fresh).forEach(row -> buffer.add(row, 0));
            return new double[] {loss, near};
        }
    }

    private static double crossEntropy(CausalLm now, List<TrainRow> rows) {
        double sum = 0;
        double count = 0;
        for (TrainRow row : rows) {
            double[] logs = now.tokenLogProbs(TokenBatch.of(row.ids()))[0];
            for (int t = 1; t < row.ids().length; t++) {
                sum -= logs[t];
                count++;
            }
        }
        return sum / count;
    }

    private static double divergence(TrainRow before, TrainRow now) {
        StoredScores p = Objects.requireNonNull(before.stored());
        StoredScores q = Objects.requireNonNull(now.stored());
        double sum = 0;
        for (int t = 0; t < p.positions(); t++) {
            double[] other = new double[p.k()];
            for (int i = 0; i < p.k(); i++) {
                other[q.ids()[t * p.k() + i]] = q.logProbs()[t * p.k() + i];
            }
            for (int i = 0; i < p.k(); i++) {
                double log = p.logProbs()[t * p.k() + i];
                sum += Math.exp(log) * (log - other[p.ids()[t * p.k() + i]]);
            }
        }
        return sum;
    }

    @Test
    void aResumedRunIsThatWithoutInterruption(@TempDir Path folder) throws Exception {
        List<float[]> whole = run(model, folder.resolve("a"), null);
        try (CausalLm again = Pretrained.load(Pretrained.EMBEDDED)) {
            List<float[]> resumed =
                    run(again, folder.resolve("b"), Checkpoints.of(folder.resolve("a"), 3));
            for (int p = 0; p < whole.size(); p++) {
                assertThat(resumed.get(p)).isEqualTo(whole.get(p));
            }
        }
    }

    private static List<float[]> run(CausalLm of, Path folder, Path checkpoint) throws Exception {
        BufferedReplay replay =
                BufferedReplay.dark(
                        new ReplayBuffer(ReplayBuffer.Policy.RESERVOIR, 4, 7),
                        2,
                        of,
                        new TopScores(16, 0.5, StoredScores.Loss.MSE),
                        0.5,
                        3);
        Trainer trainer =
                Trainer.of(of, NEW)
                        .options(options(6))
                        .mix(replay)
                        .mix(new LossWeightReplay(OLD, 1, 0.2))
                        .checkpoints(CheckpointOptions.in(folder).every(3));
        if (checkpoint == null) {
            trainer.run();
        } else {
            trainer.resume(checkpoint);
        }
        return of.parameters().stream().map(p -> p.value().toFloatArray()).toList();
    }

    @Test
    void wrongSettingsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TopScores(0, 1, StoredScores.Loss.KL));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TopScores(1, -1, StoredScores.Loss.KL));
        assertThatIllegalArgumentException().isThrownBy(() -> new LossWeightReplay(OLD, 0, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                TrainRow.of(1, 2, 3)
                                        .near(
                                                new StoredScores(
                                                        1,
                                                        new int[1],
                                                        new float[1],
                                                        new float[1],
                                                        new float[1],
                                                        1,
                                                        StoredScores.Loss.KL)));
    }
}
