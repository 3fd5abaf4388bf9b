package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.regularization.Importance.Normalization;

class ImportanceTest {

    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Importance importance(float... matrix) {
        return new Importance(
                Map.of(
                        "matrix", Tensor.of(matrix, 2, 2),
                        "vector", Tensor.of(new float[] {6, 8}, 2)));
    }

    @Test
    void theMeanIsOverSingleWeightsAndNotOverTensors() {
        try (Importance importance = importance(1, 2, 3, 4)) {
            assertThat(importance.mean()).isEqualTo(4);
        }
    }

    @Test
    void normalizingMakesTheMeanOne() {
        try (Importance importance = importance(1, 2, 3, 4)) {
            assertThat(importance.normalize(Normalization.NONE).mean()).isEqualTo(4);
            assertThat(importance.normalize(Normalization.MEAN_1)).isSameAs(importance);
            assertThat(importance.mean()).isCloseTo(1, within(1e-7));
            assertThat(importance.of("matrix").toFloatArray())
                    .containsExactly(0.25f, 0.5f, 0.75f, 1);
            assertThat(importance.of("vector").toFloatArray()).containsExactly(1.5f, 2);
        }
    }

    @Test
    void importancesOfZeroCannotBeNormalized() {
        try (Importance importance =
                new Importance(Map.of("a", Tensor.of(new float[] {0, 0}, 2)))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> importance.normalize(Normalization.MEAN_1))
                    .withMessageContaining("all importances are 0");
        }
    }

    @Test
    void aMissingParameterIsNamed() {
        try (Importance importance = importance(1, 2, 3, 4)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> importance.of("lm_head.weight"))
                    .withMessageContaining("lm_head.weight");
        }
    }

    @Test
    void closingFreesTheTensorsThatWereTakenOver() {
        long before = Scope.liveTensors();
        Importance importance;
        try (Scope inner = Scope.open()) {
            importance = importance(1, 2, 3, 4);
        }
        assertThat(Scope.liveTensors()).isEqualTo(before + 2);
        importance.close();
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }
}
