package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Turns a JSON object into an example, or says what is wrong with it. */
final class RowParser {

    static final int IGNORED_LABEL = -100;

    private RowParser() {}

    static Example parse(@Nullable Object value, @Nullable ExampleFormat forced)
            throws RowException {
        if (!(value instanceof Map<?, ?> map)) {
            throw new RowException("the row is " + kind(value) + ", expected a JSON object");
        }
        Map<String, ?> row = ChatRows.stringKeys(map);
        if (forced == null && row.containsKey("chosen") && row.containsKey("rejected")) {
            throw new RowException(
                    "the row holds preferences (chosen, rejected), which are not trained on here;"
                            + " expected one answer, for example prompt and completion");
        }
        ExampleFormat format = forced == null ? ExampleFormat.detect(row) : forced;
        if (format == null) {
            throw new RowException(unknown(row));
        }
        for (String key : format.keys()) {
            if (row.get(key) == null) {
                throw new RowException("\"" + key + "\" is missing; expected " + format.keys());
            }
        }
        return switch (format) {
            case TEXT -> new Example.Text(filled(row, "text"));
            case PROMPT_COMPLETION -> completion(row);
            case MESSAGES -> ChatRows.messages(row);
            case SHAREGPT -> ChatRows.shareGpt(row);
            case ALPACA -> alpaca(row);
            case TOKENIZED -> tokens(row);
        };
    }

    private static String unknown(Map<String, ?> row) {
        StringBuilder keys = new StringBuilder();
        row.keySet().stream().limit(12).forEach(key -> keys.append(' ').append(brief(key)));
        return "the row has the keys ["
                + keys.toString().strip()
                + "], which are those of no format; expected input_ids, messages, conversations,"
                + " instruction and output, prompt and completion, or text (or name the columns)";
    }

    private static Example completion(Map<String, ?> row) throws RowException {
        if (row.get("prompt") instanceof List<?> || row.get("completion") instanceof List<?>) {
            return ChatRows.promptAndCompletion(row);
        }
        return new Example.Completion(text(row, "prompt"), filled(row, "completion"));
    }

    private static Example alpaca(Map<String, ?> row) throws RowException {
        List<Example.Exchange> history = new ArrayList<>();
        Object turns = row.get("history");
        if (turns != null && !(turns instanceof List<?>)) {
            throw new RowException(
                    "\"history\" is " + kind(turns) + ", expected a list of pairs of texts");
        }
        if (turns instanceof List<?> list) {
            for (Object turn : list) {
                if (!(turn instanceof List<?> pair)
                        || pair.size() != 2
                        || !(pair.get(0) instanceof String user)
                        || !(pair.get(1) instanceof String assistant)) {
                    throw new RowException(
                            "\"history\" entry " + history.size() + " is no pair of texts");
                }
                history.add(new Example.Exchange(user, assistant));
            }
        }
        String input = row.get("input") == null ? "" : text(row, "input");
        String system = row.get("system") == null ? null : text(row, "system");
        return new Example.Instruction(
                filled(row, "instruction"), input, filled(row, "output"), system, history);
    }

