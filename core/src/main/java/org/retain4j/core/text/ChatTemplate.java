package org.retain4j.core.text;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.jinja.Limits;
import org.retain4j.core.text.jinja.Rendering;
import org.retain4j.core.text.jinja.Template;
import org.retain4j.core.text.jinja.TemplateException;

/**
 * Turns conversations into the text that a model was trained on, to the same bytes as transformers.
 *
 * <p>A model folder can have several templates under names. Without a choice by {@link #named}, a
 * request with tools takes {@code tool_use} if there is one, and any other {@code default}.
 * Immutable, safe for all threads.
 */
public final class ChatTemplate {

    private static final String DEFAULT = "default";
    private static final String TOOL_USE = "tool_use";
    private static final String TAG = "CONTINUE_FINAL_MESSAGE_TAG ";

    private final Map<String, Template> templates;
    private final Map<String, ?> specialTokens;
    private final @Nullable String chosen;
    private final Limits limits;
    private final Clock clock;

    private ChatTemplate(
            Map<String, Template> templates,
            Map<String, ?> specialTokens,
            @Nullable String chosen,
            Limits limits,
            Clock clock) {
        this.templates = templates;
        this.specialTokens = specialTokens;
        this.chosen = chosen;
        this.limits = limits;
        this.clock = clock;
    }

    /**
     * Loads the templates of a model folder.
     *
     * <p>{@code chat_template.jinja} (the default) and {@code additional_chat_templates/NAME.jinja}
     * win over {@code chat_template} in {@code tokenizer_config.json}, which is a text or a list of
     * objects with {@code name} and {@code template}.
     *
     * @throws TemplateException when there is none, or one that is not well formed
     */
    public static ChatTemplate load(Path folder) throws IOException {
        return of(ChatTemplateFiles.read(ChatTemplateFiles.Contents.of(folder), folder.toString()));
    }

    /**
     * Loads the templates of a model from the contents of the files that {@link #load} reads.
     *
     * @param origin where they come from, for messages
     * @param files contents by file name
     * @throws TemplateException when there is none, or one that is not well formed
     */
    public static ChatTemplate ofFiles(String origin, Map<String, byte[]> files)
            throws IOException {
        return of(ChatTemplateFiles.read(ChatTemplateFiles.Contents.of(origin, files), origin));
    }

    private static ChatTemplate of(ChatTemplateFiles files) throws TemplateException {
        Map<String, Template> templates = new LinkedHashMap<>();
        for (Map.Entry<String, ChatTemplateFiles.Source> entry : files.sources().entrySet()) {
            ChatTemplateFiles.Source source = entry.getValue();
            templates.put(entry.getKey(), Template.parse(source.text(), source.origin()));
        }
        return of(templates, files.specialTokens());
    }

    /**
     * Reads the special tokens of a model folder, for {@link #of}: those that {@code
     * tokenizer_config.json} and {@code special_tokens_map.json} name, by their keys.
     *
     * @throws TemplateException when one of these files is not a JSON object
     */
    public static Map<String, ?> specialTokens(Path folder) throws IOException {
        return ChatTemplateFiles.readTokens(ChatTemplateFiles.Contents.of(folder));
    }

    /**
     * Makes a chat template from its source.
     *
     * @param specialTokens what the template knows as {@code bos_token} and so on: texts, or lists
     *     of texts
     * @throws TemplateException when it is not well formed
     */
    public static ChatTemplate of(String source, Map<String, ?> specialTokens)
            throws TemplateException {
        return of(Map.of(DEFAULT, Template.parse(source, "The chat template")), specialTokens);
    }

    private static ChatTemplate of(Map<String, Template> templates, Map<String, ?> specialTokens) {
        return new ChatTemplate(
                Collections.unmodifiableMap(templates),
                Collections.unmodifiableMap(new LinkedHashMap<>(specialTokens)),
                null,
                Limits.DEFAULT,
                Clock.systemDefaultZone());
    }

    /** Returns the names of the templates; a single one is named {@code default}. */
    public Set<String> names() {
        return templates.keySet();
    }

