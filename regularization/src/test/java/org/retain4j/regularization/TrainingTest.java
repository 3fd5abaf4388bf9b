package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.schedule.Schedule;

/** The methods inside the trainer: they pull, strength zero changes nothing, nothing leaks. */
class TrainingTest {

    private CausalLm base;
    private final List<StepReport> reports = new ArrayList<>();

    @BeforeEach
    void load() throws IOException {
        base = GoldenPenalties.model();
    }

    @AfterEach
    void close() {
        base.close();
    }

    /** Returns the weights after some steps. */
    private List<float[]> train(UnaryOperator<Trainer> method) throws IOException {
        reports.clear();
        try (CausalLm model = base.copy()) {
            Trainer trainer =
                    Trainer.of(model, GoldenPenalties.batchSource())
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(8)
                                            .withBatch(3, 1)
                                            .withLearningRate(0.01)
                                            .withSchedule(Schedule.constant()))
                            .onStep(reports::add);
            method.apply(trainer).run();
            return model.parameters().stream().map(p -> p.value().toFloatArray()).toList();
        }
    }

    /** Returns how far the weights are from the base model's. */
    private double moved(List<float[]> weights) {
        double sum = 0;
        for (int p = 0; p < weights.size(); p++) {
            float[] before = base.parameters().get(p).value().toFloatArray();
            for (int i = 0; i < before.length; i++) {
                sum += Math.pow((double) weights.get(p)[i] - before[i], 2);
            }
        }
        return Math.sqrt(sum);
    }

    @ParameterizedTest
    @EnumSource(Penalty.Mode.class)
    void penaltiesHoldTheWeightsNearTheirStart(Penalty.Mode mode) throws IOException {
        double free = moved(train(trainer -> trainer));
        assertThat(reports).allMatch(report -> report.penalty() == 0);
        long live = Scope.liveTensors();
        for (double lambda : new double[] {0, 3}) {
            try (Importance fisher =
                            GoldenPenalties.importance(
                                    "fisher_empirical_sum_f64.safetensors", base);
                    Ewc ewc = new Ewc(lambda, fisher, mode);
                    L2Sp l2Sp = new L2Sp(lambda, mode)) {
                for (Penalty penalty : List.of(l2Sp, ewc)) {
                    double held = moved(train(trainer -> trainer.with(penalty)));
                    if (lambda == 0) {
                        assertThat(held).isCloseTo(free, within(1e-9));
                    } else {
                        assertThat(held).isPositive().isLessThan(0.97 * free);
                        assertThat(reports.get(7).penalty()).isPositive();
                        boolean inGradient =
                                mode == Penalty.Mode.GRADIENT || mode == Penalty.Mode.LOSS;
                        assertThat(reports.get(7).penaltyGradientShare() > 0).isEqualTo(inGradient);
                    }
                }
            }
        }
        assertThat(Scope.liveTensors()).isEqualTo(live);
    }

    @Test
    void klHoldsThePredictionsNearThoseOfTheBase() throws IOException {
        long live = Scope.liveTensors();
        List<float[]> free = train(trainer -> trainer);
        List<float[]> zero = train(trainer -> trainer.with(new KlToBase(base, 0)));
        assertThat(moved(zero)).isCloseTo(moved(free), within(1e-4));
        train(trainer -> trainer.with(new KlToBase(base, 1e-3)));
        assertThat(reports.get(0).distillation()).as("equal models").isCloseTo(0, within(1e-8));
        double loose = reports.get(7).distillation() / 1e-3;
        double looseLoss = reports.get(7).loss();
        train(trainer -> trainer.with(new KlToBase(base, 3)));
        double tight = reports.get(7).distillation() / 3;
        assertThat(tight).isPositive().isLessThan(0.7 * loose);
        assertThat(reports.get(7).loss()).as("the price").isGreaterThan(looseLoss);
        assertThat(Scope.liveTensors()).isEqualTo(live);
    }

    @Test
    void frozenParametersNeedNoAnchor() throws IOException {
        try (Importance fisher =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", base);
                Ewc ewc = new Ewc(1, fisher)) {
            List<float[]> weights =
                    train(
                            trainer ->
                                    trainer.trainOnly(p -> p.name().contains("layers.1"))
                                            .with(ewc));
            assertThat(ewc.save().tensors().keySet()).allMatch(name -> name.contains("layers.1"));
            for (int p = 0; p < weights.size(); p++) {
                Parameter parameter = base.parameters().get(p);
                if (!parameter.name().contains("layers.1")) {
                    assertThat(weights.get(p)).isEqualTo(parameter.value().toFloatArray());
                }
            }
        }
    }
}
