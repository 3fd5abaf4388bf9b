package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.CharConversionException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The tokens and ids of a {@code tokenizer.json}, which the native library does not tell.
 *
 * <p>Immutable after parsing.
 */
final class Vocabulary {

    /** Largest id that is accepted plus one; the largest public vocabularies have 262 144. */
    static final int MAX_SIZE = 1 << 24;

    static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(64).build())
                    .build();

    private final String origin;
    private final Map<String, Integer> ids = new HashMap<>();
    private final List<Added> added = new ArrayList<>();
    private final List<AddedToken> addedTokens = new ArrayList<>();
    private final Set<String> specialTokens = new HashSet<>();
    private final List<String> pieces = new ArrayList<>();
    private @Nullable JsonNode normalizer;
    private @Nullable String[] tokens = {};
    private boolean modelFound;
    private boolean prefixed;
    private boolean merges;
    private String type = "";
    private StreamingRule streamingRule = StreamingRule.EACH_TOKEN;

    /** A token as the file lists it, before it has an id. */
    private record Added(String content, boolean special, boolean normalized) {}

    private Vocabulary(String origin) {
        this.origin = origin;
    }

    /** Reads the tokens of a file; {@code origin} names it in messages. */
    static Vocabulary parse(byte[] json, String origin) throws TokenizerException {
        Vocabulary vocabulary = new Vocabulary(origin);
        try (JsonParser parser = JSON.createParser(json)) {
            vocabulary.readFile(parser);
        } catch (JsonProcessingException | CharConversionException e) {
            throw new TokenizerException(origin + " is not valid JSON: " + e.getMessage(), e);
        } catch (TokenizerException e) {
            throw e;
        } catch (IOException e) {
            throw new TokenizerException(origin + " cannot be read: " + e, e);
        }
        if (!vocabulary.modelFound) {
            throw vocabulary.fail(
                    "has no model.vocab; expected the tokenizer.json of the Hugging Face"
                            + " tokenizers library");
        }
        // The native library cuts the prefix off every merge without looking, and panics.
        if (vocabulary.prefixed && (vocabulary.merges || vocabulary.type.equals("BPE"))) {
            throw vocabulary.fail(
                    "has a BPE model with continuing_subword_prefix, which is not supported");
        }
        vocabulary.addTokens();
        return vocabulary;
    }

    /** Returns the largest id plus one. */
    int size() {
        return tokens.length;
    }

    /** Returns the section {@code normalizer}, or null. */
    @Nullable JsonNode normalizer() {
        return normalizer;
    }

    /** Returns the added tokens that are looked for in normalized text, as they are listed. */
    List<String> normalizedTokens() {
        return added.stream()
                .filter(token -> token.normalized() && !token.content().isEmpty())
                .map(Added::content)
                .toList();
    }

    /** Returns the added tokens in the order of their ids. */
    List<AddedToken> addedTokens() {
        return List.copyOf(addedTokens);
    }

    /** Returns whether the decoder leaves out the token when special tokens are skipped. */
    boolean isSpecial(int id) {
        String token = tokens[id];
        return token != null && specialTokens.contains(token);
    }

    /** Returns {@code model.type}, or an empty text. */
    String modelType() {
        return type;
    }

    StreamingRule streamingRule() {
        return streamingRule;
    }

    @Nullable Integer id(String token) {
        return ids.get(token);
    }

    @Nullable String token(int id) {
        return tokens[id];
    }

    private void readFile(JsonParser parser) throws IOException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw fail("is not a JSON object");
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            JsonToken value = parser.nextToken();
            if (key.equals("model") && value == JsonToken.START_OBJECT) {
                readModel(parser);
            } else if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                readAddedTokens(parser);
            } else if (PipelineChecks.SECTIONS.contains(key)) {
                JsonNode section = PipelineChecks.check(parser, key, origin);
                if (key.equals("decoder")) {
                    streamingRule = StreamingRule.of(section);
                } else if (key.equals("normalizer") && !section.isNull()) {
                    normalizer = section;
                }
            } else {
                parser.skipChildren();
            }
        }
        if (parser.nextToken() != null) {
            throw fail("has text after its JSON object");
        }
    }

    private void readModel(JsonParser parser) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            JsonToken value = parser.nextToken();
            if (key.equals("vocab") && value == JsonToken.START_OBJECT) {
                modelFound = true;
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String token = parser.currentName();
                    if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
                        throw fail("has an id in model.vocab that is not a whole number");
                    }
                    put(token, parser.getLongValue());
                }
            } else if (key.equals("vocab") && value == JsonToken.START_ARRAY) {
                modelFound = true;
                readUnigram(parser);
            } else if (key.equals("continuing_subword_prefix")
                    && value == JsonToken.VALUE_STRING
                    && parser.getTextLength() > 0) {
                prefixed = true;
            } else if (key.equals("type") && value == JsonToken.VALUE_STRING) {
                type = parser.getText();
            } else if (key.equals("merges")) {
                merges = true;
                parser.skipChildren();
            } else {
                parser.skipChildren();
            }
        }
    }

    /** Reads {@code [["piece", score], …]}, where the place in the list is the id. */
    private void readUnigram(JsonParser parser) throws IOException {
        int id = 0;
        while (parser.nextToken() == JsonToken.START_ARRAY) {
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw fail("has an entry in model.vocab that does not start with a text");
            }
            pieces.add(parser.getText());
            put(parser.getText(), id++);
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                parser.skipChildren();
            }
        }
    }

    private void readAddedTokens(JsonParser parser) throws IOException {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            String content = "";
            boolean special = false;
            boolean normalized = true;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                JsonToken value = parser.nextToken();
                if (value == JsonToken.VALUE_STRING && key.equals("content")) {
                    content = parser.getText();
                } else if (key.equals("special")) {
                    special = value == JsonToken.VALUE_TRUE;
                } else if (key.equals("normalized")) {
                    normalized = value == JsonToken.VALUE_TRUE;
                } else {
                    parser.skipChildren();
                }
            }
            added.add(new Added(content, special, normalized));
        }
    }

    /**
     * Numbers the added tokens as the native library does, which goes by what is known already and
     * not by the ids in the file.
     */
    private void addTokens() throws TokenizerException {
        int modelSize = ids.size();
        int largestAdded = -1;
        Map<Integer, AddedToken> byId = new TreeMap<>();
        for (Added entry : added) {
            String token = entry.content();
            if (token.isEmpty()) {
                continue;
            }
            Integer id = ids.get(token);
            if (id == null) {
                id = largestAdded < modelSize ? modelSize : largestAdded + 1;
                put(token, id);
            }
            largestAdded = Math.max(largestAdded, id);
            byId.put(id, new AddedToken(id, token, entry.special()));
            if (entry.special()) {
                specialTokens.add(token);
            }
        }
        addedTokens.addAll(byId.values());
        int largest = -1;
        for (int id : ids.values()) {
            largest = Math.max(largest, id);
        }
        tokens = new @Nullable String[Math.max(largest + 1, pieces.size())];
        for (int id = 0; id < pieces.size(); id++) {
            tokens[id] = pieces.get(id);
        }
        ids.forEach(
                (token, id) -> {
                    String other = tokens[id];
                    if (other != null && !other.equals(token)) {
                        // the native library decodes one of them, by chance
                        streamingRule = StreamingRule.NOTHING;
                    }
                    tokens[id] = token;
                });
        for (AddedToken token : addedTokens) {
            tokens[token.id()] = token.content();
        }
    }

    private void put(String token, long id) throws TokenizerException {
        if (id < 0 || id >= MAX_SIZE) {
            throw fail("has the token id " + id + "; expected 0 to " + (MAX_SIZE - 1));
        }
        ids.put(token, (int) id);
    }

    /** Returns text from a file in a form fit for a message: short and on one line. */
    static String quote(String text) {
        int end = text.offsetByCodePoints(0, Math.min(60, text.codePointCount(0, text.length())));
        String cut = text.substring(0, end).replaceAll("\\p{Cntrl}", "?");
        return "'" + cut + (end < text.length() ? "…'" : "'");
    }

    private TokenizerException fail(String problem) {
        return new TokenizerException(origin + " " + problem);
    }
}
