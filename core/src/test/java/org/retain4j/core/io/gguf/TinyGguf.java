package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;

/** Turns Hugging Face models into GGUF as llama.cpp's converters do, for tests. */
final class TinyGguf {

    /** Hugging Face names within a layer, and what GGUF calls them; the longest match counts. */
    private static final Map<String, String> COMMON =
            Map.ofEntries(
                    Map.entry("input_layernorm", "attn_norm"),
                    Map.entry("post_attention_layernorm", "ffn_norm"),
                    Map.entry("self_attn.q_proj", "attn_q"),
                    Map.entry("self_attn.k_proj", "attn_k"),
                    Map.entry("self_attn.v_proj", "attn_v"),
                    Map.entry("self_attn.o_proj", "attn_output"),
                    Map.entry("self_attn.q_norm", "attn_q_norm"),
                    Map.entry("self_attn.k_norm", "attn_k_norm"),
                    Map.entry("self_attn.qkv_proj", "attn_qkv"),
                    Map.entry("mlp.gate_proj", "ffn_gate"),
                    Map.entry("mlp.up_proj", "ffn_up"),
                    Map.entry("mlp.gate_up_proj", "ffn_up"),
                    Map.entry("mlp.down_proj", "ffn_down"),
                    Map.entry("ln_1", "attn_norm"),
                    Map.entry("ln_2", "ffn_norm"),
                    Map.entry("attn.c_attn", "attn_qkv"),
                    Map.entry("attn.c_proj", "attn_output"),
                    Map.entry("mlp.c_fc", "ffn_up"),
                    Map.entry("mlp.c_proj", "ffn_down"));

    private static final Map<String, String> WHOLE =
            Map.of(
                    "model.embed_tokens", "token_embd",
                    "model.norm", "output_norm",
                    "lm_head", "output",
                    "transformer.wte", "token_embd",
                    "transformer.wpe", "position_embd",
                    "transformer.ln_f", "output_norm");

    private TinyGguf() {}

    /** A matrix or vector under its Hugging Face name. */
    record Weight(String name, long[] shape, float[] values) {}

    static List<Weight> read(TensorSource source) throws IOException {
        List<Weight> weights = new ArrayList<>();
        for (TensorInfo info : source.tensors().values()) {
            weights.add(
                    new Weight(
                            info.name(),
                            info.shape().stream().mapToLong(Long::longValue).toArray(),
                            floats(source, info)));
        }
        return weights;
    }

    static float[] floats(TensorSource source, TensorInfo info) throws IOException {
        ByteBuffer bytes = source.map(info.name(), 0, (int) info.byteCount());
        float[] values = new float[(int) info.elementCount()];
        for (int i = 0; i < values.length; i++) {
            values[i] =
                    switch (info.dtype()) {
                        case FLOAT32 -> bytes.getFloat(4 * i);
                        case BFLOAT16 -> Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
                        case FLOAT16 ->
                                Blocks.float16(
                                        new byte[] {bytes.get(2 * i), bytes.get(2 * i + 1)}, 0);
                        default -> throw new AssertionError(info);
                    };
        }
        return values;
    }

    static String name(String architecture, String name) {
        int dot = name.lastIndexOf('.');
        String ending = name.substring(dot);
        String stem = name.substring(0, dot);
        if (WHOLE.containsKey(stem)) {
            return WHOLE.get(stem) + ending;
        }
        String[] parts = stem.split("\\.", 4);
        String inner = stem.substring(stem.indexOf(parts[2]) + parts[2].length() + 1);
        Map<String, String> map = new HashMap<>(COMMON);
        if (architecture.startsWith("gemma") || architecture.equals("olmo2")) {
            map.put("post_attention_layernorm", "post_attention_norm");
            map.put("pre_feedforward_layernorm", "ffn_norm");
            map.put("post_feedforward_layernorm", "post_ffw_norm");
        }
        return "blk." + parts[2] + "." + map.get(inner) + ending;
    }

    /** Adds weights with what the converter of the architecture does to them, as float32. */
    static void addWeights(
            GgufWriter writer, String architecture, List<Weight> weights, int heads, int keyHeads) {
        for (Weight weight : weights) {
            float[] values = weight.values().clone();
            long[] dimensions = reversed(weight.shape());
            int columns = (int) dimensions[0];
            if (architecture.equals("llama") && weight.name().matches(".*[qk]_proj\\.weight")) {
                int count = weight.name().contains("q_proj") ? heads : keyHeads;
                values = permuted(values, count, (int) weight.shape()[0] / count, columns);
            } else if (architecture.startsWith("gemma") && weight.name().endsWith("norm.weight")) {
                for (int i = 0; i < values.length; i++) {
                    values[i] += 1;
                }
            } else if (architecture.equals("gpt2") && weight.name().matches(".*\\.c_.*weight")) {
                values = transposed(values, (int) weight.shape()[0], columns);
                dimensions = weight.shape();
            }
            writer.tensor(name(architecture, weight.name()), 0, dimensions, bytes(values));
        }
    }

