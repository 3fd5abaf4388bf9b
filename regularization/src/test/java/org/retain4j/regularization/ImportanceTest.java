package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.StateTensors;
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

    @Test
    void theLargestBecomesOne() {
        try (Importance importance = importance(1, 2, 3, 4)) {
            importance.normalize(Normalization.MAX_1);
            assertThat(importance.of("vector").toFloatArray()).containsExactly(0.75f, 1);
        }
    }

    @Test
    void partsMergeIntoTheWhole() {
        try (Importance two =
                        new Importance(Map.of("a", Tensor.of(new float[] {1, 3}, 2)), 2, Map.of());
                Importance six =
                        new Importance(
                                Map.of("a", Tensor.of(new float[] {5, 7}, 2)), 6, Map.of())) {
            two.merge(six);
            assertThat(two.of("a").toFloatArray()).containsExactly(4, 6);
            assertThat(two.sequences()).isEqualTo(8);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> two.merge(importance(1, 2, 3, 4)));
        }
    }

    @Test
    void aFileHoldsValuesAndOrigin(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("importance.safetensors");
        try (Importance importance =
                new Importance(
                        Map.of("a", Tensor.of(new float[] {1, 0, 2.5f}, 3)),
                        64,
                        Map.of("model", "sha256 of it"))) {
            importance.save(file);
        }
        try (Importance read = Importance.load(file)) {
            assertThat(read.of("a").toFloatArray()).containsExactly(1, 0, 2.5f);
            assertThat(read.sequences()).isEqualTo(64);
            assertThat(read.provenance()).containsExactly(Map.entry("model", "sha256 of it"));
        }
    }

    @Test
    void filesOfOtherThingsAreRefused(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("x.safetensors");
        Map<String, String> right = Map.of("format", "retain4j-importance", "sequences", "3");
        Map<String, Tensor> values = Map.of("a", Tensor.of(new float[] {1}, 1));
        StateTensors.write(file, values, Map.of("format", "pt"));
        assertRefused(file, "no importances");
        StateTensors.write(file, values, Map.of("format", "retain4j-importance", "sequences", "0"));
        assertRefused(file, "no importances");
        StateTensors.write(file, Map.of("a", Tensor.of(new float[] {1, -1}, 2)), right);
        assertRefused(file, "tensor a");
        StateTensors.write(file, Map.of("a", Tensor.of(new float[] {Float.NaN}, 1)), right);
        assertRefused(file, "tensor a");
        Files.write(file, new byte[] {9, 0, 0});
        assertThatExceptionOfType(SafetensorsException.class)
                .isThrownBy(() -> Importance.load(file));
    }

    private static void assertRefused(Path file, String what) {
        assertThatExceptionOfType(SafetensorsException.class)
                .isThrownBy(() -> Importance.load(file))
                .withMessageContaining(file.toString())
                .withMessageContaining(what);
    }
}
