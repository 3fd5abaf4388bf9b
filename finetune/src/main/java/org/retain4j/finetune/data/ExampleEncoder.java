package org.retain4j.finetune.data;

import java.time.Clock;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.AddedToken;
import org.retain4j.core.text.ChatRendering;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.TokenSpans;
import org.retain4j.core.text.TokenStream;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.core.text.jinja.TemplateException;
import org.retain4j.finetune.TrainRow;

/**
 * Turns examples into token ids and, in the same step, into the weights of their tokens.
 *
 * <p>A whole example is encoded as one text and a token counts when at least a part of it lies in
 * what is to be learned: the text, the completion, or the assistant's turns with the token that
 * ends them. White space that a template writes after such a token does not count, since a model
 * stops before it. An Alpaca row is written with the chat template, or without one with the prompts
 * of Stanford Alpaca. Safe for all threads; the tokenizer must stay open.
 */
public final class ExampleEncoder {

    private static final String ALPACA_INPUT =
            "Below is an instruction that describes a task, paired with an input that provides"
                    + " further context. Write a response that appropriately completes the"
                    + " request.\n\n### Instruction:\n%s\n\n### Input:\n%s\n\n### Response:";
    private static final String ALPACA_PLAIN =
            "Below is an instruction that describes a task. Write a response that appropriately"
                    + " completes the request.\n\n### Instruction:\n%s\n\n### Response:";

    private final Tokenizer tokenizer;
    private final @Nullable ChatFormat chat;
    private final @Nullable ChatTemplate template;
    private final EncodingOptions options;
    private final Set<Integer> added = new HashSet<>();

    private ExampleEncoder(
            Tokenizer tokenizer, @Nullable ChatFormat chat, EncodingOptions options) {
        this.tokenizer = tokenizer;
        this.chat = chat;
        this.options = options;
        this.template =
                chat == null
                        ? null
                        : chat.template()
                                .withClock(
                                        Clock.fixed(
                                                options.date()
                                                        .atStartOfDay(ZoneOffset.UTC)
                                                        .toInstant(),
                                                ZoneOffset.UTC));
        for (AddedToken token : tokenizer.addedTokens()) {
            added.add(token.id());
        }
        added.addAll(tokenizer.eosIds());
    }

    /**
     * Makes an encoder.
     *
     * @param chat how conversations are written; null for a model without a chat template, which
     *     makes conversations a problem
     */
    public static ExampleEncoder of(
            Tokenizer tokenizer, @Nullable ChatFormat chat, EncodingOptions options) {
        return new ExampleEncoder(tokenizer, chat, options);
    }

    /** Returns the options. */
    public EncodingOptions options() {
        return options;
    }

    /** Returns what decides, beside the data, which rows come out. */
    Map<String, ?> identity() {
        Map<String, @Nullable Object> identity = new LinkedHashMap<>();
        identity.put("tokenizer", tokenizer.sha256());
        identity.put("ends", tokenizer.eosIds());
        identity.put("eos", tokenizer.eosId().isPresent() ? tokenizer.eosId().getAsInt() : null);
        identity.put("chat", chat == null ? null : chat.fingerprint());
        identity.put("options", options.asMap());
        return identity;
    }

    /** Returns whether the tokenizer names a token that ends a text. */
    boolean hasEnd() {
        return !tokenizer.eosIds().isEmpty();
    }

    /**
     * Returns the rows of an example, none when it was dropped for its length.
     *
     * @throws DataException if the example cannot be used; the message is one sentence
     */
    public List<TrainRow> encode(Example example) throws DataException {
        try {
            return encoded(example).rows();
        } catch (RowException e) {
            throw new DataException(e.problem(), e);
        }
    }

    Encoded encoded(Example example) throws RowException {
        try {
            Draft draft = draft(example);
            draft.weights[0] = 0;
            return fit(draft, example instanceof Example.Text);
        } catch (IllegalArgumentException e) {
            throw new RowException(
                    "the tokenizer refuses the text: "
                            + RowParser.brief(String.valueOf(e.getMessage())));
        }
    }

    /** Ids and weights of one example, before it is cut. */
    private record Draft(int[] ids, float[] weights, int uncounted, boolean merged) {}