    /**
     * Returns the same with one template chosen.
     *
     * @throws TemplateException when there is none of that name
     */
    public ChatTemplate named(String name) throws TemplateException {
        if (!templates.containsKey(name)) {
            throw new TemplateException(
                    "There is no chat template named \"" + name + "\", the names are " + names());
        }
        return new ChatTemplate(templates, specialTokens, name, limits, clock);
    }

    /** Returns the same with other limits. */
    public ChatTemplate withLimits(Limits value) {
        return new ChatTemplate(templates, specialTokens, chosen, value, clock);
    }

    /** Returns the same with another clock for {@code strftime_now}. */
    public ChatTemplate withClock(Clock value) {
        return new ChatTemplate(templates, specialTokens, chosen, limits, value);
    }

    /**
     * Returns the text of a conversation.
     *
     * @throws TemplateException as {@link #renderWithMask}
     */
    public String render(ChatRequest request) throws TemplateException {
        return renderWithMask(request).text();
    }

    /**
     * Returns the text of a conversation and what of it the assistant wrote.
     *
     * @throws TemplateException when the template fails, refuses the conversation or passes a
     *     limit, or the last message is to be continued and has no text or is not written by the
     *     template
     */
    public ChatRendering renderWithMask(ChatRequest request) throws TemplateException {
        Map<String, @Nullable Object> variables = new LinkedHashMap<>(specialTokens);
        variables.putAll(request.variables());
        variables.put(
                "messages",
                request.continueFinalMessage() ? tagged(request.messages()) : request.messages());
        variables.put("tools", request.tools());
        variables.put("documents", request.documents());
        variables.put("add_generation_prompt", request.addGenerationPrompt());
        Rendering rendering = choose(request).render(variables, limits, clock);
        String text = rendering.text();
        if (request.continueFinalMessage()) {
            text = cutAtTag(text);
        }
        List<ChatRendering.Span> spans = new ArrayList<>();
        for (Rendering.Span span : rendering.generated()) {
            int start = Math.min(span.start(), text.length());
            int end = Math.min(span.end(), text.length());
            spans.add(
                    new ChatRendering.Span(
                            text.codePointCount(0, start), text.codePointCount(0, end)));
        }
        return new ChatRendering(text, spans);
    }

    private Template choose(ChatRequest request) throws TemplateException {
        String name = chosen;
        if (name == null) {
            boolean forTools = request.tools() != null && templates.containsKey(TOOL_USE);
            name = forTools ? TOOL_USE : DEFAULT;
        }
        Template template = templates.get(name);
        if (template == null) {
            throw new TemplateException(
                    "No chat template is named \"default\", choose one of " + names());
        }
        return template;
    }

    /** Marks the end of the last text of the last message, as transformers does. */
    private static List<Object> tagged(List<? extends Map<String, ?>> messages)
            throws TemplateException {
        List<Object> copy = new ArrayList<>(messages);
        Map<String, ?> last = messages.isEmpty() ? Map.of() : messages.get(messages.size() - 1);
        Object content = last.get("content");
        Map<String, @Nullable Object> message = new LinkedHashMap<>(last);
        if (content instanceof String text) {
            message.put("content", text + TAG);
        } else {
            message.put("content", taggedParts(content));
        }
        copy.set(copy.size() - 1, message);
        return copy;
    }

    private static List<Object> taggedParts(@Nullable Object content) throws TemplateException {
        List<Object> parts = content instanceof List<?> list ? new ArrayList<>(list) : List.of();
        for (int i = parts.size() - 1; i >= 0; i--) {
            if (parts.get(i) instanceof Map<?, ?> part && part.get("text") instanceof String text) {
                Map<Object, @Nullable Object> copy = new LinkedHashMap<>(part);
                copy.put("text", text + TAG);
                parts.set(i, copy);
                return parts;
            }
        }
        throw new TemplateException(
                "The final message cannot be continued, since it has no text; give it a content");
    }

    private static String cutAtTag(String text) throws TemplateException {
        int place = text.lastIndexOf(TAG.strip());
        if (place < 0) {
            throw new TemplateException(
                    "The final message cannot be continued, since the chat template does not write"
                            + " it as it is");
        }
        String before = text.substring(0, place);
        // without the blank of the tag the template has trimmed the message
        return text.startsWith(TAG, place) ? before : before.stripTrailing();
    }
}
