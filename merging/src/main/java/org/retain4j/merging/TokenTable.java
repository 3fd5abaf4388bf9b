package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The tokens of a {@code tokenizer.json} with their ids, and the file itself. */
final class TokenTable {

    static final String FILE = "tokenizer.json";

    static final ObjectMapper JSON = new ObjectMapper();

    private static final long MAX_BYTES = 128L << 20;
    private static final int MAX_ID = 1 << 24;

    private final Path folder;
    private final ObjectNode file;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<String, ObjectNode> added = new HashMap<>();

    private TokenTable(Path folder, ObjectNode file) {
        this.folder = folder;
        this.file = file;
    }

    /** Reads the tokenizer of a model folder. */
    static TokenTable read(Path folder) throws IOException {
        Path path = folder.resolve(FILE);
        if (!Files.isRegularFile(path) || Files.size(path) > MAX_BYTES) {
            throw new MergeException(
                    path + " is missing or larger than 128 MB; merging by tokens needs it");
        }
        JsonNode json;
        try {
            json = JSON.readTree(Files.readAllBytes(path));
        } catch (JsonProcessingException e) {
            throw new MergeException(path + " is not JSON: " + e.getOriginalMessage(), e);
        }
        if (!(json instanceof ObjectNode object)) {
            throw new MergeException(path + " is not a JSON object; expected a tokenizer");
        }
        TokenTable table = new TokenTable(folder, object);
        table.index(path);
        return table;
    }

    private void index(Path path) throws MergeException {
        JsonNode vocabulary = file.path("model").path("vocab");
        if (vocabulary.isArray()) {
            for (int id = 0; id < vocabulary.size(); id++) {
                put(path, vocabulary.get(id).path(0), id);
            }
        }
        for (Map.Entry<String, JsonNode> token : vocabulary.properties()) {
            put(path, token.getKey(), token.getValue());
        }
        for (JsonNode token : file.path("added_tokens")) {
            put(path, token.path("content").asText(), token.path("id"));
            if (token instanceof ObjectNode object) {
                added.put(token.path("content").asText(), object);
            }
        }
        if (ids.isEmpty()) {
            throw new MergeException(path + " has no tokens under model.vocab");
        }
    }

    private void put(Path path, JsonNode token, int id) throws MergeException {
        if (!token.isTextual()) {
            throw new MergeException(path + " has no text for the token " + id);
        }
        ids.put(token.asText(), id);
    }

    private void put(Path path, String token, JsonNode id) throws MergeException {
        if (!id.isInt() || id.asInt() < 0 || id.asInt() >= MAX_ID) {
            throw new MergeException(
                    path + " gives a token the id " + id + "; expected 0 to " + (MAX_ID - 1));
        }
        ids.put(token, id.asInt());
    }

    Path folder() {
        return folder;
    }

    /** Returns the file; not to be changed. */
    ObjectNode file() {
        return file;
    }

    Map<String, Integer> ids() {
        return ids;
    }

    @Nullable Integer id(String token) {
        return ids.get(token);
    }

    /** Returns the id of a token that is given as a text, or as # and its id. */
    int require(String token) throws MergeException {
        Integer id = ids.get(token);
        if (id == null && token.matches("#[0-9]{1,8}")) {
            id = Integer.valueOf(token.substring(1));
        }
        if (id == null) {
            throw new MergeException(folder.resolve(FILE) + " has no token " + token);
        }
        return id;
    }

    /** Returns what the file says about a token that stands beside its model, or null. */
    @Nullable ObjectNode added(String token) {
        return added.get(token);
    }

    /** Returns the tokens in the order of their ids. */
    List<String> inOrder() {
        List<String> tokens = new ArrayList<>(ids.keySet());
        tokens.sort(
                Comparator.<String>comparingInt(ids::get).thenComparing(Comparator.naturalOrder()));
        return tokens;
    }

    /** Returns the largest id plus one. */
    int size() {
        return ids.values().stream().mapToInt(id -> id + 1).max().orElse(0);
    }
}
