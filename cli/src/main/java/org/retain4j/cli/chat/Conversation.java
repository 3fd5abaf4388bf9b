package org.retain4j.cli.chat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.TokenListener;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;

/**
 * Messages of a user and a model in turn.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class Conversation {

    private final CausalLm model;
    private final ChatTemplate template;
    private final Generator generator;
    private final Function<Integer, GenerationConfig> config;
    private final List<Map<String, Object>> messages = new ArrayList<>();
    private @Nullable String system;

    /**
     * Starts a conversation.
     *
     * @param config setting for a prompt of so many tokens
     * @param system what the model is told first, or null to leave that to its template
     * @throws IOException if the model has no chat template
     */
    public Conversation(
            CausalLm model, Function<Integer, GenerationConfig> config, @Nullable String system)
            throws IOException {
        this.model = model;
        this.template = model.chatTemplate();
        this.generator = new Generator(model, config.apply(0).sampling());
        this.config = config;
        this.system = system;
        reset();
    }

    /** Forgets all messages but the system's. */
    public void reset() {
        messages.clear();
        if (system != null) {
            messages.add(Map.of("role", "system", "content", system));
        }
    }

    /** Sets what the model is told first, and forgets all messages. */
    public void system(String text) {
        system = text.isBlank() ? null : text;
        reset();
    }

    /**
     * Answers a message.
     *
     * @param listener told of the answer as it comes; may end it
     * @throws IOException if the template refuses the conversation, whose last message is then
     *     dropped
     * @throws IllegalArgumentException if the conversation no longer fits into the model
     */
    public Generation answer(String message, TokenListener listener) throws IOException {
        messages.add(Map.of("role", "user", "content", message));
        boolean answered = false;
        try {
            String text = template.render(ChatRequest.of(messages).withGenerationPrompt());
            int[] ids = model.tokenizer().encode(text, false);
            if (ids.length >= model.spec().maxPositions()) {
                throw new IllegalArgumentException(
                        "the conversation has "
                                + ids.length
                                + " tokens and the model's limit is "
                                + model.spec().maxPositions()
                                + "; start anew with /reset");
            }
            Generation answer =
                    generator.run(List.of(ids), config.apply(ids.length), listener).get(0);
            messages.add(Map.of("role", "assistant", "content", answer.text()));
            answered = true;
            return answer;
        } finally {
            if (!answered) {
                messages.remove(messages.size() - 1);
            }
        }
    }
}
