package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files with several plans, and plans with several modules. */
class MergeSequenceTest {

    private static final String PLANS =
            """
            merge_method: linear
            models:
            - {model: mean, parameters: {weight: 1}}
            - {model: c, parameters: {weight: 3}}
            ---
            name: mean
            merge_method: linear
            models:
            - {model: a, parameters: {weight: 1}}
            - {model: b, parameters: {weight: 1}}
            """;

    @TempDir Path folder = Path.of("");

    @BeforeEach
    void write() throws IOException {
        model("a", 0);
        model("b", 4);
        model("c", 6);
    }

    private void model(String name, float value) throws IOException {
        float[] values = {value, value};
        Fixtures.model(
                folder.resolve(name),
                Map.of("encoder.layers.0.w", values, "decoder.layers.0.w", values));
    }

    private MergeSequence sequence(String text) throws MergeException {
        return MergeSequence.of(MergePlan.parseAll("plans", text), merge -> merge.root(folder));
    }

    @Test
    void plansUseWhatOthersMake() throws IOException {
        Path out = folder.resolve("out");
        sequence(PLANS).run(out);
        assertThat(Fixtures.read(out, "encoder.layers.0.w")).containsExactly(5, 5);
        Merge.verify(out);
        assertThat(folder.resolve(".out.merges")).doesNotExist();
        assertThat(folder.resolve("mean")).doesNotExist();
    }

    @Test
    void takesOverWhatWasFinishedUnlessItChanged() throws IOException {
        Path out = folder.resolve("out");
        String broken = PLANS.replace("model: c", "model: gone");
        assertThatThrownBy(() -> sequence(broken).run(out)).isInstanceOf(MergeException.class);
        Path mean = folder.resolve(".out.merges/mean/model.safetensors");
        FileTime before = FileTime.fromMillis(1_000_000);
        Files.setLastModifiedTime(mean, before);
        assertThatThrownBy(() -> sequence(broken).run(out)).isInstanceOf(MergeException.class);
        assertThat(Files.getLastModifiedTime(mean)).isEqualTo(before);
        model("a", 2);
        assertThatThrownBy(() -> sequence(broken).run(out)).isInstanceOf(MergeException.class);
        assertThat(Files.getLastModifiedTime(mean)).isNotEqualTo(before);
        assertThat(Fixtures.read(mean.resolveSibling(""), "encoder.layers.0.w"))
                .containsExactly(3, 3);
    }

    @Test
    void refusesWhatHasNoOrder() {
        assertRefused(PLANS.replace("model: a", "model: mean"), "needs itself");
        assertRefused(PLANS.replace("name: mean\n", ""), "two plans without a name");
        assertRefused(PLANS.replace("model: mean", "model: a"), "no plan needs the model mean");
        assertRefused(PLANS.replace("name: mean", "name: ../mean"), "letters, digits");
    }

    private void assertRefused(String text, String message) {
        assertThatThrownBy(() -> sequence(text))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(message);
    }

    @Test
    void modulesAreMergedOnTheirOwn() throws IOException {
        String text =
                """
                merge_method: linear
                modules:
                  encoder:
                    models:
                    - {model: a, parameters: {weight: 1}}
                    - {model: b, parameters: {weight: 1}}
                  decoder:
                    slices:
                    - sources:
                      - {model: b, layer_range: [0, 1]}
                      - {model: c, layer_range: [0, 1]}
                    parameters: {weight: 1}
                """;
        Path out = folder.resolve("out");
        sequence(text).run(out);
        assertThat(Fixtures.read(out, "encoder.layers.0.w")).containsExactly(2, 2);
        assertThat(Fixtures.read(out, "decoder.layers.0.w")).containsExactly(5, 5);
        String missing = text.replace("decoder:", "vision:");
        assertThatThrownBy(() -> sequence(missing).run(folder.resolve("other")))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("decoder.layers.0.w")
                .hasMessageContaining("0 modules");
    }

    @Test
    void saysWhereTheReferenceDiffers() throws IOException {
        String text =
                """
                merge_method: breadcrumbs
                base_model: base-bf16
                models:
                - {model: ft_a-bf16, parameters: {weight: [0.2, 1], density: 0.5}}
                """;
        Path root = Fixtures.golden().resolve("models");
        Path out = folder.resolve("out");
        Merge.of(MergePlan.parse("p", text)).root(root).run(out);
        assertThat(Files.readString(out.resolve("merge.json")))
                .contains("mergekit rounds every step to bfloat16 (13 tensors: ")
                .contains("mergekit takes the first (1 tensor: model.norm.weight)")
                .contains("mergekit drops all of them (5 tensors: ");
        Path same = folder.resolve("same");
        Merge.of(MergePlan.parse("p", text + "parity: mergekit-0.1.4\n")).root(root).run(same);
        assertThat(Files.readString(same.resolve("merge.json")))
                .contains("breadcrumbs is computed in float32 and rounded once; mergekit rounds")
                .doesNotContain("mergekit takes the first")
                .doesNotContain("mergekit drops");
        Path linear = folder.resolve("linear");
        String plain =
                """
                merge_method: linear
                models: [{model: ft_a-bf16, parameters: {weight: [0.2, 1]}}]
                parity: mergekit-0.1.4
                """;
        Merge.of(MergePlan.parse("p", plain)).root(root).run(linear);
        assertThat(Files.readString(linear.resolve("merge.json")))
                .contains("\"differs_from_mergekit_0_1_4\" : [ ]");
    }

    @Test
    void findsHowMuchOfAVectorToApply() throws IOException {
        double[] scales = ScaleSearch.grid(1, 0.25);
        assertThat(scales).containsExactly(0, 0.25, 0.5, 0.75, 1);
        assertThat(ScaleSearch.grid(-0.3, 0.1)).containsExactly(0, -0.1, -0.2, -0.3);
        ScaleSearch.Result result =
                ScaleSearch.run(
                        scales,
                        0.8,
                        scale -> new double[] {Math.abs(scale - 0.25), 1 + scale * scale});
        assertThat(result.trials()).hasSize(5);
        assertThat(result.largest().scale()).isEqualTo(0.5);
        assertThat(result.best().scale()).isEqualTo(0.25);
        assertThat(result.trials().get(3).kept()).isFalse();
        assertThat(result.trials().get(3).control()).isCloseTo(1.5625, within(1e-12));
        assertThatThrownBy(() -> ScaleSearch.grid(1, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ScaleSearch.run(scales, 1.5, scale -> new double[2]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ScaleSearch.run(scales, 0.9, scale -> new double[2]))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("positive number");
    }
}
