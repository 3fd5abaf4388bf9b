package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.jinja.TemplateException;

/**
 * A conversation and how it is to be written.
 *
 * <p>Values inside are plain: String, Boolean, Integer, Long, BigInteger, Double, null, List and
 * Map with String keys, in the form of the OpenAI chat format. Collections are kept as they are
 * given, so do not change them afterwards.
 *
 * @param messages the turns, each with {@code role} and {@code content}
 * @param tools descriptions of functions as JSON schemas; null for none
 * @param documents texts to answer from; null for none
 * @param addGenerationPrompt whether the beginning of the assistant's next turn follows
 * @param continueFinalMessage whether to stop right after the content of the last message, so that
 *     a model goes on with it
 * @param variables whatever else the template reads, for example {@code enable_thinking}
 */
public record ChatRequest(
        List<? extends Map<String, ?>> messages,
        @Nullable List<?> tools,
        @Nullable List<?> documents,
        boolean addGenerationPrompt,
        boolean continueFinalMessage,
        Map<String, ?> variables) {

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /**
     * Checks that both ways to end are not asked for at once.
     *
     * @throws IllegalArgumentException if they are
     */
    public ChatRequest {
        if (addGenerationPrompt && continueFinalMessage) {
            throw new IllegalArgumentException(
                    "addGenerationPrompt and continueFinalMessage exclude each other, choose one");
        }
    }

    /** Makes a request with messages alone. */
    public static ChatRequest of(List<? extends Map<String, ?>> messages) {
        return new ChatRequest(messages, null, null, false, false, Map.of());
    }

    /**
     * Reads JSON: an array of messages, or an object with {@code messages} and optionally {@code
     * tools} and {@code documents}; other keys of the object are left out.
     *
     * @param origin names the text in messages of errors
     * @throws TemplateException when it is something else
     */
    public static ChatRequest parse(String json, String origin) throws TemplateException {
        Object root = value(json, origin);
        if (root instanceof List<?> list) {
            return of(messages(list, origin));
        }
        if (root instanceof Map<?, ?> map && map.get("messages") instanceof List<?> list) {
            return new ChatRequest(
                    messages(list, origin),
                    list(map.get("tools"), "\"tools\" of " + origin),
                    list(map.get("documents"), "\"documents\" of " + origin),
                    false,
                    false,
                    Map.of());
        }
        throw new TemplateException(
                origin
                        + " is neither a JSON array of messages nor an object with the array"
                        + " \"messages\"");
    }

    /**
     * Reads a JSON array, for tools or documents.
     *
     * @param origin names the text in messages of errors
     * @throws TemplateException when it is something else
     */
    public static List<?> parseList(String json, String origin) throws TemplateException {
        if (value(json, origin) instanceof List<?> list) {
            return list;
        }
        throw new TemplateException(origin + " is not a JSON array");
    }

    private static @Nullable Object value(String json, String origin) throws TemplateException {
        try {
            return JSON.readValue(json, Object.class);
        } catch (JsonProcessingException e) {
            throw new TemplateException(
                    origin + " is not valid JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static @Nullable List<?> list(@Nullable Object value, String what)
            throws TemplateException {
        if (value == null || value instanceof List<?>) {
            return (List<?>) value;
        }
        throw new TemplateException(what + " is not a JSON array");
    }

    private static List<Map<String, ?>> messages(List<?> list, String origin)
            throws TemplateException {
        List<Map<String, ?>> messages = new ArrayList<>();
        for (Object item : list) {
            if (!(item instanceof Map<?, ?> map)) {
                throw new TemplateException(
                        "message " + messages.size() + " of " + origin + " is not a JSON object");
            }
            Map<String, @Nullable Object> message = new LinkedHashMap<>();
            map.forEach((key, value) -> message.put(String.valueOf(key), value));
            messages.add(Collections.unmodifiableMap(message));
        }
        return messages;
    }

    /** Returns the request with tools, or without for null. */
    public ChatRequest withTools(@Nullable List<?> value) {
        return new ChatRequest(
                messages, value, documents, addGenerationPrompt, continueFinalMessage, variables);
    }

    /** Returns the request with documents, or without for null. */
    public ChatRequest withDocuments(@Nullable List<?> value) {
        return new ChatRequest(
                messages, tools, value, addGenerationPrompt, continueFinalMessage, variables);
    }

    /** Returns the request with the beginning of the assistant's next turn at its end. */
    public ChatRequest withGenerationPrompt() {
        return new ChatRequest(messages, tools, documents, true, continueFinalMessage, variables);
    }

    /** Returns the request ending inside its last message. */
    public ChatRequest continuingFinalMessage() {
        return new ChatRequest(messages, tools, documents, addGenerationPrompt, true, variables);
    }

    /** Returns the request with these variables in place of the present ones. */
    public ChatRequest withVariables(Map<String, ?> value) {
        return new ChatRequest(
                messages, tools, documents, addGenerationPrompt, continueFinalMessage, value);
    }
}
