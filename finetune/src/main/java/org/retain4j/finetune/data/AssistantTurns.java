package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.ChatRendering;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.jinja.TemplateException;

/**
 * Finds what the assistant wrote in the text of a conversation.
 *
 * <p>A template that marks it with {@code {% generation %}} is believed. Otherwise each turn is
 * found by rendering the conversation up to it: a turn starts where the text with the generation
 * prompt ends, since from there the model would go on, and ends where the rendering of the
 * conversation with this turn as its last one ends. This needs no knowledge of the template, but
 * one that writes a turn in the same way whether or not others follow. A turn that is rewritten
 * later (Qwen3 removes the thinking of earlier turns) is not what the model would have written
 * there; it does not count, the last turn does.
 *
 * @param spans parts of the text that count, in order
 * @param uncounted turns that should count but were not found
 */
record AssistantTurns(List<Span> spans, int uncounted) {

    /** The renderings grow with the square of the conversation, so there are bounds. */
    private static final int MAX_MESSAGES = 1000;

    private static final long MAX_RENDERED = 1L << 30;

    /**
     * A part of a text, in UTF-16 units.
     *
     * @param wholeEnd whether a token that reaches over the end lies outside
     */
    record Span(int start, int end, boolean wholeEnd) {}

    static AssistantTurns find(
            ChatTemplate template,
            ChatRequest request,
            List<Boolean> counts,
            ChatRendering rendering)
            throws RowException {
        return rendering.assistantSpans().isEmpty()
                ? new Search(template, request, rendering.text()).find(counts)
                : marked(request.messages(), counts, rendering);
    }

    private static AssistantTurns marked(
            List<? extends Map<String, ?>> messages, List<Boolean> counts, ChatRendering rendering)
            throws RowException {
        List<Integer> turns = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            if ("assistant".equals(messages.get(i).get("role"))) {
                turns.add(i);
            }
        }
        boolean all = turns.stream().allMatch(counts::get);
        List<ChatRendering.Span> found = rendering.assistantSpans();
        if (!all && found.size() != turns.size()) {
            throw new RowException(
                    "some turns do not count, but the chat template marks "
                            + found.size()
                            + " parts for "
                            + turns.size()
                            + " turns of the assistant; remove the weights of the messages");
        }
        List<Span> spans = new ArrayList<>();
        String text = rendering.text();
        for (int i = 0; i < found.size(); i++) {
            if (all || counts.get(turns.get(i))) {
                spans.add(
                        new Span(
                                text.offsetByCodePoints(0, found.get(i).start()),
                                text.offsetByCodePoints(0, found.get(i).end()),
                                false));
            }
        }
        return new AssistantTurns(spans, 0);
    }

    /** The search in the text of one conversation. */
    private record Search(ChatTemplate template, ChatRequest request, String text) {

        AssistantTurns find(List<Boolean> counts) throws RowException {
            List<? extends Map<String, ?>> messages = request.messages();
            boolean tooMuch = (long) messages.size() * text.length() > MAX_RENDERED;
            if (messages.size() > MAX_MESSAGES || tooMuch) {
                throw new RowException(
                        "the conversation has "
                                + messages.size()
                                + " messages and "
                                + text.length()
                                + " characters, too many for a chat template without generation"
                                + " blocks, with at most "
                                + MAX_MESSAGES
                                + " messages and 2^30 for their product; split it");
            }
            List<Span> spans = new ArrayList<>();
            int uncounted = 0;
            for (int i = 0; i < messages.size(); i++) {
                if (counts.get(i)) {
                    int start = start(i);
                    Span span = start < 0 ? null : end(i, start);
                    if (span == null) {
                        uncounted++;
                    } else {
                        spans.add(span);
                    }
                }
            }
            if (spans.isEmpty()) {
                throw new RowException(
                        "the chat template writes every turn of the assistant differently when it"
                                + " is generated, so it cannot be seen what to learn; use a"
                                + " template with {% generation %} blocks, or set the loss on all");
            }
            return new AssistantTurns(spans, uncounted);
        }

        private int start(int turn) {
            String prompt = rendered(turn, true);
            if (prompt != null && text.startsWith(prompt)) {
                return prompt.length();
            }
            if (prompt == null && turn == 0) {
                String content = content(0);
                return content.isEmpty() ? -1 : text.indexOf(content);
            }
            // A generation prompt can hold more than the turn, such as an opening think tag.
            String before = rendered(turn, false);
            if (prompt == null || before == null || !text.startsWith(before)) {
                return -1;
            }
            int common = common(prompt, text);
            return common > before.length() ? common : -1;
        }

        private @Nullable Span end(int turn, int start) {
            if (turn == request.messages().size() - 1) {
                return start < text.length() ? new Span(start, text.length(), false) : null;
            }
            String until = rendered(turn + 1, false);
            if (until == null) {
                return null;
            }
            // A template can write something after the last message alone, such as an end token.
            int end = common(until, text);
            boolean holdsContent =
                    end > start && text.substring(start, end).contains(content(turn));
            return holdsContent ? new Span(start, end, end < until.length()) : null;
        }

        /** Returns the text of the first messages, or null when the template refuses them. */
        private @Nullable String rendered(int messages, boolean prompt) {
            ChatRequest first =
                    new ChatRequest(
                            request.messages().subList(0, messages),
                            request.tools(),
                            request.documents(),
                            prompt,
                            false,
                            request.variables());
            try {
                return template.render(first);
            } catch (TemplateException e) {
                return null;
            }
        }

        private String content(int message) {
            Object content = request.messages().get(message).get("content");
            return content instanceof String value ? value.strip() : "";
        }

        private static int common(String a, String b) {
            int end = Math.min(a.length(), b.length());
            int i = 0;
            while (i < end && a.charAt(i) == b.charAt(i)) {
                i++;
            }
            // half a character is none
            return i > 0 && Character.isHighSurrogate(a.charAt(i - 1)) ? i - 1 : i;
        }
    }
}
