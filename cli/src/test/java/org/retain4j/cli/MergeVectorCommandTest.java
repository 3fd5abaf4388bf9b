package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;

/** Task vectors and chat vectors between the embedded model and a copy with a quarter more. */
class MergeVectorCommandTest {

    private static final String NORM = "model.norm.weight";

    @TempDir Path folder;
    private Path base;
    private Path tuned;

    @BeforeEach
    void write() throws IOException {
        base = Files.createDirectory(folder.resolve("base"));
        tuned = folder.resolve("tuned");
        Pretrained.writeEmbedded(base);
        try (CausalLm model = Pretrained.load(base);
                Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                parameter.value().detach().addInPlace(parameter.value().detach().copy(), 0.25);
            }
            model.save(tuned);
        }
    }

    private static Invocation merge(Object... words) {
        List<String> all = new ArrayList<>(List.of("merge"));
        for (Object word : words) {
            all.add(word.toString());
        }
        return Invocation.of(all.toArray(String[]::new));
    }

    private static void succeed(Object... words) {
        Invocation run = merge(words);
        assertThat(run.exit()).as(run.err()).isZero();
    }

    private static void assertFactor(Path model, Path of, float factor) throws IOException {
        try (CausalLm a = Pretrained.load(model);
                CausalLm b = Pretrained.load(of)) {
            float[] found = a.parameter(NORM).value().toFloatArray();
            float[] before = b.parameter(NORM).value().toFloatArray();
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).isCloseTo(factor * before[i], within(1e-5f));
            }
        }
    }

    @Test
    void vectorsAreMadeCombinedAppliedAndTakenBack() throws IOException {
        Path vector = folder.resolve("v.safetensors");
        Path negative = folder.resolve("n.safetensors");
        Path sum = folder.resolve("s.safetensors");
        Path alike = folder.resolve("a.safetensors");
        Path out = folder.resolve("out");
        Path again = folder.resolve("again");
        succeed("vector", "diff", base, tuned, vector);
        succeed("vector", "negate", vector, negative);
        succeed("vector", "add", vector, negative, sum, "--scale", "3", "--scale", "1");
        succeed("vector", "analogy", negative, sum, vector, alike);
        assertThat(merge("vector", "info", vector).out()).contains("base_sha256: ");

        // 0.5 * (v + 2v + 1v)
        succeed("vector", "apply", base, vector, sum, alike.toString(), out, "--scale=0.5");
        assertFactor(out, base, 1 + 0.25f * 0.5f * (1 + 2 + 4));
        succeed("vector", "undo", out, again);
        assertThat(again.resolve("model.safetensors"))
                .hasSameBinaryContentAs(base.resolve("model.safetensors"));

        Path attention = folder.resolve("attention");
        succeed("vector", "apply", base, vector, attention, "--only", "self_attn", "--layers=1,0");
        assertFactor(attention, base, 1);
        Invocation twice = merge("vector", "apply", base, vector, out);
        assertThat(twice.exit()).isEqualTo(2);
        assertThat(twice.err()).contains("not empty");
        Invocation counts =
                merge(
                        "vector",
                        "apply",
                        base,
                        vector,
                        folder.resolve("x"),
                        "--scale=1",
                        "--scale=2");
        assertThat(counts.err()).contains("2 times for 1 vectors");
        assertThat(merge("vector").err()).contains("no command given");
    }

    @Test
    void theSearchNamesTheLargestFactorThatKeepsTheControlText() throws IOException {
        Path vector = folder.resolve("v.safetensors");
        Path text = Files.writeString(folder.resolve("t.txt"), "Once upon a time there was a cat.");
        Path json = folder.resolve("search.json");
        succeed("vector", "diff", base, tuned, vector);

        Invocation run =
                merge(
                        "vector",
                        "search",
                        base,
                        vector,
                        "--validation",
                        text,
                        "--control",
                        text,
                        "--step",
                        "0.5",
                        "--keep",
                        "0.01",
                        "--json",
                        json);

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("largest factor that keeps 0.01 of the control text: 1.0");
        assertThat(Files.readString(json)).contains("\"vector_sha256\"", "\"factor\" : 0.5");
    }

    @Test
    void chatVectorsAreAdded() throws IOException {
        Path out = folder.resolve("out");
        succeed("chat-vector", base, tuned, out, "--chat", tuned + "=2", "--chat", tuned);
        assertFactor(out, base, 1.25f + 3 * 0.25f);
        assertThat(out.resolve("chat_vector.json")).content().contains("\"ratio\" : 2.0");
        Invocation wrong =
                merge("chat-vector", base, tuned, folder.resolve("x"), "--chat", tuned + "=much");
        assertThat(wrong.exit()).isEqualTo(2);
        assertThat(wrong.err()).contains("is not a number");
        assertThat(
                        merge(
                                        "chat-vector",
                                        base,
                                        tuned,
                                        folder.resolve("x"),
                                        "--chat",
                                        tuned,
                                        "--special-tokens",
                                        "<s>")
                                .err())
                .contains("needs --skip-embed");
    }
}
