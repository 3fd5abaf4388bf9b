package org.retain4j.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.DecoderSpec;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Taps replace activations, see them in order, stop early and leave nothing behind. */
class TapsTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final double TIGHT = 5e-5;

    static Stream<String> families() {
        return Stream.of(
                "llama",
                "llama3",
                "smollm2",
                "mistral",
                "qwen2",
                "qwen3",
                "gpt2",
                "gpt_neox",
                "gemma2",
                "gemma3",
                "phi3",
                "olmo2");
    }

    /** Other tokens than the golden ones, as many. */
    private static TokenBatch other(int tokens) {
        int[] ids = new int[tokens];
        for (int i = 0; i < tokens; i++) {
            ids[i] = (13 * i + 7) % 384;
        }
        return TokenBatch.of(ids);
    }

    private static Tensor golden(SafetensorsFile arrays, String name) throws IOException {
        List<Long> shape = arrays.tensor(name).shape();
        int width = shape.get(shape.size() - 1).intValue();
        int tokens = (int) arrays.tensor(name).elementCount() / width;
        ByteBuffer bytes = ByteBuffer.allocate(tokens * width * 4).order(ByteOrder.LITTLE_ENDIAN);
        arrays.read(name, 0, bytes);
        float[] values = new float[tokens * width];
        bytes.flip().asFloatBuffer().get(values);
        return Tensor.of(values, 1, tokens, width);
    }

    private static void assertClose(Tensor found, Tensor expected) {
        float[] a = found.toFloatArray();
        float[] b = expected.toFloatArray();
        assertThat(a).hasSameSizeAs(b);
        for (int i = 0; i < a.length; i++) {
            assertThat((double) a[i]).as("element %d", i).isCloseTo(b[i], within(TIGHT));
        }
    }

    private static String block(CausalLm model, int layer) {
        return model.spec().names().blocks() + "." + layer;
    }

    /** Names of all modules that can be tapped on both sides. */
    private static List<String> inner(CausalLm model) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < model.spec().layers().size(); i++) {
            String block = block(model, i);
            names.add(block);
            names.add(block + "." + model.spec().block().attention().part());
            names.add(block + "." + model.spec().block().mlp().part());
        }
        model.linears().forEach(linear -> names.add(linear.name()));
        return names;
    }

    @ParameterizedTest
    @MethodSource("families")
    void whatReplacesAnActivationIsWhatGoesOn(String name) throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                SafetensorsFile arrays =
                        SafetensorsFile.open(MODELS.resolve(name).resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            Tensor last = golden(arrays, "hidden.final_norm").to(model.device());
            TokenBatch others = other((int) last.size(1));
            DecoderSpec.Names names = model.spec().names();
            Tensor embedded = golden(arrays, "hidden.embed").to(model.device());
            assertClose(
                    model.hidden(others, new Taps().onOutput(names.embedding(), x -> embedded)),
                    last);
            for (int i = 0; i < model.spec().layers().size(); i++) {
                Tensor before =
                        i == 0
                                ? embedded
                                : golden(arrays, "hidden.layer" + (i - 1)).to(model.device());
                Tensor after = golden(arrays, "hidden.layer" + i).to(model.device());
                Taps in = new Taps().onInput(block(model, i), x -> before);
                Taps out = new Taps().onOutput(block(model, i), x -> after);
                assertClose(model.hidden(others, in), last);
                assertClose(model.hidden(others, out), last);
                assertClose(model.hidden(others, in.stopAfterLast()), after);
            }
            assertClose(model.hidden(others, new Taps().onOutput(names.norm(), x -> last)), last);
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void everySiteIsSeenOnceMattersAndCanBeRepaired(String name) throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                Scope scope = Scope.open()) {
            TokenBatch batch = other(9);
            Tensor plain = model.hidden(batch);
            for (String module : inner(model)) {
                for (boolean input : new boolean[] {true, false}) {
                    Tensor[] seen = new Tensor[1];
                    Taps read = new Taps();
                    tap(
                            read,
                            module,
                            input,
                            x -> {
                                assertThat(seen[0]).as("%s once", module).isNull();
                                seen[0] = scope.adopt(x.copy());
                                return x;
                            });
                    assertClose(model.hidden(batch, read), plain);
                    assertThat(seen[0].shape()).hasSize(3).startsWith(1, 9);
                    Tensor spoiled = seen[0].mul(-0.5).add(1);
                    Taps spoil = new Taps();
                    tap(spoil, module, input, x -> spoiled);
                    assertThat(model.hidden(batch, spoil).sub(plain).norm().item())
                            .as("%s %s", module, input ? "input" : "output")
                            .isGreaterThan(1e-3);
                    Taps repaired = new Taps();
                    tap(repaired, module, input, x -> spoiled);
                    tap(repaired, module, input, x -> seen[0]);
                    assertClose(model.hidden(batch, repaired), plain);
                }
            }
        }
    }

    private static void tap(
            Taps taps, String module, boolean input, java.util.function.UnaryOperator<Tensor> tap) {
        if (input) {
            taps.onInput(module, tap);
        } else {
            taps.onOutput(module, tap);
        }
    }

    @Test
    void tapsAreAskedInTheOrderOfTheComputation() throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve("llama"));
                Scope scope = Scope.open()) {
            List<String> seen = new ArrayList<>();
            Taps taps = new Taps();
            DecoderSpec.Names names = model.spec().names();
            List<String> modules = inner(model);
            java.util.Collections.reverse(modules);
            for (String module : modules) {
                taps.onInput(module, x -> note(seen, "> " + module, x));
                taps.onOutput(module, x -> note(seen, "< " + module, x));
            }
            taps.onOutput(names.embedding(), x -> note(seen, "first", x));
            taps.onOutput(names.embedding(), x -> note(seen, "second", x));
            taps.onOutput(names.norm(), x -> note(seen, "norm", x));
            model.hidden(other(4), taps);
            String a = "model.layers.0.self_attn";
            String m = "model.layers.0.mlp";
            assertThat(seen.subList(0, 22))
                    .containsExactly(
                            "first",
                            "second",
                            "> model.layers.0",
                            "> " + a,
                            "> " + a + ".q_proj",
                            "< " + a + ".q_proj",
                            "> " + a + ".k_proj",
                            "< " + a + ".k_proj",
                            "> " + a + ".v_proj",
                            "< " + a + ".v_proj",
                            "> " + a + ".o_proj",
                            "< " + a + ".o_proj",
                            "< " + a,
                            "> " + m,
                            "> " + m + ".gate_proj",
                            "< " + m + ".gate_proj",
                            "> " + m + ".up_proj",
                            "< " + m + ".up_proj",
                            "> " + m + ".down_proj",
                            "< " + m + ".down_proj",
                            "< " + m,
                            "< model.layers.0");
            assertThat(seen).hasSize(2 + 20 * 2 + 1).endsWith("norm");
        }
    }

    private static Tensor note(List<String> seen, String what, Tensor x) {
        seen.add(what);
        return x;
    }

    @Test
    void aPassThatStopsEarlyComputesNothingMore() throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve("llama"));
                Scope scope = Scope.open()) {
            int[] calls = new int[1];
            model.linears()
                    .forEach(
                            linear ->
                                    linear.attach(
                                            new LinearAdapter() {
                                                @Override
                                                public Tensor apply(
                                                        Tensor x, Tensor y, PassMode mode) {
                                                    calls[0]++;
                                                    return y;
                                                }

                                                @Override
                                                public List<Parameter> parameters() {
                                                    return List.of();
                                                }
                                            }));
            model.hidden(
                    other(4), new Taps().onOutput("model.embed_tokens", x -> x).stopAfterLast());
            assertThat(calls[0]).isZero();
            model.hidden(
                    other(4),
                    new Taps().onInput("model.layers.0.mlp.down_proj", x -> x).stopAfterLast());
            assertThat(calls[0]).isEqualTo(7);
            model.hidden(other(4), new Taps().onOutput("model.norm", x -> x).stopAfterLast());
            assertThat(calls[0]).isEqualTo(7 + 14);
        }
    }

    @Test
    void wrongNamesAndShapesAreRefusedAndNothingIsLeft() throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve("llama"));
                Scope scope = Scope.open()) {
            long before = Scope.liveTensors();
            for (String wrong :
                    List.of(
                            "",
                            "model",
                            "model.layers",
                            "model.layers.2",
                            "model.layers.0.",
                            "model.layers.0.self_attn.qkv_proj",
                            "model.layers.0.mlp.down_proj.weight",
                            "lm_head")) {
                for (boolean input : new boolean[] {true, false}) {
                    Taps taps = new Taps();
                    tap(taps, wrong, input, x -> x);
                    assertThatThrownBy(() -> model.hidden(other(3), taps))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContainingAll("no module " + wrong, "model.layers.1");
                }
            }
            Taps shape = new Taps().onOutput("model.layers.1.mlp", x -> x.narrow(2, 0, 5));
            assertThatThrownBy(() -> model.hidden(other(3), shape))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll(
                            "model.layers.1.mlp output", "[1, 3, 5]", "expected [1, 3, 48]");
            Taps failing =
                    new Taps()
                            .onInput(
                                    "model.layers.1.self_attn.o_proj",
                                    x -> {
                                        throw new IllegalStateException("mine");
                                    });
            assertThatThrownBy(() -> model.hidden(other(3), failing)).hasMessage("mine");
            assertThat(Scope.liveTensors()).isEqualTo(before);
            for (String module : inner(model)) {
                Taps taps =
                        new Taps().onInput(module, x -> x.mul(2)).onOutput(module, x -> x.add(1));
                model.hidden(other(3), taps).close();
                assertThat(Scope.liveTensors()).as(module).isEqualTo(before);
            }
        }
        assertThatThrownBy(() -> Taps.NONE.onInput("model.norm", x -> x))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(Taps.NONE::stopAfterLast)
                .isInstanceOf(UnsupportedOperationException.class);
    }
}
