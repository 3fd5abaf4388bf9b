package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One row of a data set and where it stands.
 *
 * <p>Treat the node as immutable.
 *
 * @param node a JSON object
 * @param where file and line, for messages
 */
public record Row(JsonNode node, String where) {

    /** Returns whether a key is there and not null. */
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /**
     * Returns a text, also of a number or a truth value.
     *
     * @throws TaskException if it is missing, a list or an object
     */
    public String text(String key) throws TaskException {
        JsonNode value = node.get(key);
        if (value == null || value.isNull()) {
            throw missing(key, "a text");
        }
        if (value.isContainerNode()) {
            throw wrong(key, "is not a text");
        }
        return value.asText();
    }

    /**
     * Returns a whole number, also one that is written as a text.
     *
     * @throws TaskException if it is missing or no whole number
     */
    public int number(String key) throws TaskException {
        String text = text(key).strip();
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            if (text.equals("true") || text.equals("false")) {
                return text.equals("true") ? 1 : 0;
            }
            throw wrong(key, "is \"" + shortened(text) + "\", expected a whole number");
        }
    }

    /**
     * Returns a list of texts.
     *
     * @throws TaskException if it is missing, no list, or holds what is no text
     */
    public List<String> texts(String key) throws TaskException {
        return texts(node.get(key), key);
    }

    /** Returns the list {@code inner} of the object {@code key}; otherwise as {@link #texts}. */
    List<String> texts(String key, String inner) throws TaskException {
        JsonNode object = node.get(key);
        return texts(object == null ? null : object.get(inner), key + "." + inner);
    }

    private List<String> texts(@Nullable JsonNode list, String key) throws TaskException {
        if (list == null || list.isNull()) {
            throw missing(key, "a list of texts");
        }
        if (!list.isArray()) {
            throw wrong(key, "is not a list");
        }
        List<String> texts = new ArrayList<>(list.size());
        for (JsonNode value : list) {
            if (value.isContainerNode() || value.isNull()) {
                throw wrong(key, "holds something that is not a text");
            }
            texts.add(value.asText());
        }
        return texts;
    }

    private TaskException missing(String key, String what) {
        List<String> names = new ArrayList<>();
        node.fieldNames().forEachRemaining(name -> names.add(shortened(name)));
        return wrong(
                key,
                "is missing, expected "
                        + what
                        + "; the row has the keys "
                        + shortened(String.join(", ", names)));
    }

    /** Returns an error about a key. */
    TaskException wrong(String key, String what) {
        return new TaskException(where + ": \"" + key + "\" " + what);
    }

    private static String shortened(String text) {
        return text.length() <= 200 ? text : text.substring(0, 200) + "…";
    }

    /** Compares what the rows say, wherever they stand. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Row row && node.equals(row.node);
    }

    @Override
    public int hashCode() {
        return node.hashCode();
    }
}
