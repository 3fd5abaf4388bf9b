package org.retain4j.regularization.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.TrainingException;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.optim.Optimizer;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.regularization.GoldenPenalties;
import org.retain4j.regularization.projection.AGem;

/** What moves and what stays. */
class WrapperTest {

    private CausalLm model;
    private CausalLm base;

    @BeforeEach
    void load() throws IOException {
        base = GoldenPenalties.model();
        model = base.copy();
    }

    @AfterEach
    void close() {
        model.close();
        base.close();
    }

    private static Trainer trainer(CausalLm of, OptimizerWrapper wrapper, int steps)
            throws IOException {
        return Trainer.of(of, GoldenPenalties.batchSource())
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(3, 1)
                                .withLearningRate(0.01))
                .with(wrapper);
    }

    private long moved(int parameter) {
        float[] before = base.parameters().get(parameter).value().toFloatArray();
        float[] after = model.parameters().get(parameter).value().toFloatArray();
        long count = 0;
        for (int i = 0; i < before.length; i++) {
            count += before[i] == after[i] ? 0 : 1;
        }
        return count;
    }

    /** One step on w² / 2 · (1, 4): the gradient is taken at the point that is worst near by. */
    @Test
    void samStepsWithTheGradientOfThePointUphill() {
        try (Scope scope = Scope.open()) {
            Parameter w = new Parameter("w", Tensor.of(new float[] {3, -1}, 2));
            List<Parameter> parameters = List.of(w);
            for (boolean adaptive : new boolean[] {false, true}) {
                w.value().copyInPlace(Tensor.of(new float[] {3, -1}, 2));
                double[][] seen = new double[1][];
                Optimizer inner = new Sgd.Options(0, 0).create(parameters);
                Optimizer sam =
                        new Sam(0.5, adaptive)
                                .wrap(
                                        inner,
                                        parameters,
                                        () -> {
                                            seen[0] = w.value().toDoubleArray();
                                            return List.of(slope(seen[0]));
                                        });
                double[] g = {3, -4};
                double[] t = adaptive ? new double[] {3.01, 1.01} : new double[] {1, 1};
                double norm = Math.hypot(t[0] * g[0], t[1] * g[1]);
                sam.step(List.of(slope(new double[] {3, -1})), 0.1);
                for (int i = 0; i < 2; i++) {
                    double up = (i == 0 ? 3 : -1) + 0.5 * t[i] * t[i] * g[i] / norm;
                    assertThat(seen[0][i]).isCloseTo(up, within(1e-5));
                    double goal = (i == 0 ? 3 : -1) - 0.1 * (i == 0 ? up : 4 * up);
                    assertThat(w.value().toDoubleArray()[i]).isCloseTo(goal, within(1e-5));
                }
                sam.close();
            }
        }
    }

    private static Tensor slope(double[] at) {
        return Tensor.of(new float[] {(float) at[0], (float) (4 * at[1])}, 2);
    }

    @Test
    void samAtRadiusZeroIsTheOptimizerItself() throws IOException {
        trainer(model, new Sam(1e-12), 3).run();
        try (CausalLm plain = base.copy()) {
            Trainer.of(plain, GoldenPenalties.batchSource())
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(3)
                                    .withBatch(3, 1)
                                    .withLearningRate(0.01))
                    .run();
            for (int p = 0; p < plain.parameters().size(); p++) {
                assertThat(model.parameters().get(p).value().toDoubleArray())
                        .containsExactly(
                                plain.parameters().get(p).value().toDoubleArray(), within(1e-5));
            }
        }
    }

    @Test
    void mofoMovesTheEntriesWithTheLargestMomenta() throws IOException {
        trainer(model, new MoFo(0.1), 1).run();
        for (int p = 0; p < model.parameters().size(); p++) {
            Parameter parameter = model.parameters().get(p);
            long size = parameter.elements();
            if (parameter.value().shape().length < 2) {
                assertThat(moved(p)).isGreaterThan(size / 2);
            } else {
                assertThat(moved(p)).isBetween(1L, (long) Math.floor(0.1 * size));
            }
        }
        assertThatThrownBy(
                        () ->
                                Trainer.of(model, GoldenPenalties.batchSource())
                                        .options(
                                                TrainOptions.defaults()
                                                        .withSteps(1)
                                                        .withOptimizer(new Sgd.Options(0, 0)))
                                        .with(new MoFo(0.1))
                                        .run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("AdamW");
    }

    @Test
    void halfOfEveryKindStaysInARound() throws IOException {
        trainer(model, new HalfFineTuning(5, 3), 2).run();
        int still = 0;
        int inBlocks = 0;
        for (int p = 0; p < model.parameters().size(); p++) {
            String name = model.parameters().get(p).name();
            if (name.contains(".layers.")) {
                inBlocks++;
                still += moved(p) == 0 ? 1 : 0;
            } else {
                assertThat(moved(p)).as(name).isPositive();
            }
        }
        assertThat(still).isBetween(inBlocks / 2 - 2, inBlocks / 2 + 2);
        // another round draws anew
        trainer(model, new HalfFineTuning(1, 3), 6).run();
        for (int p = 0; p < model.parameters().size(); p++) {
            still -= moved(p) == 0 ? 1 : 0;
        }
        assertThat(still).isPositive();
    }

    @Test
    void lisaMovesOneBlockAtATime() throws IOException {
        trainer(model, new Lisa(1, 3, 5), 3).run();
        List<String> moving = new ArrayList<>();
        for (int p = 0; p < model.parameters().size(); p++) {
            String name = model.parameters().get(p).name();
            if (moved(p) > 0 && name.contains(".layers.")) {
                moving.add(name.replaceAll("(layers\\.\\d+).*", "$1"));
            } else if (!name.contains(".layers.")) {
                assertThat(moved(p)).as(name).isPositive();
            }
        }
        assertThat(moving).isNotEmpty().allMatch(moving.get(0)::equals);
    }

    /** Second gradient, old gradient, filter and held tensors go on to the same bits. */
    @Test
    void aResumedRunIsThatWithoutInterruption(@TempDir Path folder) throws Exception {
        List<float[]> whole = weights(model, run(model, folder.resolve("a"), null));
        try (CausalLm again = base.copy()) {
            List<float[]> resumed =
                    weights(
                            again,
                            run(
                                    again,
                                    folder.resolve("b"),
                                    Checkpoints.of(folder.resolve("a"), 3)));
            for (int p = 0; p < whole.size(); p++) {
                assertThat(resumed.get(p)).isEqualTo(whole.get(p));
            }
        }
    }

    private static List<float[]> weights(CausalLm of, Object run) {
        assertThat(run).isNotNull();
        return of.parameters().stream().map(p -> p.value().toFloatArray()).toList();
    }

    private static Object run(CausalLm of, Path folder, Path checkpoint) throws Exception {
        try (AGem agem = new AGem(of, GoldenPenalties.thirdTask(), 2, true)) {
            Trainer trainer =
                    trainer(of, new Lisa(1, 2, 7), 6)
                            .with(new MoFo(0.3))
                            .with(new Sam(0.05))
                            .with(agem)
                            .checkpoints(CheckpointOptions.in(folder).every(3));
            return checkpoint == null ? trainer.run() : trainer.resume(checkpoint);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Sam(0));
        assertThatIllegalArgumentException().isThrownBy(() -> new MoFo(0));
        assertThatIllegalArgumentException().isThrownBy(() -> new MoFo(1.1));
        assertThatIllegalArgumentException().isThrownBy(() -> new HalfFineTuning(0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> new Lisa(0, 1, 1));
    }
}
