package org.retain4j.core.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.retain4j.core.tensor.DType;

/**
 * The {@code config.json} of a model folder, read with named errors.
 *
 * <p>Immutable, safe for all threads.
 */
public final class ModelConfig {

    private static final long LIMIT = 16 << 20;
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
                    .build();

    private final String origin;
    private final String text;
    private final JsonNode root;

    private ModelConfig(String origin, String text, JsonNode root) {
        this.origin = origin;
        this.text = text;
        this.root = root;
    }

    /**
     * Reads a file.
     *
     * @throws ModelException if it is missing, too large or not a JSON object
     */
    public static ModelConfig read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new ModelException(
                    file
                            + " is missing; a model folder holds config.json, tokenizer.json and"
                            + " model.safetensors");
        }
        if (Files.size(file) > LIMIT) {
            throw new ModelException(file + " is larger than 16 MB and no model configuration");
        }
        return parse(
                file.toString(),
                new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.UTF_8));
    }

    /**
     * Reads a text.
     *
     * @param origin where it comes from, for messages
     * @throws ModelException if it is not a JSON object
     */
    public static ModelConfig parse(String origin, String text) throws ModelException {
        try {
            JsonNode root = JSON.readTree(text);
            if (root == null || !root.isObject()) {
                throw new ModelException(origin + " is not a JSON object");
            }
            return new ModelConfig(origin, text, root);
        } catch (JsonProcessingException e) {
            throw new ModelException(
                    origin
                            + " is not valid JSON"
                            + (e.getLocation() == null
                                    ? ": "
                                    : " at line " + e.getLocation().getLineNr() + ": ")
                            + shortened(e.getOriginalMessage().lines().findFirst().orElse("")),
                    e);
        }
    }

    /** Returns the text as it was read. */
    public String text() {
        return text;
    }

    /**
     * Returns the configuration with another type of the stored weights, under the key that it uses
     * ({@code torch_dtype} in transformers 4, {@code dtype} in 5); float32 goes without saying when
     * it names none.
     */
    String textWithDtype(DType type) throws ModelException {
        ObjectNode copy = root.deepCopy();
        boolean named = false;
        for (String key : List.of("torch_dtype", "dtype")) {
            if (copy.has(key)) {
                copy.put(key, type.toString());
                named = true;
            }
        }
        if (!named && type != DType.FLOAT32) {
            copy.put("torch_dtype", type.toString());
        }
        if (copy.equals(root)) {
            return text;
        }
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(copy) + "\n";
        } catch (JsonProcessingException e) {
            throw new ModelException(origin + " cannot be written again: " + e.getMessage(), e);
        }
    }

    /** Returns where the configuration comes from, for messages. */
    public String origin() {
        return origin;
    }

    /** Returns the {@code model_type}. */
    public String modelType() throws ModelException {
        String type = string("model_type");
        if (type.length() > 100) {
            throw wrong("model_type", "a name", node("model_type"));
        }
        return type;
    }

    /** Returns whether a key is there and not null. */
    public boolean has(String key) {
        return root.hasNonNull(key);
    }

    /** Returns the value of a key; a missing node when it is absent. */
    public JsonNode node(String key) {
        return root.path(key);
    }

    /** Returns a text. */
    public String string(String key) throws ModelException {
        JsonNode node = required(key);
        if (!node.isTextual()) {
            throw wrong(key, "a text", node);
        }
        return node.textValue();
    }

    /** Returns a positive integer. */
    public int positiveInt(String key) throws ModelException {
        JsonNode node = required(key);
        if (!node.canConvertToInt() || !node.isIntegralNumber() || node.intValue() < 1) {
            throw wrong(key, "a positive integer", node);
        }
        return node.intValue();
    }

    /** Returns a positive integer, or the default when the key is absent or null. */
    public int positiveInt(String key, int absent) throws ModelException {
        return has(key) ? positiveInt(key) : absent;
    }

    /** Returns an integer of at least 0, or the default when the key is absent or null. */
    public int nonNegativeInt(String key, int absent) throws ModelException {
        if (!has(key)) {
            return absent;
        }
        JsonNode node = root.get(key);
        if (!node.canConvertToInt() || !node.isIntegralNumber() || node.intValue() < 0) {
            throw wrong(key, "an integer of at least 0", node);
        }
        return node.intValue();
    }

    /** Returns a positive number, the default when the key is absent, and 0 when it is null. */
    double cap(String key, double absent) throws ModelException {
        return node(key).isNull() ? 0 : positiveNumber(key, absent);
    }

    /** Returns a positive finite number, or the default when the key is absent or null. */
    public double positiveNumber(String key, double absent) throws ModelException {
        return has(key) ? positiveNumber(key, root.get(key)) : absent;
    }

    /** Checks a number found under a nested key. */
    double positiveNumber(String key, JsonNode node) throws ModelException {
        double value = node.doubleValue();
        if (!node.isNumber() || !(value > 0) || Double.isInfinite(value)) {
            throw wrong(key, "a positive number", node);
        }
        return value;
    }

    /** Returns a boolean, or the default when the key is absent or null. */
    public boolean flag(String key, boolean absent) throws ModelException {
        if (!has(key)) {
            return absent;
        }
        JsonNode node = root.get(key);
        if (!node.isBoolean()) {
            throw wrong(key, "true or false", node);
        }
        return node.booleanValue();
    }

    /**
     * Refuses a setting that would change the computation in a way that is not implemented.
     *
     * @param key key of the setting
     * @param why what is implemented instead
     */
    public ModelException unsupported(String key, String why) {
        JsonNode node = node(key);
        String value = node.isMissingNode() ? "" : ": " + shortened(node);
        return new ModelException(
                origin + ": \"" + key + "\"" + value + " is not supported; " + why);
    }

    private JsonNode required(String key) throws ModelException {
        if (!has(key)) {
            throw new ModelException(origin + " has no \"" + key + "\"");
        }
        return root.get(key);
    }

    private ModelException wrong(String key, String expected, JsonNode found) {
        return new ModelException(
                origin + ": \"" + key + "\" must be " + expected + ", is " + shortened(found));
    }

    private static String shortened(JsonNode node) {
        return shortened(node.toString());
    }

    private static String shortened(String text) {
        return text.length() > 120 ? text.substring(0, 120) + "…" : text;
    }
}