    private static Example tokens(Map<String, ?> row) throws RowException {
        if (row.get("seq_lengths") != null) {
            throw new RowException(
                    "the row is packed already (seq_lengths); give one example a row");
        }
        int[] ids = integers(row, "input_ids", 0);
        float[] weights = new float[ids.length];
        Arrays.fill(weights, 1);
        if (row.get("labels") != null) {
            int[] labels = sameLength(integers(row, "labels", IGNORED_LABEL), ids, "labels");
            for (int i = 0; i < ids.length; i++) {
                if (labels[i] != IGNORED_LABEL && labels[i] != ids[i]) {
                    throw new RowException(
                            "\"labels\" is "
                                    + labels[i]
                                    + " at position "
                                    + i
                                    + ", expected the token id "
                                    + ids[i]
                                    + " or "
                                    + IGNORED_LABEL
                                    + "; labels are not shifted");
                }
                weights[i] = labels[i] == IGNORED_LABEL ? 0 : 1;
            }
        }
        for (String key : List.of("completion_mask", "assistant_masks")) {
            if (row.get(key) != null) {
                int[] mask = mask(row, key, ids);
                for (int i = 0; i < ids.length; i++) {
                    weights[i] *= mask[i];
                }
            }
        }
        int start = 0;
        int end = ids.length;
        if (row.get("attention_mask") != null) {
            int[] mask = mask(row, "attention_mask", ids);
            while (start < end && mask[start] == 0) {
                start++;
            }
            while (end > start && mask[end - 1] == 0) {
                end--;
            }
            for (int i = start; i < end; i++) {
                if (mask[i] == 0) {
                    throw new RowException(
                            "\"attention_mask\" is 0 at position "
                                    + i
                                    + " between tokens; expected padding at the ends only");
                }
            }
        }
        if (end - start < 2) {
            throw new RowException(
                    "\"input_ids\" has "
                            + (end - start)
                            + " tokens without padding, expected at least 2");
        }
        weights[start] = 0;
        return new Example.Tokens(
                Arrays.copyOfRange(ids, start, end), Arrays.copyOfRange(weights, start, end));
    }

    private static int[] mask(Map<String, ?> row, String key, int[] ids) throws RowException {
        int[] mask = sameLength(integers(row, key, 0), ids, key);
        for (int i = 0; i < mask.length; i++) {
            if (mask[i] > 1) {
                throw new RowException(
                        "\""
                                + key
                                + "\" is "
                                + mask[i]
                                + " at position "
                                + i
                                + ", expected 0 or 1");
            }
        }
        return mask;
    }

    private static int[] sameLength(int[] values, int[] ids, String key) throws RowException {
        if (values.length != ids.length) {
            throw new RowException(
                    "\""
                            + key
                            + "\" has "
                            + values.length
                            + " entries, expected "
                            + ids.length
                            + " as input_ids");
        }
        return values;
    }

    private static int[] integers(Map<String, ?> row, String key, int smallest)
            throws RowException {
        if (!(row.get(key) instanceof List<?> list)) {
            throw new RowException(
                    "\"" + key + "\" is " + kind(row.get(key)) + ", expected a list of integers");
        }
        int[] values = new int[list.size()];
        for (int i = 0; i < values.length; i++) {
            if (!(list.get(i) instanceof Integer value) || (value < 0 && value != smallest)) {
                throw new RowException(
                        "\""
                                + key
                                + "\" holds "
                                + brief(String.valueOf(list.get(i)))
                                + " at position "
                                + i
                                + ", expected an integer from 0"
                                + (smallest < 0 ? " or " + smallest : ""));
            }
            values[i] = value;
        }
        return values;
    }

    static String filled(Map<String, ?> row, String key) throws RowException {
        String text = text(row, key);
        if (text.isEmpty()) {
            throw new RowException("\"" + key + "\" is empty; there is nothing to learn");
        }
        return text;
    }

    static String text(Map<String, ?> row, String key) throws RowException {
        if (row.get(key) instanceof String text) {
            return text;
        }
        throw new RowException("\"" + key + "\" is " + kind(row.get(key)) + ", expected a text");
    }

    static String kind(@Nullable Object value) {
        if (value == null) {
            return "missing or null";
        }
        if (value instanceof String) {
            return "a text";
        }
        if (value instanceof Boolean) {
            return "a truth value";
        }
        if (value instanceof Number) {
            return "a number";
        }
        return value instanceof List<?> ? "a list" : "an object";
    }

    static String brief(String text) {
        return text.codePointCount(0, text.length()) <= 40
                ? text
                : text.substring(0, text.offsetByCodePoints(0, 39)) + "…";
    }
}
