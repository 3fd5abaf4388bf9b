package org.retain4j.finetune.data;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The shape of a row of training data, told by its keys.
 *
 * <p>The constants stand in the order in which they are looked for: a row that has the keys of
 * several formats is of the first one.
 */
public enum ExampleFormat {
    /**
     * Token ids: {@code input_ids}, optionally {@code labels}, {@code attention_mask} or a mask.
     */
    TOKENIZED("input_ids"),
    /** A conversation in the OpenAI form: {@code messages}, optionally {@code tools}. */
    MESSAGES("messages"),
    /** A conversation in the ShareGPT form: {@code conversations} of {@code from, value}. */
    SHAREGPT("conversations"),
    /** {@code instruction}, optional {@code input}, {@code output}, as Stanford Alpaca. */
    ALPACA("instruction", "output"),
    /** {@code prompt} and {@code completion}, both texts or both lists of messages. */
    PROMPT_COMPLETION("prompt", "completion"),
    /** {@code text} alone. */
    TEXT("text");

    private final List<String> keys;

    ExampleFormat(String... keys) {
        this.keys = List.of(keys);
    }

    /** Returns the keys that a row must have. */
    public List<String> keys() {
        return keys;
    }

    /** Returns the format of a row, or null when it has the keys of none. */
    public static @Nullable ExampleFormat detect(Map<String, ?> row) {
        for (ExampleFormat format : values()) {
            if (row.keySet().containsAll(format.keys)) {
                return format;
            }
        }
        return null;
    }

    /**
     * Returns the format of a name such as {@code alpaca} or {@code prompt_completion}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static ExampleFormat of(String name) {
        String wanted = name.strip().toUpperCase(Locale.ROOT).replace('-', '_').replace('/', '_');
        for (ExampleFormat format : values()) {
            if (format.name().equals(wanted)) {
                return format;
            }
        }
        throw new IllegalArgumentException(
                "there is no data format \""
                        + name
                        + "\"; choose one of "
                        + Arrays.stream(values())
                                .map(format -> format.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")));
    }
}
