package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorException;

class WiseFtTest {

    private CausalLm base;
    private CausalLm tuned;

    @BeforeEach
    void load() throws IOException {
        base = GoldenPenalties.model();
        tuned = GoldenPenalties.model();
        GoldenPenalties.moveTo(tuned, "model_shifted.safetensors");
    }

    @AfterEach
    void close() {
        base.close();
        tuned.close();
    }

    private static List<float[]> values(CausalLm model) {
        return model.parameters().stream().map(p -> p.value().toFloatArray()).toList();
    }

    private static void assertSame(List<float[]> actual, List<float[]> expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int p = 0; p < expected.size(); p++) {
            assertThat(actual.get(p)).isEqualTo(expected.get(p));
        }
    }

    @Test
    void shareOneIsTheTunedModel() {
        List<float[]> before = values(tuned);
        new WiseFt(1).apply(tuned, base);
        assertSame(values(tuned), before);
    }

    @Test
    void shareZeroIsTheBaseModel() {
        new WiseFt(0).apply(tuned, base);
        assertSame(values(tuned), values(base));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.25, 0.5, 0.9})
    void sharesBetweenAreTheWeightedMean(double alpha) {
        List<float[]> t = values(tuned);
        List<float[]> b = values(base);
        new WiseFt(alpha).apply(tuned, base);
        List<float[]> result = values(tuned);
        for (int p = 0; p < t.size(); p++) {
            for (int i = 0; i < t.get(p).length; i++) {
                double expected = (1 - alpha) * b.get(p)[i] + alpha * t.get(p)[i];
                assertThat((double) result.get(p)[i]).isCloseTo(expected, within(1e-6));
            }
        }
        assertSame(values(base), b);
    }

    @Test
    void modelsOfOtherShapesAreRefused() throws IOException {
        String other = base.config().text().replace("\"hidden_size\": 16", "\"hidden_size\": 32");
        ModelConfig config = ModelConfig.parse("test", other);
        try (CausalLm wide = CausalLm.random(config, 0, Device.CPU, Precision.F32)) {
            assertThatThrownBy(() -> new WiseFt(0.5).apply(wide, base))
                    .isInstanceOf(TensorException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1.1, Double.NaN})
    void aShareOutOfRangeIsRefused(double alpha) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new WiseFt(alpha))
                .withMessageContaining("alpha");
    }
}