    private Draft draft(Example example) throws RowException {
        if (example instanceof Example.Text text) {
            return written(text.text(), 0);
        }
        if (example instanceof Example.Completion pair) {
            return written(pair.prompt() + pair.completion(), pair.prompt().length());
        }
        if (example instanceof Example.Conversation conversation) {
            return conversation(conversation);
        }
        if (example instanceof Example.Tokens tokens) {
            return tokens(tokens);
        }
        return instruction((Example.Instruction) example);
    }

    private Draft instruction(Example.Instruction row) throws RowException {
        if (template != null) {
            return conversation(row.asConversation());
        }
        if (row.system() != null || !row.history().isEmpty()) {
            throw new RowException(
                    "the row has a system prompt or a history, for which the model has no chat"
                            + " template; give one");
        }
        String prompt =
                row.input().isEmpty()
                        ? String.format(ALPACA_PLAIN, row.instruction())
                        : String.format(ALPACA_INPUT, row.instruction(), row.input());
        return written(prompt + row.output(), prompt.length());
    }

    private Draft tokens(Example.Tokens tokens) throws RowException {
        for (int id : tokens.ids()) {
            if (id < 0 || id >= tokenizer.vocabularySize()) {
                throw new RowException(
                        "\"input_ids\" holds "
                                + id
                                + ", which is not in the tokenizer's vocabulary of "
                                + tokenizer.vocabularySize());
            }
        }
        float[] weights = tokens.weights().clone();
        if (options.lossOnAll()) {
            Arrays.fill(weights, 1);
        }
        return new Draft(tokens.ids(), weights, 0, false);
    }

    /** Encodes plain text of which everything from an index on counts. */
    private Draft written(String text, int from) throws RowException {
        if (from == 0 || options.lossOnAll()) {
            int[] ids = tokenizer.encode(text);
            float[] weights = new float[ids.length];
            Arrays.fill(weights, 1);
            return ended(ids, weights, false);
        }
        TokenSpans tokens = tokenizer.encodeWithSpans(text, true);
        boolean merged = false;
        float[] weights = new float[tokens.size()];
        for (int i = 0; i < weights.length; i++) {
            boolean textless = tokens.start(i) == tokens.end(i);
            // what the tokenizer adds after the text counts as the text does
            boolean counts = textless ? i > 0 && weights[i - 1] > 0 : tokens.end(i) > from;
            weights[i] = counts ? 1 : 0;
            merged |= counts && !textless && tokens.start(i) < from;
        }
        return ended(tokens.ids(), weights, merged);
    }

    private Draft ended(int[] ids, float[] weights, boolean merged) throws RowException {
        if (!options.appendEos() || tokenizer.eosId().isEmpty()) {
            return checked(new Draft(ids, weights, 0, merged));
        }
        int eos = tokenizer.eosId().getAsInt();
        if (ids.length > 0 && ids[ids.length - 1] == eos) {
            return checked(new Draft(ids, weights, 0, merged));
        }
        int[] moreIds = Arrays.copyOf(ids, ids.length + 1);
        float[] moreWeights = Arrays.copyOf(weights, moreIds.length);
        moreIds[ids.length] = eos;
        moreWeights[ids.length] = 1;
        return checked(new Draft(moreIds, moreWeights, 0, merged));
    }

    private Draft conversation(Example.Conversation conversation) throws RowException {
        if (template == null) {
            throw new RowException(
                    "the row is a conversation, but the model has no chat template; give one");
        }
        Map<String, Object> variables = new LinkedHashMap<>(options.variables());
        variables.putAll(conversation.variables());
        ChatRequest request =
                ChatRequest.of(conversation.messages())
                        .withTools(conversation.tools())
                        .withVariables(variables);
        ChatRendering rendering;
        try {
            rendering = template.renderWithMask(request);
        } catch (TemplateException e) {
            throw new RowException("the chat template refuses the row: " + e.getMessage());
        }
        TokenSpans tokens = tokenizer.encodeWithSpans(rendering.text(), false);
        float[] weights = new float[tokens.size()];
        if (options.lossOnAll()) {
            Arrays.fill(weights, 1);
            return checked(new Draft(tokens.ids(), weights, 0, false));
        }
        AssistantTurns turns =
                AssistantTurns.find(template, request, conversation.counts(), rendering);
        boolean marked = !rendering.assistantSpans().isEmpty();
        for (AssistantTurns.Span span : turns.spans()) {
            weigh(tokens, span, marked, rendering.text(), weights);
        }
        return checked(new Draft(tokens.ids(), weights, turns.uncounted(), false));
    }

