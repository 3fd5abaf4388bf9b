package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.DType;

class GgufModelTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    static Path golden(String path) {
        try {
            return Path.of(GgufModelTest.class.getResource("/golden/" + path).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    static JsonNode json(Path path) throws IOException {
        return JSON.readTree(Files.readAllBytes(path));
    }

    /** Adds the smallest vocabulary that a model can have. */
    static GgufWriter tinyVocabulary(GgufWriter writer) {
        return writer.put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", "gpt-2")
                .put("tokenizer.ggml.tokens", List.of("a", "b", "ab"))
                .put("tokenizer.ggml.merges", List.of("a b"));
    }

    /** A llama of one layer, hidden size 8, two heads of 4 and one key head. */
    static GgufWriter tinyLlama() {
        Random random = new Random(5);
        List<TinyGguf.Weight> weights = new ArrayList<>();
        weights.add(TinyGguf.draw(random, "model.embed_tokens.weight", 4, 8));
        weights.add(TinyGguf.draw(random, "model.norm.weight", 8));
        weights.add(TinyGguf.draw(random, "model.layers.0.self_attn.q_proj.weight", 8, 8));
        weights.add(TinyGguf.draw(random, "model.layers.0.self_attn.k_proj.weight", 4, 8));
        GgufWriter writer = tinyVocabulary(TinyGguf.header("llama", 8, 16, 1, 2, 1));
        TinyGguf.addWeights(writer, "llama", weights, 2, 1);
        return writer;
    }

    private GgufModel open(GgufWriter writer) throws IOException {
        return GgufModel.open(writer.write(folder.resolve("model.gguf")));
    }

    private static JsonNode config(GgufModel model) throws IOException {
        return JSON.readTree(model.configJson());
    }

    @ParameterizedTest
    @CsvSource({"llama, gpt-2, 2", "llama, gpt-2, 3", "smollm2, smollm, 3"})
    void givesBackTheFolderThatAFileWasMadeFrom(String name, String pre, int version)
            throws IOException {
        Path source = golden("models/" + name);
        JsonNode original = json(source.resolve("config.json"));
        JsonNode generation = json(source.resolve("generation_config.json"));
        int heads = original.get("num_attention_heads").asInt();
        int keyHeads = original.get("num_key_value_heads").asInt();
        GgufWriter writer =
                TinyGguf.header(
                        "llama",
                        original.get("hidden_size").asInt(),
                        original.get("intermediate_size").asInt(),
                        original.get("num_hidden_layers").asInt(),
                        heads,
                        keyHeads);
        writer.version = version;
        writer.put("llama.attention.layer_norm_rms_epsilon", 1e-5f)
                .put("llama.rope.freq_base", name.equals("llama") ? 10000f : 100000f)
                .put("llama.rope.dimension_count", original.get("head_dim").asInt());
        TinyGguf.addTokenizer(writer, json(source.resolve("tokenizer.json")), pre);
        for (String role : List.of("bos", "eos", "pad")) {
            writer.put(
                    "tokenizer.ggml." + (role.equals("pad") ? "padding" : role) + "_token_id",
                    original.get(role + "_token_id").asInt());
        }
        try (TensorSource files = SafetensorsFolder.open(source)) {
            List<TinyGguf.Weight> weights = TinyGguf.read(files);
            TinyGguf.addWeights(writer, "llama", weights, heads, keyHeads);
            try (GgufModel model = open(writer)) {
                TensorSource tensors = model.tensors();
                assertThat(tensors.tensors()).hasSameSizeAs(files.tensors());
                for (TinyGguf.Weight weight : weights) {
                    TensorInfo info = tensors.tensor(weight.name());
                    assertThat(info.spec()).isEqualTo(files.tensor(weight.name()).spec());
                    assertThat(TinyGguf.floats(tensors, info))
                            .as(weight.name())
                            .isEqualTo(weight.values());
                }
                JsonNode config = config(model);
                for (String key :
                        List.of(
                                "architectures",
                                "model_type",
                                "vocab_size",
                                "hidden_size",
                                "intermediate_size",
                                "num_hidden_layers",
                                "num_attention_heads",
                                "num_key_value_heads",
                                "head_dim",
                                "hidden_act",
                                "rms_norm_eps",
                                "max_position_embeddings",
                                "attention_bias",
                                "mlp_bias",
                                "tie_word_embeddings",
                                "bos_token_id",
                                "eos_token_id",
                                "pad_token_id")) {
                    assertThat(config.get(key)).as(key).isEqualTo(original.get(key));
                }
                assertThat(config.get("rope_theta").asDouble())
                        .isEqualTo(name.equals("llama") ? 10000 : 100000);
                assertThat(config.get("torch_dtype").asText()).isEqualTo("float32");
                JsonNode rebuilt = JSON.readTree(model.sidecars().get("generation_config.json"));
                assertThat(rebuilt.get("eos_token_id")).isEqualTo(generation.get("eos_token_id"));
                assertThat(model.architecture()).isEqualTo("llama");
                assertThat(model.storedTypes()).isEqualTo(Map.of("F32", weights.size()));
            }
        }
    }

    /** Names and shapes of a layer; the letters are sizes: h hidden, q queries, k keys, i inner. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen2 | qwen2 | input_layernorm:h,self_attn.q_proj:qh,self_attn.k_proj:kh,self_attn.v_proj:kh,self_attn.o_proj:hq,post_attention_layernorm:h,mlp.gate_proj:ih,mlp.up_proj:ih,mlp.down_proj:hi,self_attn.q_proj.bias:q,self_attn.k_proj.bias:k,self_attn.v_proj.bias:k",
                "qwen3 | qwen3 | input_layernorm:h,self_attn.q_proj:qh,self_attn.k_proj:kh,self_attn.v_proj:kh,self_attn.o_proj:hq,self_attn.q_norm:d,self_attn.k_norm:d,post_attention_layernorm:h,mlp.gate_proj:ih,mlp.up_proj:ih,mlp.down_proj:hi",
                "gemma2 | gemma2 | input_layernorm:h,self_attn.q_proj:qh,self_attn.k_proj:kh,self_attn.v_proj:kh,self_attn.o_proj:hq,post_attention_layernorm:h,pre_feedforward_layernorm:h,post_feedforward_layernorm:h,mlp.gate_proj:ih,mlp.up_proj:ih,mlp.down_proj:hi",
                "gemma3 | gemma3_text | input_layernorm:h,self_attn.q_proj:qh,self_attn.k_proj:kh,self_attn.v_proj:kh,self_attn.o_proj:hq,self_attn.q_norm:d,self_attn.k_norm:d,post_attention_layernorm:h,pre_feedforward_layernorm:h,post_feedforward_layernorm:h,mlp.gate_proj:ih,mlp.up_proj:ih,mlp.down_proj:hi",
                "phi3 | phi3 | input_layernorm:h,self_attn.qkv_proj:qh,self_attn.o_proj:hq,post_attention_layernorm:h,mlp.gate_up_proj:ih,mlp.down_proj:hi",
                "olmo2 | olmo2 | self_attn.q_proj:qh,self_attn.k_proj:kh,self_attn.v_proj:kh,self_attn.o_proj:hq,self_attn.q_norm:q,self_attn.k_norm:k,post_attention_layernorm:h,post_feedforward_layernorm:h,mlp.gate_proj:ih,mlp.up_proj:ih,mlp.down_proj:hi",
                "gpt2 | gpt2 | ln_1:h,ln_1.bias:h,attn.c_attn:hi,attn.c_attn.bias:i,attn.c_proj:qh,attn.c_proj.bias:h,ln_2:h,ln_2.bias:h,mlp.c_fc:hi,mlp.c_fc.bias:i,mlp.c_proj:ih,mlp.c_proj.bias:h"
            })
    void knowsTheLayoutOfEachArchitecture(String name, String modelType, String layer)
            throws IOException {
        Map<Character, Long> sizes = Map.of('h', 24L, 'q', 32L, 'k', 16L, 'i', 40L, 'd', 8L);
        boolean gpt2 = name.equals("gpt2");
        String root = gpt2 ? "transformer." : "model.";
        Random random = new Random(1);
        List<TinyGguf.Weight> weights = new ArrayList<>();
        weights.add(
                TinyGguf.draw(random, root + (gpt2 ? "wte" : "embed_tokens") + ".weight", 5, 24));
        weights.add(TinyGguf.draw(random, root + (gpt2 ? "ln_f" : "norm") + ".weight", 24));
        if (gpt2) {
            weights.add(TinyGguf.draw(random, "transformer.wpe.weight", 128, 24));
            weights.add(TinyGguf.draw(random, "transformer.ln_f.bias", 24));
        }
        for (int i = 0; i < 2; i++) {
            for (String entry : layer.split(",")) {
                String[] parts = entry.split(":");
                long[] shape = parts[1].chars().mapToLong(c -> sizes.get((char) c)).toArray();
                String ending = parts[0].endsWith(".bias") ? "" : ".weight";
                String prefix = root + (gpt2 ? "h." : "layers.") + i + ".";
                weights.add(TinyGguf.draw(random, prefix + parts[0] + ending, shape));
            }
        }
        GgufWriter writer = tinyVocabulary(TinyGguf.header(name, 24, 40, 2, 4, 2));
        writer.put(name + ".attention.key_length", 8);
        if (name.startsWith("gemma")) {
            writer.put(name + ".attention.sliding_window", 16);
        }
        TinyGguf.addWeights(writer, name, weights, 4, 2);
        try (GgufModel model = open(writer)) {
            assertThat(model.tensors().tensors()).hasSize(weights.size());
            for (TinyGguf.Weight weight : weights) {
                TensorInfo info = model.tensors().tensor(weight.name());
                assertThat(info.shape())
                        .containsExactly(
                                java.util.Arrays.stream(weight.shape())
                                        .boxed()
                                        .toArray(Long[]::new));
                assertThat(TinyGguf.floats(model.tensors(), info))
                        .as(weight.name())
                        .isEqualTo(weight.values());
                readsAnyPart(model.tensors(), info, random);
            }
            assertThat(config(model).get("model_type").asText()).isEqualTo(modelType);
            assertThat(config(model).get("tie_word_embeddings").asBoolean()).isTrue();
            assertThat(config(model).get("vocab_size").asInt()).isEqualTo(5);
            assertThat(Pretrained.spec(ModelConfig.parse(name, model.configJson()))).isNotNull();
        }
    }

    /** Any range of bytes, also in the middle of an element, equals that part of the whole. */
    private static void readsAnyPart(TensorSource source, TensorInfo info, Random random)
            throws IOException {
        ByteBuffer whole = source.map(info.name(), 0, (int) info.byteCount());
        assertThat(whole.isReadOnly()).isTrue();
        assertThat(whole.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 20; i++) {
            int from = random.nextInt(whole.limit() + 1);
            int length = random.nextInt(whole.limit() - from + 1);
            ByteBuffer part = ByteBuffer.allocate(length + 5).position(3).limit(3 + length);
            source.read(info.name(), from, part);
            assertThat(part.hasRemaining()).isFalse();
            assertThat(part.flip().position(3)).isEqualTo(whole.slice(from, length));
        }
        assertThatThrownBy(() -> source.map(info.name(), info.byteCount(), 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> source.map(info.name(), -1, 1))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Two heads of 4: the file has rows 0 2 1 3 of each head. */
    @Test
    void putsQueryAndKeyRowsBack() throws IOException {
        float[] rows = {0, 2, 1, 3, 4, 6, 5, 7};
        GgufWriter writer = tinyVocabulary(TinyGguf.header("llama", 8, 16, 1, 2, 1));
        float[] values = new float[64];
        for (int i = 0; i < 64; i++) {
            values[i] = rows[i / 8];
        }
        writer.tensor("token_embd.weight", 0, new long[] {8, 4}, new byte[128])
                .tensor("blk.0.attn_q.weight", 0, new long[] {8, 8}, TinyGguf.bytes(values))
                .tensor("blk.0.attn_q.bias", 0, new long[] {8}, TinyGguf.bytes(rows))
                .tensor("blk.0.attn_v.bias", 0, new long[] {8}, TinyGguf.bytes(rows));
        try (GgufModel model = open(writer)) {
            TensorSource tensors = model.tensors();
            TensorInfo weight = tensors.tensor("model.layers.0.self_attn.q_proj.weight");
            float[] found = TinyGguf.floats(tensors, weight);
            for (int i = 0; i < 64; i++) {
                assertThat(found[i]).isEqualTo(i / 8);
            }
            TensorInfo bias = tensors.tensor("model.layers.0.self_attn.q_proj.bias");
            assertThat(TinyGguf.floats(tensors, bias)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
            TensorInfo other = tensors.tensor("model.layers.0.self_attn.v_proj.bias");
            assertThat(TinyGguf.floats(tensors, other)).containsExactly(rows);
            assertThat(config(model).get("attention_bias").asBoolean()).isTrue();
        }
    }

    @Test
    void keepsHalfPrecisionAndDecodesQuantisedRowsInPieces() throws IOException {
        Random random = new Random(3);
        byte[] halves = new byte[2 * 8 * 4];
        random.nextBytes(halves);
        int rows = 700;
        byte[] blocks = new byte[rows * 18];
        random.nextBytes(blocks);
        for (int row = 0; row < rows; row++) {
            blocks[row * 18 + 1] = 0x2c;
        }
        byte[] permuted = new byte[64 * 34];
        random.nextBytes(permuted);
        for (int row = 0; row < 64; row++) {
            permuted[row * 34 + 1] = 0x2c;
        }
        GgufWriter writer = tinyVocabulary(TinyGguf.header("llama", 32, 16, 1, 2, 1));
        writer.tensor("token_embd.weight", 2, new long[] {32, rows}, blocks)
                .tensor("output.weight", 1, new long[] {8, 4}, halves)
                .tensor("output_norm.weight", 30, new long[] {32}, halves)
                .tensor("blk.0.attn_k.weight", 8, new long[] {32, 64}, permuted);
        try (GgufModel model = open(writer)) {
            TensorSource tensors = model.tensors();
            assertThat(tensors.tensor("lm_head.weight").dtype()).isEqualTo(DType.FLOAT16);
            assertThat(tensors.tensor("model.norm.weight").dtype()).isEqualTo(DType.BFLOAT16);
            assertThat(tensors.map("lm_head.weight", 0, 64)).isEqualTo(ByteBuffer.wrap(halves));
            float[] expected = new float[rows * 32];
            GgufType.Q4_0.decoder().decode(blocks, expected, rows);
            TensorInfo embedding = tensors.tensor("model.embed_tokens.weight");
            assertThat(TinyGguf.floats(tensors, embedding)).isEqualTo(expected);
            readsAnyPart(tensors, embedding, random);
            float[] stored = new float[64 * 32];
            GgufType.Q8_0.decoder().decode(permuted, stored, 64);
            TensorInfo key = tensors.tensor("model.layers.0.self_attn.k_proj.weight");
            float[] shown = TinyGguf.floats(tensors, key);
            assertThat(TinyGguf.permuted(shown, 1, 64, 32)).isEqualTo(stored);
            readsAnyPart(tensors, key, random);
            assertThat(config(model).get("torch_dtype").asText()).isEqualTo("float32");
            assertThat(config(model).get("tie_word_embeddings").asBoolean()).isFalse();
            assertThat(model.storedTypes())
                    .isEqualTo(Map.of("BF16", 1, "F16", 1, "Q4_0", 1, "Q8_0", 1));
            assertThatThrownBy(() -> tensors.tensor("nothing"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("\"nothing\"");
        }
    }

    @Test
    void readsAfterTheFirstTwoGigabytes() throws IOException {
        Path path = folder.resolve("sparse.gguf");
        long rows = (5L << 29) / 8;
        GgufWriter writer = tinyVocabulary(TinyGguf.header("llama", 8, 16, 1, 2, 1));
        writer.tensor("token_embd.weight", 0, new long[] {8, rows}, new byte[0])
                .tensorAt("output_norm.weight", 0, new long[] {8}, new byte[0], rows * 32);
        byte[] header = writer.bytes();
        float[] norm = {1, 2, 3, 4, 5, 6, 7, 8};
        try (var channel =
                Files.newByteChannel(
                        path,
                        java.nio.file.StandardOpenOption.CREATE_NEW,
                        java.nio.file.StandardOpenOption.SPARSE,
                        java.nio.file.StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(header));
            channel.position(header.length + rows * 32);
            channel.write(ByteBuffer.wrap(TinyGguf.bytes(norm)));
        }
        try (GgufModel model = GgufModel.open(path)) {
            TensorInfo info = model.tensors().tensor("model.norm.weight");
            assertThat(TinyGguf.floats(model.tensors(), info)).isEqualTo(norm);
            assertThat(model.tensors().tensor("model.embed_tokens.weight").byteCount())
                    .isEqualTo(rows * 32);
            ByteBuffer end = model.tensors().map("model.embed_tokens.weight", rows * 32 - 32, 32);
            assertThat(end).isEqualTo(ByteBuffer.allocate(32));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 8192})
    void recognisesTheRopeScalingOfLlama3(int context) throws IOException {
        int size = 64;
        double theta = 500000;
        float[] table = new float[size / 2];
        for (int i = 0; i < table.length; i++) {
            double wavelength = 2 * Math.PI * Math.pow(theta, 2.0 * i / size);
            if (wavelength < context / 4.0) {
                table[i] = 1;
            } else if (wavelength > context) {
                table[i] = 32;
            } else {
                double smooth = (context / wavelength - 1) / (4 - 1);
                table[i] = (float) (1 / ((1 - smooth) / 32 + smooth));
            }
        }
        GgufWriter writer = tinyVocabulary(TinyGguf.header("llama", 128, 16, 1, 2, 1));
        writer.put("llama.rope.freq_base", (float) theta)
                .tensor("rope_freqs.weight", 0, new long[] {table.length}, TinyGguf.bytes(table))
                .tensor("token_embd.weight", 0, new long[] {128, 4}, new byte[2048]);
        try (GgufModel model = open(writer)) {
            JsonNode scaling = config(model).get("rope_scaling");
            assertThat(scaling.get("rope_type").asText()).isEqualTo("llama3");
            assertThat(scaling.get("factor").asDouble()).isEqualTo(32);
            assertThat(scaling.get("low_freq_factor").asDouble()).isEqualTo(1);
            assertThat(scaling.get("high_freq_factor").asDouble()).isEqualTo(4);
            assertThat(scaling.get("original_max_position_embeddings").asInt()).isEqualTo(context);
            assertThat(model.tensors().tensors()).hasSize(1);
        }
        table[7] += 0.01f;
        GgufWriter wrong = tinyVocabulary(TinyGguf.header("llama", 128, 16, 1, 2, 1));
        wrong.put("llama.rope.freq_base", (float) theta)
                .tensor("rope_freqs.weight", 0, new long[] {table.length}, TinyGguf.bytes(table))
                .tensor("token_embd.weight", 0, new long[] {128, 4}, new byte[2048]);
        assertThatThrownBy(() -> open(wrong))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("rope_freqs.weight");
    }

    @Test
    void keepsOtherSettingsOfTheRotaryEmbedding() throws IOException {
        try (GgufModel model =
                open(
                        tinyLlama()
                                .put("llama.rope.scaling.type", "linear")
                                .put("llama.rope.scaling.factor", 4f))) {
            assertThat(config(model).get("rope_scaling"))
                    .isEqualTo(JSON.readTree("{\"rope_type\":\"linear\",\"factor\":4.0}"));
        }
        try (GgufModel model =
                open(
                        tinyLlama()
                                .put("llama.rope.scaling.type", "yarn")
                                .put("llama.rope.scaling.factor", 2.5f)
                                .put("llama.rope.scaling.original_context_length", 64))) {
            assertThat(config(model).get("rope_scaling"))
                    .isEqualTo(
                            JSON.readTree(
                                    "{\"rope_type\":\"yarn\",\"factor\":2.5,"
                                            + "\"original_max_position_embeddings\":64}"));
        }
        try (GgufModel model = open(tinyLlama().put("llama.attention.sliding_window", 16))) {
            assertThat(config(model).get("model_type").asText()).isEqualTo("mistral");
            assertThat(config(model).get("sliding_window").asInt()).isEqualTo(16);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "llama.expert_count | 8 | expert_count",
                "llama.logit_scale | 2 | logit_scale",
                "llama.rope.scaling.type | su | \"su\"",
                "llama.rope.dimension_count | 2 | dimension_count",
                "llama.attention.value_length | 2 | value_length",
                "llama.tensor_data_layout | mine | \"mine\"",
                "split.count | 3 | llama-gguf-split",
                "llama.attention.layer_norm_rms_epsilon | small | a finite number",
                "tokenizer.ggml.bos_token_id | 3 | bos_token_id is 3",
                "tokenizer.chat_template | 5 | must be a text"
            })
    void refusesWhatItCannotRepresent(String key, String value, String part) {
        Object typed = value.matches("[0-9]+") ? (Object) Integer.valueOf(value) : value;
        assertThatThrownBy(() -> open(tinyLlama().put(key, typed)))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining(part)
                .hasMessageContaining("model.gguf");
    }

    @Test
    void saysWhatIsSupported() {
        assertThatThrownBy(() -> open(TinyGguf.header("bloom", 8, 16, 1, 2, 1)))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining(
                        "\"bloom\" is not supported; supported are llama, qwen2, qwen3, gemma2,"
                                + " gemma3, phi3, olmo2, gpt2");
        GgufWriter unknown =
                tinyLlama().tensor("blk.0.odd.weight", 0, new long[] {8}, new byte[32]);
        assertThatThrownBy(() -> open(unknown))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("\"blk.0.odd.weight\" is unknown");
        GgufWriter heads = tinyVocabulary(TinyGguf.header("llama", 8, 16, 1, 3, 1));
        heads.tensor("blk.0.attn_q.weight", 0, new long[] {8, 8}, new byte[256]);
        assertThatThrownBy(() -> open(heads))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("do not form 3 heads");
    }

    @Test
    void headCountsOfAllLayersMayBeListedWhenTheyAreEqual() throws IOException {
        GgufWriter writer = tinyVocabulary(new GgufWriter());
        writer.put("general.architecture", "llama")
                .put("llama.embedding_length", 8)
                .put("llama.feed_forward_length", 16)
                .put("llama.block_count", 2)
                .put("llama.context_length", 64)
                .put("llama.attention.head_count", List.of(2, 2))
                .tensor("token_embd.weight", 0, new long[] {8, 4}, new byte[128]);
        try (GgufModel model = open(writer)) {
            assertThat(config(model).get("num_key_value_heads").asInt()).isEqualTo(2);
        }
        writer.put("llama.attention.head_count_kv", List.of(2, 1));
        assertThatThrownBy(() -> open(writer))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("differs from layer to layer");
    }

    @Test
    void floatsBecomeTheirShortestDecimal() {
        assertThat(GgufMetadata.shortest(1e-5f)).isEqualTo(1e-5);
        assertThat(GgufMetadata.shortest(1e-6f)).isEqualTo(1e-6);
        assertThat(GgufMetadata.shortest(500000f)).isEqualTo(500000);
        assertThat(GgufMetadata.shortest(1 / 3f)).isEqualTo(0.33333334);
        assertThat(GgufMetadata.shortest(0.1)).isEqualTo(0.1);
        assertThat(GgufMetadata.shortest(0)).isEqualTo(0);
    }
}
