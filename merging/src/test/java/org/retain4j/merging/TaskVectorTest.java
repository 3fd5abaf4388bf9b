package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.Sha256;

class TaskVectorTest {

    private static final String PROJECTION = "model.layers.1.self_attn.k_proj.weight";

    @TempDir Path folder = Path.of("");

    private static Path model(String name) {
        return Fixtures.golden().resolve("models").resolve(name);
    }

    private Path vector(String tuned) throws IOException {
        Path file = folder.resolve(tuned + ".safetensors");
        TaskVector.difference(model("base"), model(tuned), file);
        return file;
    }

    private static float[] read(Path vector, String tensor) throws IOException {
        try (Weights weights = Weights.ofFile(vector)) {
            return Fixtures.read(weights, tensor);
        }
    }

    @Test
    void recordsBothEnds() throws IOException {
        try (Weights weights = Weights.ofFile(vector("ft_a"))) {
            assertThat(weights.metadata())
                    .containsEntry(
                            "base_sha256", Sha256.of(model("base").resolve("model.safetensors")))
                    .containsEntry(
                            "tuned_sha256", Sha256.of(model("ft_a").resolve("model.safetensors")));
        }
    }

    @Test
    void isTheDifference() throws IOException {
        float[] base = Fixtures.read(model("base"), PROJECTION);
        float[] tuned = Fixtures.read(model("ft_a"), PROJECTION);
        float[] change = read(vector("ft_a"), PROJECTION);
        for (int k = 0; k < base.length; k++) {
            assertThat(change[k]).isEqualTo(tuned[k] - base[k]);
        }
    }

    @Test
    void negatingTwiceChangesNothing() throws IOException {
        Path vector = vector("ft_a");
        Path once = folder.resolve("once.safetensors");
        Path twice = folder.resolve("twice.safetensors");
        TaskVector.negate(vector, once);
        TaskVector.negate(once, twice);
        assertThat(read(once, PROJECTION)[3]).isEqualTo(-read(vector, PROJECTION)[3]);
        assertThat(read(twice, PROJECTION)).isEqualTo(read(vector, PROJECTION));
    }

    @Test
    void analogyAddsWhatTheSecondHasOverTheFirst() throws IOException {
        Path a = vector("ft_a");
        Path b = vector("ft_b");
        Path c = vector("ft_d");
        Path out = folder.resolve("analogy.safetensors");
        TaskVector.analogy(a, b, c, out);
        float[] result = read(out, PROJECTION);
        float[] x = read(a, PROJECTION);
        float[] y = read(b, PROJECTION);
        float[] z = read(c, PROJECTION);
        for (int k = 0; k < result.length; k++) {
            assertThat(result[k]).isEqualTo((float) ((double) z[k] + y[k] - x[k]));
        }
    }

    @Test
    void applyingEqualsTaskArithmetic() throws IOException {
        Path out = folder.resolve("out");
        TaskVector.apply(
                model("base"),
                List.of(
                        TaskVector.Term.of(vector("ft_a"), 0.5),
                        TaskVector.Term.of(vector("ft_b"), 0.3)),
                out);
        MergePlan plan =
                MergePlan.parse(
                        "plan",
                        """
                        merge_method: task_arithmetic
                        base_model: base
                        models:
                        - {model: ft_a, parameters: {weight: 0.5}}
                        - {model: ft_b, parameters: {weight: 0.3}}
                        """);
        Path merged = folder.resolve("merged");
        Merge.of(plan).root(model("base").resolveSibling("")).run(merged);
        float[] a = Fixtures.read(out, PROJECTION);
        float[] b = Fixtures.read(merged, PROJECTION);
        for (int k = 0; k < a.length; k++) {
            assertThat(a[k]).isCloseTo(b[k], within(1e-6f));
        }
        assertThat(out.resolve("config.json")).exists();
    }

