package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.core.text.TokenizerException;

/**
 * Damaged configurations beside good weights are read or refused by name, from a fixed seed; the
 * system property {@code retain4j.fuzz.inputs} sets their number.
 */
class ConfigFuzzTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> VALUES =
            List.of(
                    "null",
                    "true",
                    "false",
                    "0",
                    "1",
                    "-1",
                    "2",
                    "3",
                    "4",
                    "12",
                    "13",
                    "48",
                    "49",
                    "127",
                    "384",
                    "1000",
                    "2147483647",
                    "-2147483648",
                    "2147483648",
                    "1000000000",
                    "4294967297",
                    "9223372036854775807",
                    "1e2",
                    "48.0",
                    "0.5",
                    "1e-300",
                    "1e308",
                    "1e400",
                    "-0.0",
                    "\"\"",
                    "\"48\"",
                    "\"silu\"",
                    "\"gelu\"",
                    "\"linear\"",
                    "\"llama\"",
                    "\"gpt2\"",
                    "\"gemma3_text\"",
                    "\"phi3\"",
                    "\"\\u0000\"",
                    "[]",
                    "{}",
                    "[1,2]",
                    "[\"full_attention\",\"sliding_attention\"]",
                    "[[[[[[]]]]]]",
                    "{\"a\":{\"b\":{}}}",
                    "{\"rope_type\":\"linear\",\"factor\":2}",
                    "{\"rope_type\":\"linear\",\"factor\":1e300}",
                    "{\"rope_type\":\"dynamic\",\"factor\":1e300}",
                    "{\"rope_type\":\"yarn\",\"factor\":1e9}",
                    "{\"rope_type\":\"yarn\",\"factor\":2,\"beta_fast\":1e300,\"rope_theta\":1e-9}",
                    "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4}",
                    "{\"rope_type\":\"longrope\",\"short_factor\":[1,1,1,1,1,1],\"long_factor\":[1,1,1,1,1,1]}",
                    "{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":2}}",
                    "{\"partial_rotary_factor\":0.5}");
    private static final List<String> KEYS =
            List.of(
                    "head_dim",
                    "rope_theta",
                    "rope_scaling",
                    "rope_parameters",
                    "sliding_window",
                    "layer_types",
                    "attention_bias",
                    "mlp_bias",
                    "tie_word_embeddings",
                    "query_pre_attn_scalar",
                    "original_max_position_embeddings",
                    "n_inner",
                    "quantization_config",
                    "partial_rotary_factor",
                    "rotary_pct",
                    "num_experts",
                    "sliding_window_pattern",
                    "num_key_value_heads",
                    "use_sliding_window",
                    "max_window_layers",
                    "final_logit_softcapping");

    @TempDir Path root;

    @Test
    void damagedConfigurationsAreReadOrRefusedByName() throws IOException {
        int inputs = Integer.getInteger("retain4j.fuzz.inputs", 2_000);
        Map<String, String> texts = new HashMap<>();
        for (String family : ModelFolders.FAMILIES) {
            Path folder = Files.createDirectories(root.resolve(family));
            ModelFolders.copy(family, folder, node -> {});
            texts.put(family, Files.readString(folder.resolve("config.json")));
        }
        TensorEngine.start();
        long before = Scope.liveTensors();
        int read = 0;
        for (int i = 0; i < inputs; i++) {
            Random random = new Random(i);
            String family = ModelFolders.FAMILIES.get(i % ModelFolders.FAMILIES.size());
            byte[] bytes = mutate(texts.get(family), random);
            Path folder = root.resolve(family);
            Files.write(folder.resolve("config.json"), bytes);
            String name = "input " + i + ": " + new String(bytes, StandardCharsets.UTF_8);
            read +=
                    Assertions.assertTimeout(Duration.ofSeconds(20), () -> tries(folder), name)
                            ? 1
                            : 0;
            assertThat(Scope.liveTensors()).as(name).isEqualTo(before);
        }
        // neither all nor none, or the inputs would be worth nothing
        assertThat(read).isBetween(inputs / 50, inputs * 9 / 10);
    }

    private static boolean tries(Path folder) throws IOException {
        try (CausalLm model = Pretrained.load(folder);
                Scope scope = Scope.open()) {
            int[] ids = new int[Math.min(3, model.spec().maxPositions())];
            assertThat(model.logits(TokenBatch.of(ids)).shape())
                    .containsExactly(1, ids.length, model.spec().vocabularySize());
            return true;
        } catch (IOException e) {
            // the tokenizer reads the special tokens of the same file
            assertThat(e).isInstanceOfAny(ModelException.class, TokenizerException.class);
            assertThat(e.getMessage()).hasSizeBetween(20, 2000).contains(folder.toString());
            return false;
        }
    }

    private static byte[] mutate(String text, Random random) throws IOException {
        if (random.nextInt(4) == 0) {
            return damage(text.getBytes(StandardCharsets.UTF_8), random);
        }
        ObjectNode node = (ObjectNode) JSON.readTree(text);
        String[] late = new String[1];
        for (int i = 1 + random.nextInt(2); i > 0; i--) {
            change(node, random, late);
        }
        String changed = node.toString();
        if (late[0] != null) {
            // numbers that a tree cannot hold are written into the text
            changed = changed.replace("\"@\"", late[0]);
        }
        return changed.getBytes(StandardCharsets.UTF_8);
    }

    private static void change(ObjectNode node, Random random, String[] late) throws IOException {
        List<ObjectNode> objects = new ArrayList<>(List.of(node));
        node.forEach(
                child -> {
                    if (child instanceof ObjectNode object) {
                        objects.add(object);
                    }
                });
        ObjectNode target = objects.get(random.nextInt(objects.size()));
        List<String> keys = new ArrayList<>();
        target.fieldNames().forEachRemaining(keys::add);
        String key =
                keys.isEmpty() || random.nextInt(5) == 0
                        ? KEYS.get(random.nextInt(KEYS.size()))
                        : keys.get(random.nextInt(keys.size()));
        switch (random.nextInt(8)) {
            case 0 -> target.remove(key);
            case 1 -> {
                JsonNode other = target.path(keys.isEmpty() ? "" : keys.get(0));
                target.set(key, other.isMissingNode() ? node.get("model_type") : other);
            }
            case 2 -> {
                JsonNode old = target.path(key);
                target.set(
                        key + (random.nextBoolean() ? "s" : ""), JSON.createArrayNode().add(old));
            }
            case 3 -> {
                target.put(key, "@");
                late[0] =
                        switch (random.nextInt(4)) {
                            case 0 -> "[".repeat(2000) + "]".repeat(2000);
                            case 1 -> "9".repeat(1 + random.nextInt(2000));
                            case 2 -> "1e" + "9".repeat(1 + random.nextInt(12));
                            default -> "\"" + "x".repeat(100_000) + "\"";
                        };
            }
            case 4 -> {
                if (target.path(key) instanceof ArrayNode array && !array.isEmpty()) {
                    array.set(
                            random.nextInt(array.size()),
                            JSON.readTree(VALUES.get(random.nextInt(VALUES.size()))));
                }
                if (target.path(key).isInt()) {
                    target.put(key, target.get(key).intValue() + random.nextInt(3) - 1);
                }
            }
            default -> target.set(key, JSON.readTree(VALUES.get(random.nextInt(VALUES.size()))));
        }
    }

    private static byte[] damage(byte[] bytes, Random random) {
        byte[] damaged = bytes;
        for (int i = 1 + random.nextInt(3); i > 0 && damaged.length > 1; i--) {
            int at = random.nextInt(damaged.length);
            switch (random.nextInt(4)) {
                case 0 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> damaged[at] = (byte) "0123456789{}[]\",:-.eE".charAt(random.nextInt(21));
                case 2 -> damaged = Arrays.copyOf(damaged, at + 1);
                default -> {
                    int length = Math.min(random.nextInt(30), damaged.length - at);
                    int from = random.nextInt(damaged.length - length + 1);
                    System.arraycopy(damaged, from, damaged, at, length);
                }
            }
        }
        return damaged;
    }
}