    private static long[] reversed(long[] shape) {
        long[] result = new long[shape.length];
        for (int i = 0; i < shape.length; i++) {
            result[i] = shape[shape.length - 1 - i];
        }
        return result;
    }

    static byte[] bytes(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return bytes.array();
    }

    /** Views the rows as [head, 2, size / 2] and writes them as [head, size / 2, 2]. */
    static float[] permuted(float[] values, int heads, int size, int columns) {
        float[] result = new float[values.length];
        int to = 0;
        for (int head = 0; head < heads; head++) {
            for (int pair = 0; pair < size / 2; pair++) {
                for (int which = 0; which < 2; which++) {
                    int row = head * size + which * (size / 2) + pair;
                    System.arraycopy(values, row * columns, result, to++ * columns, columns);
                }
            }
        }
        return result;
    }

    private static float[] transposed(float[] values, int rows, int columns) {
        float[] result = new float[values.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                result[c * rows + r] = values[r * columns + c];
            }
        }
        return result;
    }

    /** Draws weights whose norms plus one lose nothing in float32. */
    static Weight draw(Random random, String name, long... shape) {
        int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (random.nextInt(1 << 16) - (1 << 15)) * 0x1p-14f;
        }
        return new Weight(name, shape, values);
    }

    /** Adds the keys that a llama-like architecture needs. */
    static GgufWriter header(
            String architecture, int hidden, int inner, int layers, int heads, int keyHeads) {
        return new GgufWriter()
                .put("general.architecture", architecture)
                .put(architecture + ".embedding_length", hidden)
                .put(architecture + ".feed_forward_length", inner)
                .put(architecture + ".block_count", layers)
                .put(architecture + ".attention.head_count", heads)
                .put(architecture + ".attention.head_count_kv", keyHeads)
                .put(architecture + ".context_length", 128);
    }

    /**
     * Adds a vocabulary in the way of the converters.
     *
     * @param json a tokenizer.json
     * @param pre name of the split rule, or null for a SentencePiece vocabulary
     */
    static void addTokenizer(GgufWriter writer, JsonNode json, String pre) {
        TreeMap<Integer, String> tokens = new TreeMap<>();
        json.get("model")
                .get("vocab")
                .fields()
                .forEachRemaining(entry -> tokens.put(entry.getValue().asInt(), entry.getKey()));
        Integer[] kinds = new Integer[tokens.size()];
        Arrays.fill(kinds, 1);
        json.get("added_tokens").forEach(token -> kinds[token.get("id").asInt()] = 3);
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : json.get("model").get("merges")) {
            merges.add(
                    merge.isTextual()
                            ? merge.asText()
                            : merge.get(0).asText() + " " + merge.get(1).asText());
        }
        writer.put("tokenizer.ggml.tokens", List.copyOf(tokens.values()));
        if (pre != null) {
            writer.put("tokenizer.ggml.model", "gpt2").put("tokenizer.ggml.pre", pre);
            writer.put("tokenizer.ggml.merges", merges);
        } else {
            Float[] scores = new Float[tokens.size()];
            Arrays.fill(scores, -1e6f);
            for (int i = 0; i < merges.size(); i++) {
                String whole = merges.get(i).replace(" ", "");
                tokens.forEach(
                        (id, token) -> {
                            if (token.equals(whole) && scores[id] == -1e6f) {
                                scores[id] = (float) -merges.indexOf(find(merges, whole));
                            }
                        });
            }
            tokens.forEach(
                    (id, token) -> {
                        if (token.matches("<0x[0-9A-F]{2}>")) {
                            kinds[id] = 6;
                        } else if (token.equals("<unk>")) {
                            kinds[id] = 2;
                        }
                    });
            writer.put("tokenizer.ggml.model", "llama");
            writer.put("tokenizer.ggml.scores", List.of(scores));
        }
        writer.put("tokenizer.ggml.token_type", List.of(kinds));
    }

    private static String find(List<String> merges, String whole) {
        return merges.stream().filter(m -> m.replace(" ", "").equals(whole)).findFirst().get();
    }
}
