package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.Distillation;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.Objective;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;

/** The numbers of golden/penalties; float32 against float64, tolerances as its README says. */
class PenaltyParityTest {

    private static final double TIGHT = 1e-5;
    private static final double RUN = 1e-4;

    /** Ten steps in float32 here and there; the reference's own distance to float64 is 2e-6. */
    private static final double SAME_TYPE = 1e-5;

    private static final double LAMBDA = 40;

    private CausalLm model;
    private Scope scope;

    @BeforeEach
    void load() throws IOException {
        model = GoldenPenalties.model();
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
        model.close();
    }

    private LossGradient.Result gradient(
            Objective objective, List<Distillation> distillations, List<TrainRow> rows) {
        List<Parameter> parameters = model.parameters();
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        try {
            return new LossGradient(model, parameters, objective, distillations, false, 7)
                    .of(rows, GoldenPenalties.counted(rows));
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    private void assertClose(List<Tensor> actual, String file, double tolerance)
            throws IOException {
        assertClose(actual, GoldenPenalties.arrays(file), tolerance);
    }

    private void assertClose(
            List<Tensor> actual, Map<String, double[]> expected, double tolerance) {
        assertThat(expected).isNotEmpty();
        List<Parameter> parameters = model.parameters();
        for (int p = 0; p < parameters.size(); p++) {
            double[] e = expected.get(parameters.get(p).name());
            if (e == null) {
                continue;
            }
            double[] a = actual.get(p).toDoubleArray();
            assertThat(a).hasSameSizeAs(e);
            double largest = 0;
            for (double value : e) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (int i = 0; i < e.length; i++) {
                assertThat(a[i])
                        .as(parameters.get(p).name())
                        .isCloseTo(e[i], within(tolerance * largest));
            }
        }
    }

    @Test
    void theTaskGradientIsThatOfTheReference() throws IOException {
        List<TrainRow> rows = GoldenPenalties.batch(0);
        LossGradient.Result result = gradient(new CrossEntropy(), List.of(), rows);
        double loss = GoldenPenalties.expected().at("/model_check/loss_plain_f64").asDouble();
        assertThat(result.loss()).isCloseTo(loss, within(TIGHT));
        assertClose(result.gradients(), "grad_B0_f64.safetensors", TIGHT);
    }

    @Test
    void empiricalFisher() throws IOException {
        List<TrainRow> rows = GoldenPenalties.sequences();
        try (Importance fisher =
                new Fisher(Fisher.Labels.EMPIRICAL, rows.size(), 0)
                        .estimate(
                                model,
                                (first, count) -> rows.subList((int) first, (int) first + count))) {
            List<Tensor> values = fisher.of(model.parameters());
            assertClose(values, "fisher_empirical_sum_f64.safetensors", TIGHT);
            assertClose(values, "fisher_empirical_sum_f32.safetensors", TIGHT);
            JsonNode expected = GoldenPenalties.expected();
            double mean = expected.at("/ewc/importance_mean_over_all_entries").asDouble();
            assertThat(fisher.mean()).isCloseTo(mean, within(TIGHT * mean));
        }
    }

    @Test
    void fisherOfTheRecordedDrawnLabels() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("fisher");
        List<TrainRow> rows = GoldenPenalties.sequences();
        List<Parameter> parameters = model.parameters();
        double trace = 0;
        List<Tensor> squares = Kernels.callForList("list_zeros_like", Parameter.values(parameters));
        for (int s = 0; s < rows.size(); s++) {
            TrainRow row = rows.get(s);
            TokenBatch batch = TokenBatch.of(row.ids());
            int length = row.ids().length;
            double[] uniforms = new double[length];
            float[] weights = new float[length];
            int next = 0;
            for (int t = 0; t + 1 < length; t++) {
                if (row.weights()[t + 1] > 0) {
                    uniforms[t] = expected.get("uniforms_used").get(s).get(next++).asDouble();
                    weights[t] = 1;
                }
            }
            long[] labels =
                    Kernels.call(
                                    "sampled_labels",
                                    model.hidden(batch).reshape(length, -1),
                                    model.headWeight().value(),
                                    Tensor.of(uniforms, length),
                                    0.0,
                                    6)
                            .toLongArray();
            List<Long> counted = new ArrayList<>();
            List<Long> recorded = new ArrayList<>();
            expected.get("sampled_labels").get(s).forEach(label -> recorded.add(label.asLong()));
            for (int t = 0; t < length; t++) {
                if (weights[t] > 0) {
                    counted.add(labels[t]);
                } else {
                    labels[t] = -100;
                }
            }
            assertThat(counted).isEqualTo(recorded);
            parameters.forEach(parameter -> parameter.value().requiresGrad(true));
            LossGradient task =
                    new LossGradient(model, parameters, new CrossEntropy(), List.of(), false, 256);
            List<Tensor> gradients = task.of(batch, labels, weights).gradients();
            trace += Kernels.call("list_dot", gradients, gradients).item() / rows.size();
            Kernels.call("list_add_square_", squares, gradients);
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
        Kernels.call("list_mul_scalar_", squares, 1.0 / rows.size());
        assertClose(squares, "fisher_sampled_sum_f64.safetensors", TIGHT);
        double reference = expected.at("/trace/sampled_sum").asDouble();
        assertThat(trace).isCloseTo(reference, within(TIGHT * reference));
    }

    @Test
    void ewcValueAndGradient() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("ewc");
        try (Importance fisher =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", model);
                Ewc ewc = new Ewc(LAMBDA, fisher)) {
            ewc.start(model.parameters());
            assertThat(ewc.value(model.parameters())).isZero();
            GoldenPenalties.moveTo(model, "model_shifted.safetensors");
            double value = expected.get("value_no_half").asDouble();
            assertThat(ewc.value(model.parameters())).isCloseTo(value, within(TIGHT * value));
            assertGradient(ewc, "ewc_penalty_grad_f64.safetensors");

            fisher.normalize(Importance.Normalization.MEAN_1);
            double scaled = expected.at("/normalised_values_no_half/MEAN_1").asDouble();
            assertThat(ewc.value(model.parameters())).isCloseTo(scaled, within(TIGHT * scaled));
        }
    }

    private void assertGradient(Penalty penalty, String file) throws IOException {
        List<Tensor> gradients =
                Kernels.callForList("list_zeros_like", Parameter.values(model.parameters()));
        double norm = penalty.addGradient(model.parameters(), gradients);
        assertClose(gradients, file, TIGHT);
        double whole = Kernels.call("global_norm", gradients).item();
        assertThat(norm).isCloseTo(whole, within(TIGHT * whole));
        penalty.addGradient(model.parameters(), gradients);
        assertThat(Kernels.call("global_norm", gradients).item())
                .as("added to what was there")
                .isCloseTo(2 * whole, within(TIGHT * whole));
    }

    @Test
    void l2SpValueAndGradientOfTheAnchoredParameters() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("l2sp");
        Map<String, double[]> gradients = GoldenPenalties.arrays("l2sp_grad_f64.safetensors");
        // the reference treats the head as new and pulls it to 0; we add no parameters
        double[] head = gradients.remove("lm_head.weight");
        try (L2Sp l2Sp = new L2Sp(expected.get("alpha").asDouble())) {
            l2Sp.start(model.parameters());
            double headSquares = 0;
            double[] headBefore = model.headWeight().value().toDoubleArray();
            GoldenPenalties.moveTo(model, "model_shifted.safetensors");
            double[] headAfter = model.headWeight().value().toDoubleArray();
            double beta = expected.get("beta").asDouble();
            double newTerm = 0;
            for (int i = 0; i < head.length; i++) {
                headSquares += Math.pow(headAfter[i] - headBefore[i], 2);
                newTerm += beta * headAfter[i] * headAfter[i];
            }
            double value =
                    expected.get("value").asDouble()
                            - newTerm
                            + expected.get("alpha").asDouble() * headSquares;
            assertThat(l2Sp.value(model.parameters())).isCloseTo(value, within(TIGHT * value));
            List<Tensor> own =
                    Kernels.callForList("list_zeros_like", Parameter.values(model.parameters()));
            l2Sp.addGradient(model.parameters(), own);
            assertThat(gradients).hasSize(own.size() - 1);
            assertClose(own, gradients, TIGHT);
        }
    }

