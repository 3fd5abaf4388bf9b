package org.retain4j.finetune.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

class SgdTest {

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
                new Parameter("matrix", Tensor.of(new float[] {1, -2}, 1, 2)),
                new Parameter("vector", Tensor.of(new float[] {3}, 1)));
    }

    private static List<Tensor> gradients(int step) {
        return List.of(
                Random.at(2, step, "matrix").normal(1, 1, 2),
                Random.at(2, step, "vector").normal(1, 1));
    }

    @ParameterizedTest
    @CsvSource({"0,0", "0.9,0", "0,0.1", "0.9,0.1"})
    void stepsFollowTheFormula(double momentum, double decay) {
        List<Parameter> parameters = parameters();
        double[][] x = {{1, -2}, {3}};
        double[][] buffer = {new double[2], new double[1]};
        try (Sgd optimizer = new Sgd.Options(momentum, decay).create(parameters)) {
            for (int t = 0; t < 4; t++) {
                List<Tensor> gradients = gradients(t);
                for (int p = 0; p < 2; p++) {
                    double[] g = gradients.get(p).toDoubleArray();
                    for (int i = 0; i < g.length; i++) {
                        double d = g[i] + (p == 0 ? decay * x[p][i] : 0);
                        buffer[p][i] = t == 0 ? d : momentum * buffer[p][i] + d;
                        x[p][i] -= 0.1 * buffer[p][i];
                    }
                }
                optimizer.step(gradients, 0.1);
            }
        }
        for (int p = 0; p < 2; p++) {
            assertThat(parameters.get(p).value().toDoubleArray())
                    .containsExactly(x[p], within(1e-6));
        }
    }

    @Test
    void aRestoredStateGoesOnWithTheSameBits() {
        Sgd.Options options = new Sgd.Options(0.9, 0.1);
        List<Parameter> all = parameters();
        try (Sgd whole = options.create(all)) {
            for (int t = 0; t < 4; t++) {
                whole.step(gradients(t), 0.1);
            }
        }
        List<Parameter> cut = parameters();
        StateDict saved;
        try (Sgd before = options.create(cut)) {
            before.step(gradients(0), 0.1);
            before.step(gradients(1), 0.1);
            saved = AdamWTest.copy(before.save());
        }
        try (Sgd after = options.create(cut)) {
            after.load(saved);
            after.step(gradients(2), 0.1);
            after.step(gradients(3), 0.1);
        }
        for (int p = 0; p < 2; p++) {
            assertThat(cut.get(p).value().toFloatArray())
                    .isEqualTo(all.get(p).value().toFloatArray());
        }
    }

    @Test
    void withoutMomentumNothingIsHeld() {
        List<Parameter> parameters = parameters();
        long before = Scope.liveTensors();
        try (Sgd optimizer = new Sgd.Options(0, 0).create(parameters)) {
            assertThat(Scope.liveTensors()).isEqualTo(before);
            assertThat(optimizer.save().tensors()).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,0", "-0.1,0", "NaN,0", "0,-1", "0,NaN"})
    void settingsOutOfRangeAreRefused(double momentum, double decay) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sgd.Options(momentum, decay))
                .withMessageContaining("momentum");
    }
}
