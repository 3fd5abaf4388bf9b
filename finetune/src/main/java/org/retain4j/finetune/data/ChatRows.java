package org.retain4j.finetune.data;

import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Turns rows that hold messages into conversations for a chat template. */
final class ChatRows {

    private static final String ASSISTANT = "assistant";
    private static final Map<String, String> SHAREGPT_ROLES =
            Map.ofEntries(
                    Map.entry("system", "system"),
                    Map.entry("human", "user"),
                    Map.entry("user", "user"),
                    Map.entry("gpt", ASSISTANT),
                    Map.entry("chatgpt", ASSISTANT),
                    Map.entry("assistant", ASSISTANT),
                    Map.entry("model", ASSISTANT),
                    Map.entry("function_call", ASSISTANT),
                    Map.entry("observation", "tool"),
                    Map.entry("function_response", "tool"),
                    Map.entry("tool", "tool"));
    private static final Set<String> CALLS = Set.of("function_call");

    private ChatRows() {}

    static Example messages(Map<String, ?> row) throws RowException {
        Turns turns = new Turns();
        turns.addAll(row.get("messages"), "messages", true);
        return turns.conversation(row, false);
    }

    /** The conversational form of TRL: the assistant's turns of the prompt do not count. */
    static Example promptAndCompletion(Map<String, ?> row) throws RowException {
        Turns turns = new Turns();
        turns.addAll(row.get("prompt"), "prompt", false);
        turns.addAll(row.get("completion"), "completion", true);
        return turns.conversation(row, false);
    }

    static Example shareGpt(Map<String, ?> row) throws RowException {
        Turns turns = new Turns();
        if (row.get("system") instanceof String system && !system.isEmpty()) {
            turns.add(Map.of("role", "system", "content", system), false);
        }
        List<Object> converted = new ArrayList<>();
        for (Object turn : list(row.get("conversations"), "conversations")) {
            String place = "\"conversations\" entry " + converted.size();
            if (!(turn instanceof Map<?, ?> map)) {
                throw new RowException(
                        place + " is " + RowParser.kind(turn) + ", expected an object");
            }
            converted.add(shareGptTurn(stringKeys(map), place));
        }
        turns.addAll(converted, "conversations", true);
        return turns.conversation(row, true);
    }

    private static Map<String, ?> shareGptTurn(Map<String, ?> turn, String place)
            throws RowException {
        if (turn.containsKey("role") && !turn.containsKey("from")) {
            return turn;
        }
        if (!(turn.get("from") instanceof String from)
                || !(turn.get("value") instanceof String value)) {
            throw new RowException(
                    place + " has no texts \"from\" and \"value\", but the keys " + turn.keySet());
        }
        String role = SHAREGPT_ROLES.get(from);
        if (role == null) {
            throw new RowException(
                    place
                            + " is from \""
                            + RowParser.brief(from)
                            + "\", expected human, gpt, system, function_call or observation");
        }
        Map<String, @Nullable Object> message = new LinkedHashMap<>();
        message.put("role", role);
        message.put("content", CALLS.contains(from) ? "" : value);
        if (CALLS.contains(from)) {
            message.put("tool_calls", calls(value, place));
        }
        if (turn.containsKey("weight")) {
            message.put("weight", turn.get("weight"));
        }
        return message;
    }

    private static List<?> calls(String value, String place) throws RowException {
        Object parsed = json(value);
        List<?> calls = parsed instanceof List<?> several ? several : parsed(parsed);
        List<Object> result = new ArrayList<>();
        for (Object call : calls) {
            if (!(call instanceof Map<?, ?> map) || !(map.get("name") instanceof String)) {
                throw new RowException(
                        place
                                + " is a function call, expected JSON with \"name\" and"
                                + " \"arguments\"");
            }
            result.add(Map.of("type", "function", "function", call));
        }
        return result;
    }

    private static List<?> parsed(@Nullable Object value) {
        return Collections.singletonList(value);
    }

    /** Messages in the OpenAI form, checked, and which of them count. */
    private static final class Turns {
        private final List<Map<String, ?>> messages = new ArrayList<>();
        private final List<Boolean> counts = new ArrayList<>();

        void addAll(@Nullable Object value, String key, boolean countable) throws RowException {
            for (Object message : list(value, key)) {
                String place = "\"" + key + "\" entry " + messages.size();
                if (!(message instanceof Map<?, ?> map)) {
                    throw new RowException(
                            place + " is " + RowParser.kind(message) + ", expected an object");
                }
                check(stringKeys(map), place, countable);
            }
        }

        private void check(Map<String, ?> source, String place, boolean countable)
                throws RowException {
            Map<String, @Nullable Object> message = new LinkedHashMap<>(source);
            if (!(message.get("role") instanceof String role) || role.isBlank()) {
                throw new RowException(place + " has no text \"role\"");
            }
            boolean assistant = role.equals(ASSISTANT);
            boolean counts = assistant && countable && weight(message, assistant, place);
            message.remove("weight");
            boolean calls = false;
            if (message.get("tool_calls") instanceof List<?> list && !list.isEmpty()) {
                calls = true;
                message.put("tool_calls", withObjects(list));
            }
            checkContent(message, place + " (" + RowParser.brief(role) + ")", counts && !calls);
            add(message, counts);
        }