    @Test
    void klToBaseValueAndGradient() throws IOException {
        JsonNode expected = GoldenPenalties.expected().at("/kl_to_base/values");
        List<TrainRow> rows = GoldenPenalties.batch(1);
        List<String> compared = new ArrayList<>();
        try (CausalLm base = model.copy()) {
            GoldenPenalties.moveTo(model, "model_shifted.safetensors");
            for (KlToBase.Direction direction : KlToBase.Direction.values()) {
                for (int temperature : new int[] {1, 2}) {
                    LossGradient.Result result =
                            gradient(
                                    new Nothing(),
                                    List.of(new KlToBase(base, 1, direction, temperature)),
                                    rows);
                    String key = direction.name().toLowerCase(Locale.ROOT) + "_T" + temperature;
                    assertThat(result.loss()).isZero();
                    if (expected.has(key)) {
                        // the reference leaves out the factor T²
                        double value =
                                temperature
                                        * temperature
                                        * expected.get(key).get("value").asDouble();
                        assertThat(result.distillation())
                                .as(key)
                                .isCloseTo(value, within(TIGHT * value));
                        compared.add(key);
                    }
                    if (key.equals("forward_T1")) {
                        assertClose(
                                result.gradients(), "kl_forward_T1_grad_f64.safetensors", TIGHT);
                    } else if (key.equals("forward_T2")) {
                        Map<String, double[]> without =
                                GoldenPenalties.arrays("kl_forward_T2_grad_f64.safetensors");
                        without.values().forEach(all -> scale(all, 4));
                        assertClose(result.gradients(), without, TIGHT);
                    } else if (key.equals("reverse_T1")) {
                        assertClose(
                                result.gradients(), "kl_reverse_T1_grad_f64.safetensors", TIGHT);
                    }
                }
            }
        }
        assertThat(compared).contains("forward_T1", "reverse_T1", "forward_T2", "jsd_T1", "k3_T1");
    }

