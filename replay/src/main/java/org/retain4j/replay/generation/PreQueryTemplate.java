package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.AddedToken;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.Tokenizer;

/**
 * The part of a chat up to where the user's message begins, of any chat template: a chat with a
 * mark in place of the message is rendered and cut at the mark.
 *
 * @param ids tokens before the message
 * @param stopIds tokens that end a message: the special tokens of the tokenizer
 * @param stopStrings texts that end a message: what the template writes after it
 */
public record PreQueryTemplate(int[] ids, Set<Integer> stopIds, List<String> stopStrings) {

    /** Letters alone: templates strip spaces, and some replace signs. */
    private static final String MARK = "Qzxqjvkwpretainmark";

    /**
     * Derives the part from a template.
     *
     * @param system a system message that goes before; null for what the template writes itself
     * @throws IOException if the template cannot be rendered
     * @throws IllegalArgumentException if it does not write a user's message as it is, or nothing
     *     before it
     */
    public static PreQueryTemplate of(
            ChatTemplate template, Tokenizer tokenizer, @Nullable String system)
            throws IOException {
        List<Map<String, ?>> messages = new ArrayList<>();
        if (system != null) {
            messages.add(Map.of("role", "system", "content", system));
        }
        messages.add(Map.of("role", "user", "content", MARK));
        String text = template.render(ChatRequest.of(messages).withGenerationPrompt());
        int at = text.indexOf(MARK);
        if (at < 0 || text.indexOf(MARK, at + 1) >= 0) {
            throw new IllegalArgumentException(
                    "the chat template does not write a user's message once and as it is, so that"
                            + " no prompt can be cut out of it");
        }
        int[] ids = tokenizer.encode(text.substring(0, at), false);
        if (ids.length == 0) {
            throw new IllegalArgumentException(
                    "the chat template writes nothing before a user's message, so that a model"
                            + " would not know it is to write one");
        }
        Set<Integer> stops = new LinkedHashSet<>(tokenizer.eosIds());
        for (AddedToken token : tokenizer.addedTokens()) {
            if (token.special()) {
                stops.add(token.id());
            }
        }
        List<String> strings = new ArrayList<>();
        String after = text.substring(at + MARK.length()).strip();
        String firstLine = after.lines().findFirst().orElse("");
        if (!firstLine.isEmpty()) {
            strings.add(firstLine);
        }
        return new PreQueryTemplate(ids, stops, strings);
    }
}