        private static boolean weight(Map<String, ?> message, boolean assistant, String place)
                throws RowException {
            Object weight = message.get("weight");
            if (weight == null) {
                return true;
            }
            double value = weight instanceof Number number ? number.doubleValue() : -1;
            if (value != 0 && value != 1) {
                throw new RowException(
                        place
                                + " has the weight "
                                + RowParser.brief(String.valueOf(weight))
                                + ", expected 0 or 1");
            }
            return value == 1 && assistant;
        }

        private static void checkContent(Map<String, ?> message, String place, boolean needed)
                throws RowException {
            Object content = message.get("content");
            if (content instanceof List<?> parts) {
                for (Object part : parts) {
                    if (!(part instanceof Map<?, ?> map) || !"text".equals(map.get("type"))) {
                        throw new RowException(
                                place + " has a part that is no text; only texts are trained on");
                    }
                }
            } else if (content != null && !(content instanceof String)) {
                throw new RowException(
                        place + " has as content " + RowParser.kind(content) + ", expected a text");
            }
            boolean empty =
                    content == null
                            || (content instanceof String text && text.isEmpty())
                            || (content instanceof List<?> list && list.isEmpty());
            boolean thinks = message.get("reasoning_content") instanceof String;
            if (needed && empty && !thinks) {
                throw new RowException(place + " has no content; there is nothing to learn");
            }
            if (content == null && !ASSISTANT.equals(message.get("role"))) {
                throw new RowException(place + " has no content");
            }
        }

        void add(Map<String, ?> message, boolean count) {
            messages.add(Collections.unmodifiableMap(message));
            counts.add(count);
        }

        Example conversation(Map<String, ?> row, boolean wrapTools) throws RowException {
            if (messages.isEmpty()) {
                throw new RowException("the conversation has no messages");
            }
            if (!counts.contains(true)) {
                throw new RowException(
                        "the conversation has no turn of an assistant that counts; there is"
                                + " nothing to learn");
            }
            Object variables = row.get("chat_template_kwargs");
            if (variables != null && !(variables instanceof Map<?, ?>)) {
                throw new RowException("\"chat_template_kwargs\" is no object");
            }
            return new Example.Conversation(
                    messages,
                    counts,
                    tools(row.get("tools"), wrapTools),
                    variables instanceof Map<?, ?> map ? stringKeys(map) : Map.of());
        }
    }

    /** OpenAI stores the arguments of a call as a text, chat templates want the object in it. */
    private static List<?> withObjects(List<?> calls) {
        List<@Nullable Object> result = new ArrayList<>();
        for (Object call : calls) {
            if (call instanceof Map<?, ?> map
                    && map.get("function") instanceof Map<?, ?> function
                    && function.get("arguments") instanceof String arguments
                    && arguments.stripLeading().startsWith("{")) {
                Object parsed = jsonOrNull(arguments);
                if (parsed != null) {
                    Map<String, @Nullable Object> inner = new LinkedHashMap<>(stringKeys(function));
                    inner.put("arguments", parsed);
                    Map<String, @Nullable Object> outer = new LinkedHashMap<>(stringKeys(map));
                    outer.put("function", inner);
                    result.add(outer);
                    continue;
                }
            }
            result.add(call);
        }
        return result;
    }

    private static @Nullable List<?> tools(@Nullable Object value, boolean wrap)
            throws RowException {
        Object tools = value;
        if (tools instanceof String text) {
            tools = text.isBlank() ? null : json(text);
        }
        if (tools == null || (tools instanceof List<?> none && none.isEmpty())) {
            return null;
        }
        if (!(tools instanceof List<?> list)) {
            throw new RowException(
                    "\"tools\" is " + RowParser.kind(tools) + ", expected a list of objects");
        }
        List<Object> result = new ArrayList<>();
        for (Object tool : list) {
            if (!(tool instanceof Map<?, ?> map)) {
                throw new RowException("\"tools\" holds " + RowParser.kind(tool) + ", no object");
            }
            boolean bare = wrap && !map.containsKey("function") && map.containsKey("name");
            result.add(bare ? Map.of("type", "function", "function", map) : map);
        }
        return result;
    }

    private static List<?> list(@Nullable Object value, String key) throws RowException {
        if (value instanceof List<?> list) {
            return list;
        }
        throw new RowException(
                "\"" + key + "\" is " + RowParser.kind(value) + ", expected a list of messages");
    }

    static Map<String, ?> stringKeys(Map<?, ?> map) {
        Map<String, @Nullable Object> result = new LinkedHashMap<>();
        map.forEach((key, value) -> result.put(String.valueOf(key), value));
        return result;
    }

    private static Object json(String text) throws RowException {
        Object value = jsonOrNull(text);
        if (value == null) {
            throw new RowException(
                    "the text " + RowParser.brief(text) + " is not JSON, as expected there");
        }
        return value;
    }

    private static @Nullable Object jsonOrNull(String text) {
        try (JsonParser parser = JsonValues.FACTORY.createParser(text)) {
            if (parser.nextToken() == null) {
                return null;
            }
            Object value = JsonValues.read(parser);
            return parser.nextToken() == null ? value : null;
        } catch (IOException | RowException e) {
            return null;
        }
    }
}