    private static void scale(double[] values, double factor) {
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
    }

    /** Defect of two peers: their learning without forgetting leaves out the factor T². */
    @Test
    void learningWithoutForgettingHasTheSquareOfTheTemperature() throws IOException {
        JsonNode lwf = GoldenPenalties.expected().at("/kl_to_base/lwf");
        double alpha = lwf.get("alpha").asDouble();
        double temperature = lwf.get("T").asDouble();
        try (CausalLm base = model.copy()) {
            GoldenPenalties.moveTo(model, "model_shifted.safetensors");
            LossGradient.Result result =
                    gradient(
                            new CrossEntropy(),
                            List.of(
                                    new KlToBase(
                                            base, alpha, KlToBase.Direction.FORWARD, temperature)),
                            GoldenPenalties.batch(1));
            assertThat(result.loss()).isCloseTo(lwf.get("task_loss").asDouble(), within(5e-5));
            double total = result.loss() + result.distillation();
            assertThat(total).isCloseTo(lwf.get("total_paper").asDouble(), within(5e-5));
            double peers = result.loss() + result.distillation() / temperature / temperature;
            assertThat(peers)
                    .isCloseTo(lwf.get("total_without_T_squared").asDouble(), within(5e-5));
        }
    }

    /** Leaves the whole gradient to the distillation. */
    private static final class Nothing implements Objective {
        @Override
        public Tensor accumulate(LogitChunk chunk) {
            return Tensor.scalar(0);
        }
    }

    @Test
    void trainingWithEwc() throws IOException {
        try (Importance fisher =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", model);
                Ewc ewc = new Ewc(LAMBDA, fisher)) {
            assertRun(ewc, "adamw_ewc");
            assertClose(
                    Parameter.values(model.parameters()), "adamw_ewc_f32.safetensors", SAME_TYPE);
        }
    }

    @Test
    void trainingWithoutPenalty() throws IOException {
        assertRun(null, "adamw_plain");
        GoldenPenalties.moveTo(model, "model/model.safetensors");
        assertSgdRun(null, "sgd_plain");
    }

    @Test
    void trainingWithEwcInOtherModes() throws IOException {
        try (Importance fisher =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", model);
                Ewc joined = new Ewc(LAMBDA, fisher);
                Ewc decoupled = new Ewc(LAMBDA / 100, fisher, Penalty.Mode.DECOUPLED);
                Ewc proximal = new Ewc(LAMBDA, fisher, Penalty.Mode.PROXIMAL)) {
            assertSgdRun(joined, "sgd_ewc");
            assertClose(Parameter.values(model.parameters()), "sgd_ewc_f32.safetensors", SAME_TYPE);
            GoldenPenalties.moveTo(model, "model/model.safetensors");
            assertSgdRun(decoupled, "sgd_ewc_decoupled");
            GoldenPenalties.moveTo(model, "model/model.safetensors");
            assertRun(proximal, "adamw_ewc_proximal");
        }
    }

    @Test
    void trainingWithL2Sp() throws IOException {
        try (L2Sp l2Sp = new L2Sp(0.05)) {
            assertRun(l2Sp, "adamw_l2sp");
        }
    }

    private void assertRun(@Nullable Penalty penalty, String name) throws IOException {
        assertRun(penalty, name, 0.004, new AdamW.Options(0.9, 0.95, 1e-8, 0.01, true));
    }

    private void assertSgdRun(@Nullable Penalty penalty, String name) throws IOException {
        assertRun(penalty, name, 0.05, new Sgd.Options(0.9, 0));
    }

    private void assertRun(
            @Nullable Penalty penalty, String name, double rate, OptimizerFactory optimizer)
            throws IOException {
        JsonNode expected = GoldenPenalties.expected().at("/training/runs/" + name);
        List<StepReport> reports = new ArrayList<>();
        Trainer trainer =
                Trainer.of(model, GoldenPenalties.batchSource())
                        .options(
                                TrainOptions.defaults()
                                        .withSteps(10)
                                        .withBatch(3, 1)
                                        .withLearningRate(rate)
                                        .withSchedule(Schedule.constant())
                                        .withMaxGradNorm(1)
                                        .withOptimizer(optimizer))
                        .onStep(reports::add);
        if (penalty != null) {
            trainer.with(penalty);
        }
        trainer.run();
        assertThat(reports).hasSize(10);
        for (int s = 0; s < 10; s++) {
            StepReport report = reports.get(s);
            assertReported(report.loss(), expected.get("loss").get(s));
            assertReported(report.penalty(), expected.get("penalty").get(s));
            assertReported(report.gradientNorm(), expected.get("grad_norm_before_clip").get(s));
        }
        assertClose(Parameter.values(model.parameters()), name + "_f64.safetensors", RUN);
    }

    private static void assertReported(double actual, JsonNode expected) {
        double value = expected.asDouble();
        assertThat(actual).isCloseTo(value, within(RUN * value + 1e-12));
    }
}
