package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;

/**
 * A language model in a GGUF file, seen as the Hugging Face folder that it was made from.
 *
 * <p>Understands the files that the converters of llama.cpp write: names, order of rows and
 * dimensions, norms and matrices are turned back, quantised tensors are decoded to float32, and
 * {@code config.json} and the tokenizer's files are rebuilt from metadata. Format after the <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF specification</a>, versions
 * 2 and 3. The file is taken as hostile; whatever this library cannot represent exactly is refused
 * by name when the model is opened.
 *
 * <p>Safe for all threads. Do not change the file while it is open.
 */
public final class GgufModel implements AutoCloseable {

    private static final JsonMapper JSON = new JsonMapper();

    private final GgufFile file;
    private final Architecture architecture;
    private final GgufTensors tensors;
    private final String configJson;
    private final Map<String, byte[]> sidecars;

    private GgufModel(GgufFile file) throws IOException {
        this.file = file;
        GgufMetadata metadata = file.metadata();
        String name = metadata.text("general.architecture");
        Architecture found = Architecture.of(name);
        if (found == null) {
            throw metadata.fail(
                    "general.architecture "
                            + GgufHeader.quote(name)
                            + " is not supported; supported are "
                            + Architecture.supported());
        }
        if (metadata.index("split.count").orElse(1) > 1) {
            throw metadata.fail(
                    "it is one part of a split model; join the parts first with llama-gguf-split"
                            + " --merge");
        }
        this.architecture = found;
        this.tensors =
                new GgufTensors(
                        file,
                        found,
                        GgufConfig.heads(metadata, found),
                        GgufConfig.keyHeads(metadata, found));
        GgufVocabulary vocabulary = GgufVocabulary.read(metadata);
        TensorInfo embedding = embedding();
        ObjectNode config =
                GgufConfig.build(file, found, vocabulary.specialIds(), embedding.dtype());
        this.configJson = pretty(config);
        int rows = config.path("vocab_size").intValue();
        if (vocabulary.usedSize() > rows) {
            throw metadata.fail(
                    "tokenizer.ggml.tokens has "
                            + vocabulary.usedSize()
                            + " tokens but the embedding only "
                            + rows
                            + " rows");
        }
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("tokenizer.json", json(GgufTokenizer.tokenizerJson(metadata, vocabulary, found)));
        files.put(
                "tokenizer_config.json",
                json(vocabulary.configuration(metadata, config.path(positionsKey()).intValue())));
        files.put("special_tokens_map.json", json(vocabulary.specialTokens()));
        files.put("generation_config.json", json(generation(config, vocabulary)));
        this.sidecars = Collections.unmodifiableMap(files);
    }

    /**
     * Opens a file.
     *
     * @throws GgufException when it is missing, damaged, incomplete, or holds an architecture, a
     *     tensor type, a tokenizer or a setting that is not supported; the message says which
     */
    public static GgufModel open(Path path) throws IOException {
        GgufFile file = GgufFile.open(path);
        try {
            return new GgufModel(file);
        } catch (Throwable e) {
            file.close();
            throw e;
        }
    }

    /** Returns the path that was opened. */
    public Path path() {
        return file.path();
    }

    /** Returns {@code general.architecture}, for example {@code llama}. */
    public String architecture() {
        return architecture.ggufName();
    }

    /** Returns how many tensors the file has of each stored type, for example {@code Q4_K}. */
    public Map<String, Integer> storedTypes() {
        Map<String, Integer> counts = new TreeMap<>();
        file.tensors().values().forEach(t -> counts.merge(t.type().name(), 1, Integer::sum));
        return counts;
    }

    /**
     * Returns the {@code config.json} of the model.
     *
     * <p>Its {@code torch_dtype} is the type in which {@link #tensors} shows the token embedding:
     * float32 for a quantised one.
     */
    public String configJson() {
        return configJson;
    }

    /**
     * Returns the other files of the folder by name: {@code tokenizer.json}, {@code
     * tokenizer_config.json} with the chat template, {@code special_tokens_map.json} and {@code
     * generation_config.json}; unmodifiable, but do not change the arrays.
     */
    public Map<String, byte[]> sidecars() {
        return sidecars;
    }

    /**
     * Returns the weights under their Hugging Face names and in PyTorch's layout.
     *
     * <p>Tensors stored as F32, F16 or BF16 keep their type, except where their values or their
     * order within rows had to be changed back; all others are float32. Parts are decoded anew at
     * each call of {@code read} and {@code map}. Closing the source closes this model.
     */
    public TensorSource tensors() {
        return tensors;
    }

    private TensorInfo embedding() throws GgufException {
        for (TensorInfo info : tensors.tensors().values()) {
            if (info.name().endsWith("embed_tokens.weight")
                    || info.name().endsWith(".wte.weight")) {
                return info;
            }
        }
        throw file.metadata().fail("it has no token_embd.weight, the token embedding");
    }

    private String positionsKey() {
        return architecture == Architecture.GPT2 ? "n_positions" : "max_position_embeddings";
    }

    private static ObjectNode generation(ObjectNode config, GgufVocabulary vocabulary) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        for (String key : new String[] {"bos_token_id", "eos_token_id", "pad_token_id"}) {
            JsonNode id = config.path(key);
            if (id.isNumber()) {
                node.set(key, id);
            }
        }
        OptionalInt turn = vocabulary.endOfTurn();
        JsonNode eos = config.path("eos_token_id");
        if (turn.isPresent() && eos.isNumber() && eos.intValue() != turn.getAsInt()) {
            ArrayNode both = node.putArray("eos_token_id");
            both.add(eos.intValue()).add(turn.getAsInt());
        }
        return node;
    }

    private static byte[] json(ObjectNode node) throws GgufException {
        return pretty(node).getBytes(StandardCharsets.UTF_8);
    }

    private static String pretty(ObjectNode node) throws GgufException {
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
        } catch (JsonProcessingException e) {
            throw new GgufException("JSON cannot be written: " + e.getMessage(), e);
        }
    }

    /** Closes the file; closing twice does nothing. */
    @Override
    public void close() throws IOException {
        file.close();
    }
}