    @ParameterizedTest
    @ValueSource(strings = {"base", "base-bf16"})
    void undoingGivesTheOldBytes(String base) throws IOException {
        Path out = folder.resolve("out");
        Path back = folder.resolve("back");
        TaskVector.apply(model(base), List.of(TaskVector.Term.of(vector("ft_a"), 0.37)), out);
        assertThat(Fixtures.read(out, PROJECTION))
                .isNotEqualTo(Fixtures.read(model(base), PROJECTION));
        TaskVector.undo(out, back);
        for (String tensor : List.of(PROJECTION, "model.norm.weight")) {
            assertThat(Fixtures.read(back, tensor)).isEqualTo(Fixtures.read(model(base), tensor));
        }
        try (Weights old = Weights.ofModel(model(base));
                Weights restored = Weights.ofModel(back)) {
            assertThat(ModelFolder.hashOfTensors(restored))
                    .isEqualTo(ModelFolder.hashOfTensors(old));
        }
    }

    @Test
    void undoingRefusesWeightsThatWereChangedSince() throws IOException {
        Path out = folder.resolve("out");
        TaskVector.apply(model("base"), List.of(TaskVector.Term.of(vector("ft_a"), 1)), out);
        Path weights = out.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 1] ^= 1;
        Files.write(weights, bytes, StandardOpenOption.TRUNCATE_EXISTING);
        Path back = folder.resolve("back");
        assertThatThrownBy(() -> TaskVector.undo(out, back))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("changed after");
        assertThat(back.resolve("model.safetensors")).doesNotExist();
    }

    @Test
    void coefficientsDifferByLayerAndName() throws IOException {
        Path out = folder.resolve("out");
        Coefficient layers = Coefficient.perLayer(0, 0, 1, 0);
        TaskVector.apply(
                model("base"),
                List.of(
                        new TaskVector.Term(
                                vector("ft_a"), layers.only(Pattern.compile("k_proj")))),
                out);
        assertThat(Fixtures.read(out, PROJECTION))
                .isEqualTo(Fixtures.read(model("ft_a"), PROJECTION));
        for (String same :
                List.of(
                        "model.layers.2.self_attn.k_proj.weight",
                        "model.layers.1.mlp.down_proj.weight",
                        "model.norm.weight")) {
            assertThat(Fixtures.read(out, same)).isEqualTo(Fixtures.read(model("base"), same));
        }
    }

    @Test
    void namesTensorsThatOnlyOneSideHas() throws IOException {
        Path a = Fixtures.model(folder.resolve("a"), Map.of("x", new float[2], "y", new float[2]));
        Path b = Fixtures.model(folder.resolve("b"), Map.of("x", new float[] {1, 2}));
        Path out = folder.resolve("v.safetensors");
        assertThatThrownBy(() -> TaskVector.difference(a, b, out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(": y;");
        TaskVector.difference(a, b, out, Set.of("y"));
        assertThatThrownBy(
                        () ->
                                TaskVector.apply(
                                        a,
                                        List.of(TaskVector.Term.of(out, 1)),
                                        folder.resolve("o")))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(": y;");
        TaskVector.apply(a, List.of(TaskVector.Term.of(out, 1)), folder.resolve("o"), Set.of("y"));
        assertThat(Fixtures.read(folder.resolve("o"), "x")).containsExactly(1, 2);
    }

    @Test
    void refusesOtherShapesFilesAndItsOwnFolder() throws IOException {
        Path a = Fixtures.model(folder.resolve("a"), Map.of("x", new float[2]));
        Path b = Fixtures.model(folder.resolve("b"), Map.of("x", new float[4]));
        Path out = folder.resolve("v.safetensors");
        assertThatThrownBy(() -> TaskVector.difference(a, b, out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("shape");
        assertThat(out).doesNotExist();
        assertThatThrownBy(() -> TaskVector.negate(a.resolve("model.safetensors"), out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("not a task vector");
        TaskVector.difference(a, a, out);
        assertThatThrownBy(() -> TaskVector.apply(a, List.of(TaskVector.Term.of(out, 1)), a))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("choose another target");
        assertThatThrownBy(
                        () ->
                                TaskVector.apply(
                                        a,
                                        List.of(TaskVector.Term.of(out, Double.NaN)),
                                        folder.resolve("o")))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("finite");
    }
}
