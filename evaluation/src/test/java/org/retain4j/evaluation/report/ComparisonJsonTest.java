package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonJsonTest {
    @TempDir Path folder;

    @Test
    void comesBackEqual() throws IOException {
        Path file = folder.resolve("results.json");
        ComparisonResult result = Examples.eightMethods();
        ComparisonJson.write(result, file);
        assertThat(ComparisonJson.read(file)).isEqualTo(result);
        assertThat(folder.toFile().list()).containsExactly("results.json");
    }

    /** Fields as declared, map entries by key, whatever order the map had. */
    @Test
    void orderOfKeysIsStable() throws IOException {
        Path file = folder.resolve("results.json");
        ComparisonJson.write(Examples.eightMethods(), file);
        String json = Files.readString(file);
        assertThat(json).containsSubsequence("\"retain4jVersion\"", "\"createdAt\"", "\"model\"");
        assertThat(json).containsSubsequence("\"batchSize\"", "\"seeds\"", "\"steps\" : 200");
        assertThat(json).containsSubsequence("\"cpu\"", "\"device\"", "\"java\"");
        assertThat(json).contains("\"learnedMinusPlain\" : null", "\"NaN\"");
    }

    @Test
    void saysWhereAFileIsBroken() throws IOException {
        Path file = folder.resolve("results.json");
        Files.writeString(file, "{\n  \"seconds\": oops\n}");
        assertThatThrownBy(() -> ComparisonJson.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("results.json, line 2, column ")
                .hasMessageContaining("is not a comparison result");
    }

    @Test
    void refusesMissingUnknownAndDoubledFields() throws IOException {
        Path file = folder.resolve("results.json");
        ComparisonJson.write(Examples.eightMethods(), file);
        String good = Files.readString(file);
        for (String bad :
                List.of(
                        good.replaceFirst("\"model\"", "\"modell\""),
                        good.replaceFirst("\"model\" : \"[^\"]*\",", ""),
                        good.replaceFirst("\"createdAt\"", "\"retain4jVersion\""),
                        good.replaceFirst("\"model\" : \"[^\"]*\"", "\"model\" : null"),
                        good.replaceFirst("\"low\" : [0-9.]+", "\"low\" : 99"),
                        good + "{}")) {
            assertThat(bad).isNotEqualTo(good);
            Files.writeString(file, bad);
            assertThatThrownBy(() -> ComparisonJson.read(file)).isInstanceOf(IOException.class);
        }
    }

    /** What a caller does to its lists and maps later does not reach the result. */
    @Test
    void copiesListsAndMaps() {
        Map<String, Object> settings = new HashMap<>(Map.of("steps", 1));
        List<MethodResult> methods = new ArrayList<>();
        ComparisonResult base = Examples.result();
        ComparisonResult result =
                new ComparisonResult(
                        base.retain4jVersion(),
                        base.createdAt(),
                        base.model(),
                        base.learnText(),
                        base.retainText(),
                        base.baseLearned(),
                        base.baseRetained(),
                        base.baseSamples(),
                        methods,
                        settings,
                        base.environment(),
                        1);
        methods.add(Examples.plain(1, 1));
        settings.clear();
        assertThat(result.methods()).isEmpty();
        assertThat(result.settings()).containsEntry("steps", 1);
        assertThatThrownBy(() -> result.settings().clear())
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void curveNeedsOneValueAStep() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                new Curve(
                                        7,
                                        List.of(0, 1),
                                        List.of(1.0),
                                        List.of(1.0, 2.0),
                                        List.of()))
                .withMessageContaining("seed 7");
    }
}
