package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The tokens of a GGUF file with their kinds and roles. Immutable, safe for all threads. */
final class GgufVocabulary {

    static final int UNKNOWN = 2;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;
    static final int UNUSED = 5;

    private static final String PREFIX = "tokenizer.ggml.";
    private static final String PIECES = "llama";
    private static final String BYTES = "gpt2";

    private final GgufMetadata metadata;
    private final boolean pieces;
    private final String[] tokens;
    private final int usedSize;
    private final long @Nullable [] kinds;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<String, OptionalInt> roles = new LinkedHashMap<>();

    private GgufVocabulary(GgufMetadata metadata) throws GgufException {
        this.metadata = metadata;
        String model = metadata.text(PREFIX + "model");
        if (!model.equals(PIECES) && !model.equals(BYTES)) {
            throw metadata.fail(
                    PREFIX
                            + "model "
                            + GgufHeader.quote(model)
                            + " is not supported; supported are gpt2 (byte-level BPE) and llama"
                            + " (SentencePiece BPE)");
        }
        this.pieces = model.equals(PIECES);
        this.tokens = metadata.texts(PREFIX + "tokens");
        this.kinds = metadata.integers(PREFIX + "token_type");
        if (tokens.length == 0 || (kinds != null && kinds.length != tokens.length)) {
            throw metadata.fail(
                    PREFIX
                            + "tokens has "
                            + tokens.length
                            + " elements and token_type "
                            + (kinds == null ? 0 : kinds.length)
                            + "; expected as many kinds as tokens, and at least one");
        }
        // Padding of the vocabulary to the size of the embedding is no part of the tokenizer.
        int used = tokens.length;
        while (used > 1 && kind(used - 1) == UNUSED) {
            used--;
        }
        this.usedSize = used;
        for (int id = 0; id < used; id++) {
            Integer other = ids.put(tokens[id], id);
            if (other != null) {
                throw metadata.fail(
                        PREFIX
                                + "tokens has "
                                + GgufHeader.quote(tokens[id])
                                + " at both "
                                + other
                                + " and "
                                + id
                                + "; expected different tokens");
            }
        }
        roles.put("bos", role("bos_token_id", pieces ? 1 : -1));
        roles.put("eos", role("eos_token_id", pieces ? 2 : -1));
        roles.put("unk", role("unknown_token_id", pieces ? 0 : -1));
        roles.put("pad", role("padding_token_id", -1));
        roles.put("eot", role("eot_token_id", -1));
    }

    /**
     * Reads the vocabulary.
     *
     * @throws GgufException when there is none, it is of an unsupported kind, a token occurs twice
     *     or the id of a role is none of a token
     */
    static GgufVocabulary read(GgufMetadata metadata) throws GgufException {
        return new GgufVocabulary(metadata);
    }

    /** Returns whether tokens are SentencePiece pieces; otherwise they are spelled in bytes. */
    boolean isPieces() {
        return pieces;
    }

    /** Returns the number of tokens without unused ones at the end. */
    int usedSize() {
        return usedSize;
    }

    String token(int id) {
        return tokens[id];
    }

    @Nullable Integer id(String token) {
        return ids.get(token);
    }

    int kind(int id) {
        return kinds == null ? 1 : (int) kinds[id];
    }

    /** Returns the id of a role: bos, eos, unk or pad. */
    OptionalInt role(String role) {
        return roles.getOrDefault(role, OptionalInt.empty());
    }

    Map<String, OptionalInt> specialIds() {
        return roles;
    }

    /** Returns the token that ends a turn of a chat, if the file names one. */
    OptionalInt endOfTurn() {
        return role("eot");
    }

    private OptionalInt role(String key, int absent) throws GgufException {
        String name = PREFIX + key;
        if (!metadata.has(name)) {
            boolean there = absent >= 0 && absent < usedSize && kind(absent) != 1;
            return there ? OptionalInt.of(absent) : OptionalInt.empty();
        }
        OptionalInt id = metadata.index(name);
        if (id.orElse(0) >= usedSize) {
            throw metadata.fail(
                    name
                            + " is "
                            + id.orElse(0)
                            + "; expected the id of one of the "
                            + usedSize
                            + " tokens");
        }
        return id;
    }

    /** Returns {@code special_tokens_map.json}. */
    ObjectNode specialTokens() {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        for (String role : new String[] {"bos", "eos", "unk", "pad"}) {
            role(role).ifPresent(id -> node.put(role + "_token", tokens[id]));
        }
        return node;
    }

    /** Returns {@code tokenizer_config.json}. */
    ObjectNode configuration(GgufMetadata source, int longest) throws GgufException {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("tokenizer_class", "PreTrainedTokenizerFast");
        for (String role : new String[] {"bos", "eos", "unk", "pad"}) {
            OptionalInt id = role(role);
            node.put(role + "_token", id.isPresent() ? tokens[id.getAsInt()] : null);
        }
        node.put("model_max_length", longest);
        node.put("clean_up_tokenization_spaces", false);
        String template = source.optionalText("tokenizer.chat_template");
        if (template != null) {
            node.put("chat_template", template);
        }
        ObjectNode added = node.putObject("added_tokens_decoder");
        for (int id = 0; id < usedSize; id++) {
            if (isAdded(id)) {
                describe(added.putObject(Integer.toString(id)), id);
            }
        }
        return node;
    }

    /** Returns whether a token is looked for in texts before they are split. */
    boolean isAdded(int id) {
        int kind = kind(id);
        boolean special = kind == CONTROL || kind == USER_DEFINED || (pieces && kind == UNKNOWN);
        return special && !tokens[id].isEmpty();
    }

    /** Fills in an added token as the tokenizers library describes it. */
    void describe(ObjectNode node, int id) {
        node.put("content", tokens[id]);
        node.put("single_word", false);
        node.put("lstrip", false);
        node.put("rstrip", false);
        node.put("normalized", false);
        node.put("special", kind(id) != USER_DEFINED);
    }
}
