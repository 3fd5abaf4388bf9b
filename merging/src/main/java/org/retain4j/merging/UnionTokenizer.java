package org.retain4j.merging;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A tokenizer with the tokens of several: those of the first keep their ids, the others follow in
 * the order of their models and ids.
 *
 * <p>Texts are split as the first tokenizer does, except at special tokens. Tokens that its merge
 * rules do not build can be written by the model but not be read from a text.
 */
final class UnionTokenizer {

    private final TokenTable first;
    private final List<String> tokens = new ArrayList<>();
    private final List<ObjectNode> added = new ArrayList<>();
    private final List<TokenTable> owners = new ArrayList<>();
    private int unreached;

    private UnionTokenizer(TokenTable first) {
        this.first = first;
    }

    /** Puts tokenizers together. */
    static UnionTokenizer of(List<TokenTable> tables) {
        TokenTable first = tables.get(0);
        UnionTokenizer union = new UnionTokenizer(first);
        Set<String> known = new HashSet<>(first.ids().keySet());
        for (TokenTable table : tables.subList(1, tables.size())) {
            for (String token : table.inOrder()) {
                if (known.add(token)) {
                    union.tokens.add(token);
                    union.owners.add(table);
                    ObjectNode beside = table.added(token);
                    if (beside == null) {
                        union.unreached++;
                    } else {
                        ObjectNode own = beside.deepCopy();
                        own.put("id", first.size() + union.tokens.size() - 1);
                        union.added.add(own);
                    }
                }
            }
        }
        return union;
    }

    /** Returns the tokens by id; null where there is none. */
    @Nullable String[] byId() {
        @Nullable String[] all = byId(first, first.size() + tokens.size());
        for (int k = 0; k < tokens.size(); k++) {
            all[first.size() + k] = tokens.get(k);
        }
        return all;
    }

    /** Returns the tokens of a table by id; null where there is none. */
    static @Nullable String[] byId(TokenTable table, int size) {
        @Nullable String[] all = new @Nullable String[size];
        table.ids().forEach((token, id) -> all[id] = token);
        return all;
    }

    boolean isFirst() {
        return tokens.isEmpty();
    }

    /** Returns how many tokens no text is split into. */
    int unreached() {
        return unreached;
    }

    /** Returns the {@code tokenizer.json}. */
    ObjectNode file() throws MergeException {
        ObjectNode file = first.file().deepCopy();
        JsonNode vocabulary = file.path("model").path("vocab");
        @Nullable String[] all = byId();
        // Tokens beside the model are numbered from its end on, so all must be inside with their
        // id.
        if (vocabulary instanceof ObjectNode ids) {
            for (int id = 0; id < all.length; id++) {
                String token = all[id];
                if (token != null && !ids.has(token)) {
                    ids.put(token, id);
                }
            }
        } else if (vocabulary instanceof ArrayNode pieces) {
            for (int id = pieces.size(); id < all.length; id++) {
                String token = all[id];
                if (token == null) {
                    throw new MergeException(
                            first.folder().resolve(TokenTable.FILE)
                                    + " has no token "
                                    + id
                                    + ", so none can be added; take the tokenizer of one model");
                }
                pieces.addArray().add(token).add(score(token));
            }
        }
        ArrayNode beside =
                file.get("added_tokens") instanceof ArrayNode list
                        ? list
                        : file.putArray("added_tokens");
        added.forEach(beside::add);
        return file;
    }

    private double score(String token) {
        for (TokenTable owner : owners) {
            Integer id = owner.id(token);
            JsonNode pieces = owner.file().path("model").path("vocab");
            if (id != null && pieces.isArray() && id < pieces.size()) {
                return pieces.get(id).path(1).asDouble();
            }
        }
        return 0;
    }

    /** Adds the new special tokens to a {@code tokenizer_config.json} that lists such. */
    void addTo(ObjectNode config) {
        if (config.get("added_tokens_decoder") instanceof ObjectNode decoder) {
            for (ObjectNode token : added) {
                ObjectNode entry = token.deepCopy();
                entry.remove("id");
                decoder.set(token.path("id").asText(), entry);
            }
        }
    }
}
