package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CrossEntropyTest {

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1, Double.NaN})
    void aSmoothingOutOfRangeIsRefused(double smoothing) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new CrossEntropy(smoothing))
                .withMessageContaining("label_smoothing_factor")
                .withMessageContaining(String.valueOf(smoothing));
    }
}
