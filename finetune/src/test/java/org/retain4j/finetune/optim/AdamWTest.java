package org.retain4j.finetune.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorException;
import org.retain4j.finetune.StateDict;

class AdamWTest {

    private static final AdamW.Options OPTIONS = new AdamW.Options(0.9, 0.95, 1e-8, 0.1, false);

    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static List<Parameter> parameters() {
        return List.of(
                new Parameter("matrix", Random.at(1, 0, "matrix").normal(1, 3, 5)),
                new Parameter("vector", Random.at(1, 0, "vector").normal(1, 4)));
    }

    private static List<Tensor> gradients(int step) {
        return List.of(
                Random.at(2, step, "matrix").normal(1, 3, 5),
                Random.at(2, step, "vector").normal(1, 4));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stepsFollowTheFormula(boolean decayAll) {
        AdamW.Options options = new AdamW.Options(0.9, 0.95, 1e-8, 0.1, decayAll);
        List<Parameter> parameters = parameters();
        List<double[]> expected = new ArrayList<>();
        List<double[]> first = new ArrayList<>();
        List<double[]> second = new ArrayList<>();
        for (Parameter parameter : parameters) {
            expected.add(parameter.value().toDoubleArray());
            first.add(new double[(int) parameter.elements()]);
            second.add(new double[(int) parameter.elements()]);
        }
        try (AdamW optimizer = options.create(parameters)) {
            for (int t = 1; t <= 4; t++) {
                double rate = 0.01 * t;
                List<Tensor> gradients = gradients(t);
                for (int p = 0; p < 2; p++) {
                    double[] g = gradients.get(p).toDoubleArray();
                    double decay = p == 0 || decayAll ? 0.1 : 0;
                    for (int i = 0; i < g.length; i++) {
                        double[] m = first.get(p);
                        double[] v = second.get(p);
                        m[i] = 0.9 * m[i] + 0.1 * g[i];
                        v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i];
                        double mean = m[i] / (1 - Math.pow(0.9, t));
                        double square = v[i] / (1 - Math.pow(0.95, t));
                        double x = expected.get(p)[i] * (1 - rate * decay);
                        expected.get(p)[i] = x - rate * mean / (Math.sqrt(square) + 1e-8);
                    }
                }
                optimizer.step(gradients, rate);
            }
        }
        for (int p = 0; p < 2; p++) {
            assertThat(parameters.get(p).value().toDoubleArray())
                    .containsExactly(expected.get(p), within(2e-6));
        }
    }

    @Test
    void aRestoredStateGoesOnWithTheSameBits() {
        List<Parameter> all = parameters();
        try (AdamW whole = OPTIONS.create(all)) {
            for (int t = 0; t < 6; t++) {
                whole.step(gradients(t), 0.01);
            }
        }
        List<Parameter> cut = parameters();
        StateDict saved;
        try (AdamW before = OPTIONS.create(cut)) {
            for (int t = 0; t < 3; t++) {
                before.step(gradients(t), 0.01);
            }
            saved = copy(before.save());
        }
        try (AdamW after = OPTIONS.create(cut)) {
            after.load(saved);
            for (int t = 3; t < 6; t++) {
                after.step(gradients(t), 0.01);
            }
        }
        for (int p = 0; p < 2; p++) {
            assertThat(cut.get(p).value().toFloatArray())
                    .isEqualTo(all.get(p).value().toFloatArray());
        }
    }

    /** A state holds the optimizer's own tensors, which die with it. */
    static StateDict copy(StateDict state) {
        Map<String, Tensor> tensors = new HashMap<>();
        state.tensors().forEach((name, tensor) -> tensors.put(name, tensor.copy()));
        return new StateDict(tensors, state.numbers());
    }

    @Test
    void aStateOfOtherParametersIsRefused() {
        try (AdamW optimizer = OPTIONS.create(parameters())) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.load(StateDict.empty()))
                    .withMessageContaining("matrix.exp_avg");
        }
    }

    @Test
    void aGradientOfAnotherShapeIsRefused() {
        try (AdamW optimizer = OPTIONS.create(parameters())) {
            List<Tensor> swapped = List.of(gradients(0).get(1), gradients(0).get(0));
            assertThatThrownBy(() -> optimizer.step(swapped, 0.1))
                    .isInstanceOf(TensorException.class)
                    .hasMessageContaining("differ in shape");
        }
    }

    @Test
    void closingFreesTheState() {
        List<Parameter> parameters = parameters();
        long before = Scope.liveTensors();
        AdamW optimizer = OPTIONS.create(parameters);
        assertThat(Scope.liveTensors()).isGreaterThan(before);
        optimizer.close();
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({
        "1,0.9,1e-8,0",
        "-0.1,0.9,1e-8,0",
        "0.9,1,1e-8,0",
        "0.9,0.9,0,0",
        "0.9,0.9,1e-8,-1",
        "NaN,0.9,1e-8,0",
        "0.9,0.9,1e-8,NaN"
    })
    void settingsOutOfRangeAreRefused(double beta1, double beta2, double epsilon, double decay) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new AdamW.Options(beta1, beta2, epsilon, decay, false))
                .withMessageContaining("adam_");
    }
}