    private void weigh(
            TokenSpans tokens,
            AssistantTurns.Span span,
            boolean marked,
            String text,
            float[] weights) {
        int[] ids = tokens.ids();
        int first = -1;
        int last = -1;
        for (int i = 0; i < ids.length; i++) {
            boolean inside = tokens.start(i) < span.end() && tokens.end(i) > span.start();
            if (inside && !(span.wholeEnd() && tokens.end(i) > span.end())) {
                first = first < 0 ? i : first;
                last = i;
            }
        }
        if (first < 0) {
            return;
        }
        int end = last;
        while (!marked
                && end > first
                && text.substring(tokens.start(end), tokens.end(end)).isBlank()
                && !added.contains(ids[end])) {
            end--;
        }
        Arrays.fill(weights, first, (added.contains(ids[end]) ? end : last) + 1, 1);
    }

    private static Draft checked(Draft draft) throws RowException {
        if (draft.ids.length < 2) {
            throw new RowException(
                    "the text has " + draft.ids.length + " tokens, expected at least 2");
        }
        return draft;
    }

    private Encoded fit(Draft draft, boolean text) throws RowException {
        int length = draft.ids.length;
        int max = options.maxLength();
        boolean cut = length > max;
        Truncation policy = options.truncation();
        if (policy == Truncation.AUTO) {
            policy = text ? Truncation.SPLIT : Truncation.RIGHT;
        }
        if (cut && policy == Truncation.ERROR) {
            throw new RowException(
                    "the example has " + length + " tokens, more than max_length " + max);
        }
        List<TrainRow> rows = new ArrayList<>();
        if (!cut) {
            add(draft, 0, length, rows);
        } else if (policy == Truncation.RIGHT) {
            add(draft, 0, max, rows);
        } else if (policy == Truncation.LEFT) {
            add(draft, length - max, length, rows);
        } else if (policy == Truncation.SPLIT) {
            for (int from = 0; from + 1 < length; from += max - 1) {
                add(draft, from, Math.min(length, from + max), rows);
            }
        }
        if (rows.isEmpty() && !(cut && policy == Truncation.DROP)) {
            throw new RowException(
                    "no token counts"
                            + (cut ? " after cutting " + length + " tokens to " + max : "")
                            + "; there is nothing to learn");
        }
        return new Encoded(rows, length, cut, draft.uncounted, draft.merged, ended(rows));
    }

    private static void add(Draft draft, int from, int to, List<TrainRow> rows) {
        float[] weights = Arrays.copyOfRange(draft.weights, from, to);
        weights[0] = 0;
        TrainRow row = new TrainRow(Arrays.copyOfRange(draft.ids, from, to), weights, false);
        if (row.totalWeight() > 0) {
            rows.add(row);
        }
    }

    private boolean ended(List<TrainRow> rows) {
        for (TrainRow row : rows) {
            for (int i = 0; i < row.ids().length; i++) {
                if (row.weights()[i] > 0 && tokenizer.eosIds().contains(row.ids()[i])) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * Returns the text of a row with special tokens, what counts in «», for a human to check.
     *
     * <p>A character of several tokens stands where its last token does.
     */
    public String describe(TrainRow row) {
        StringBuilder text = new StringBuilder();
        TokenStream stream = tokenizer.stream(false);
        boolean counted = false;
        int count = 0;
        for (int i = 0; i < row.ids().length; i++) {
            boolean counts = row.weights()[i] > 0;
            if (counts != counted) {
                text.append(stream.finish()).append(counts ? '«' : '»');
                counted = counts;
            }
            text.append(stream.next(row.ids()[i]));
            count += counts ? 1 : 0;
        }
        text.append(stream.finish()).append(counted ? "»" : "");
        return text + "\n(" + count + " of " + row.ids().length + " tokens count, in «»)";
    }
}
