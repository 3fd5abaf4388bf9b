package org.retain4j.cli.score;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.evaluation.scoring.PromptPair;
import org.retain4j.evaluation.scoring.ScoreRequest;
import org.retain4j.evaluation.scoring.TokenScorer;

/**
 * Turns a line of JSON into tokens to score.
 *
 * <p>What the keys mean is documented at {@link ScoreJob}. Not safe for use by several threads.
 */
final class LineParser {

    /** Values and brackets of a line, so that a hostile one cannot fill the heap. */
    private static final int MAX_JSON_TOKENS = 2 << 20;

    private static final int MAX_NESTING = 64;

    /** No vocabulary has longer tokens in mass; beyond this a text is not even encoded. */
    private static final int CHARACTERS_PER_POSITION = 64;

    private static final int LEAST_LONGEST_TEXT = 1 << 16;

    private static final JsonMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(MAX_NESTING)
                                                    .maxTokenCount(MAX_JSON_TOKENS)
                                                    .maxStringLength(JsonLines.MAX_BYTES)
                                                    .build())
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private static final String EXPECTED =
            "expected \"ids\", \"text\", \"messages\", or \"context\" and \"continuation\"";

    private final CausalLm model;
    private final Tokenizer tokenizer;
    private final TokenScorer scorer;
    private final int positions;
    private final ScoreJob.Options options;
    private @Nullable ChatTemplate chat;

    LineParser(CausalLm model, ScoreJob.Options options) {
        this.model = model;
        this.tokenizer = model.tokenizer();
        this.scorer = TokenScorer.of(model);
        this.positions = model.spec().maxPositions();
        this.options = options;
    }

    /**
     * Reads one line.
     *
     * @throws BadLineException if it cannot be scored
     */
    ScoreLine parse(JsonLines.Line line) throws BadLineException {
        if (line.problem() != null) {
            throw new BadLineException("the line " + line.problem(), null, null);
        }
        JsonNode root = json(line.text());
        JsonNode id = id(root);
        try {
            String kind = kind(root);
            return switch (kind) {
                case "ids" -> ids(line.number(), id, root);
                case "text" -> text(line.number(), id, kind, string(root, kind));
                case "messages" -> text(line.number(), id, kind, rendered(root));
                default -> pair(line.number(), id, root);
            };
        } catch (Problem e) {
            throw new BadLineException(String.valueOf(e.getMessage()), id, e);
        }
    }

    /** Something wrong with the value of a key. */
    private static final class Problem extends Exception {
        private static final long serialVersionUID = 1;

        Problem(String key, String what) {
            super(key + ": " + what);
        }
    }

    private static JsonNode json(String text) throws BadLineException {
        JsonNode root;
        try {
            root = JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new BadLineException(
                    "column "
                            + (e.getLocation() == null ? 1 : e.getLocation().getColumnNr())
                            + " is not JSON as expected: "
                            + e.getOriginalMessage()
                            + "; write one object a line, such as {\"text\": \"…\"}",
                    null,
                    e);
        }
        if (root == null || !root.isObject()) {
            throw new BadLineException(
                    "the line is not a JSON object; write one a line, such as {\"text\": \"…\"}",
                    null,
                    null);
        }
        return root;
    }

    private static @Nullable JsonNode id(JsonNode root) throws BadLineException {
        JsonNode id = root.get("id");
        if (id != null && id.isContainerNode()) {
            throw new BadLineException(
                    "id: is an array or object, expected a string or number", null, null);
        }
        return id;
    }

    private static String kind(JsonNode root) throws Problem {
        List<String> kinds = new ArrayList<>();
        for (String key : List.of("ids", "text", "messages")) {
            if (root.has(key)) {
                kinds.add(key);
            }
        }
        if (root.has("context") || root.has("continuation")) {
            kinds.add("context");
        }
        if (kinds.size() > 1) {
            throw new Problem(kinds.get(0), "stands beside " + kinds.get(1) + ", " + EXPECTED);
        }
        if (kinds.isEmpty()) {
            List<String> found = new ArrayList<>();
            root.fieldNames().forEachRemaining(found::add);
            throw new Problem(
                    "keys", "found " + (found.isEmpty() ? "none" : names(found)) + ", " + EXPECTED);
        }
        return kinds.get(0);
    }

    private static String names(List<String> keys) {
        List<String> first =
                keys.stream()
                        .limit(8)
                        .map(key -> key.substring(0, Math.min(40, key.length())))
                        .toList();
        return String.join(", ", first) + (keys.size() > first.size() ? ", …" : "");
    }

    private static String string(JsonNode root, String key) throws Problem {
        JsonNode value = root.get(key);
        if (value == null || !value.isTextual()) {
            throw new Problem(key, (value == null ? "is missing" : "is not") + " a string");
        }
        return value.textValue();
    }

    private ScoreLine ids(long number, @Nullable JsonNode id, JsonNode root) throws Problem {
        JsonNode values = root.get("ids");
        if (!values.isArray()) {
            throw new Problem("ids", "is not an array of token ids");
        }
        int[] ids = new int[values.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode value = values.get(i);
            if (!value.isIntegralNumber() || !value.canConvertToInt()) {
                throw new Problem("ids[" + i + "]", "is not a token id, a whole number");
            }
            ids[i] = value.intValue();
        }
        int context = 0;
        JsonNode length = root.get("context_length");
        if (length != null) {
            if (!length.isIntegralNumber()
                    || !length.canConvertToInt()
                    || length.intValue() < 0
                    || length.intValue() > ids.length) {
                throw new Problem(
                        "context_length",
                        "must be a whole number from 0 to " + ids.length + ", the number of ids");
            }
            context = length.intValue();
        }
        ScoreRequest request = fit("ids", new ScoreRequest(ids, context));
        return line(number, id, request, decodedBytes(request), ids.length);
    }

    private ScoreLine text(long number, @Nullable JsonNode id, String key, String text)
            throws Problem {
        requireEncodable(key, text.length());
        int[] ids;
        try {
            ids = tokenizer.encode(text, options.specialTokens() && key.equals("text"));
        } catch (IllegalArgumentException e) {
            throw new Problem(key, String.valueOf(e.getMessage()));
        }
        ScoreRequest request = fit(key, ScoreRequest.of(ids));
        boolean whole = request.ids().length == ids.length;
        return line(
                number, id, request, whole ? utf8Length(text) : decodedBytes(request), ids.length);
    }

    private ScoreLine pair(long number, @Nullable JsonNode id, JsonNode root) throws Problem {
        PromptPair pair = new PromptPair(string(root, "context"), string(root, "continuation"));
        requireEncodable(
                "context and continuation",
                (long) pair.context().length() + pair.continuation().length());
        ScoreRequest whole;
        try {
            whole = pair.encode(tokenizer, options.specialTokens());
        } catch (IllegalArgumentException e) {
            throw new Problem("continuation", String.valueOf(e.getMessage()));
        }
        ScoreRequest request = fit("context and continuation", whole);
        return line(number, id, request, utf8Length(pair.continuation()), whole.ids().length);
    }

    private static ScoreLine line(
            long number, @Nullable JsonNode id, ScoreRequest request, long bytes, int uncut) {
        return new ScoreLine(number, id, request, bytes, uncut - request.ids().length, null);
    }

    private String rendered(JsonNode root) throws Problem {
        ObjectNode conversation = JSON.createObjectNode();
        for (String key : List.of("messages", "tools", "documents")) {
            if (root.has(key)) {
                conversation.set(key, root.get(key));
            }
        }
        try {
            if (chat == null) {
                chat = model.chatTemplate();
            }
            return chat.render(ChatRequest.parse(conversation.toString(), "the line"));
        } catch (IOException e) {
            throw new Problem("messages", String.valueOf(e.getMessage()));
        }
    }

    private void requireEncodable(String key, long characters) throws Problem {
        long longest = Math.max(LEAST_LONGEST_TEXT, (long) CHARACTERS_PER_POSITION * positions);
        if (characters > longest) {
            throw new Problem(
                    key,
                    characters
                            + " characters are too many for the model's "
                            + positions
                            + " positions (the limit is "
                            + longest
                            + "); split the row");
        }
    }

    private ScoreRequest fit(String key, ScoreRequest request) throws Problem {
        int length = request.ids().length;
        try {
            if (length > positions && !options.truncateLeft()) {
                throw new Problem(
                        key,
                        length
                                + " tokens are more than the model's "
                                + positions
                                + " positions (max_position_embeddings); shorten the row, or cut"
                                + " it with --truncate left");
            }
            ScoreRequest fitting = request.cutLeft(positions);
            scorer.requireFits(fitting);
            return fitting;
        } catch (IllegalArgumentException e) {
            throw new Problem(key, String.valueOf(e.getMessage()));
        }
    }

    /**
     * Returns by how many bytes the decoded text grows with the ids that count.
     *
     * <p>A special token at the start, which never counts, is left out, because the tokenizer would
     * not take what follows for the start of a text: some write a space there.
     */
    private long decodedBytes(ScoreRequest request) {
        int[] ids = request.ids();
        int start = ids.length > 0 && isSpecial(ids[0]) ? 1 : 0;
        long all = utf8Length(decoded(Arrays.copyOfRange(ids, start, ids.length)));
        int first = request.firstCounted();
        return Math.max(0, all - utf8Length(decoded(Arrays.copyOfRange(ids, start, first))));
    }

    private boolean isSpecial(int id) {
        return id < tokenizer.vocabularySize() && tokenizer.isSpecial(id);
    }

    private String decoded(int[] ids) {
        // a model can have more rows than its tokenizer has tokens
        int[] known = Arrays.stream(ids).filter(id -> id < tokenizer.vocabularySize()).toArray();
        return tokenizer.decode(known, false);
    }

    /** Counts half a surrogate pair as the U+FFFD that the tokenizer makes of it. */
    private static long utf8Length(String text) {
        return text.codePoints()
                .mapToLong(c -> c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
                .sum();
    }
}
