package org.retain4j.finetune.data;

import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * How examples become tokens; immutable.
 *
 * @param maxLength largest number of tokens of a row, at least 2
 * @param truncation what happens to longer examples
 * @param lossOnAll whether the loss is also on prompts and users' turns; otherwise it is on
 *     completions and the assistant's turns alone, and on all of a text
 * @param appendEos whether the tokenizer's end token, if it has one, ends texts and completions
 *     that do not end with it; a chat template writes its own ends
 * @param date the date that chat templates see as today, fixed so that a resumed run sees the same
 * @param variables what else chat templates read, for example {@code enable_thinking}; a row's own
 *     {@code chat_template_kwargs} win
 */
public record EncodingOptions(
        int maxLength,
        Truncation truncation,
        boolean lossOnAll,
        boolean appendEos,
        LocalDate date,
        Map<String, ?> variables) {

    /**
     * Checks the length.
     *
     * @throws IllegalArgumentException if the largest length is below 2
     */
    public EncodingOptions {
        if (maxLength < 2) {
            throw new IllegalArgumentException(
                    "max_length is " + maxLength + ", expected at least 2 tokens");
        }
        variables = Map.copyOf(variables);
    }

    /**
     * Returns the defaults, those of TRL where it has them: 1024 tokens, longer examples cut at the
     * right and texts split, loss on completions, end token appended.
     */
    public static EncodingOptions defaults() {
        return new EncodingOptions(
                1024, Truncation.AUTO, false, true, LocalDate.of(2024, 7, 26), Map.of());
    }

    /** Returns the same with another largest length. */
    public EncodingOptions withMaxLength(int value) {
        return new EncodingOptions(value, truncation, lossOnAll, appendEos, date, variables);
    }

    /** Returns the same with another treatment of longer examples. */
    public EncodingOptions withTruncation(Truncation value) {
        return new EncodingOptions(maxLength, value, lossOnAll, appendEos, date, variables);
    }

    /** Returns the same with the loss on everything, or on what is to be learned alone. */
    public EncodingOptions withLossOnAll(boolean value) {
        return new EncodingOptions(maxLength, truncation, value, appendEos, date, variables);
    }

    /** Returns the same with or without an end token after texts and completions. */
    public EncodingOptions withAppendEos(boolean value) {
        return new EncodingOptions(maxLength, truncation, lossOnAll, value, date, variables);
    }

    /** Returns the same with another date for chat templates. */
    public EncodingOptions withDate(LocalDate value) {
        return new EncodingOptions(maxLength, truncation, lossOnAll, appendEos, value, variables);
    }

    /** Returns the same with other variables for chat templates. */
    public EncodingOptions withVariables(Map<String, ?> value) {
        return new EncodingOptions(maxLength, truncation, lossOnAll, appendEos, date, value);
    }

    /** Returns the options by their names, for a cache key or a provenance record. */
    public Map<String, Object> asMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("max_length", maxLength);
        map.put("truncation", truncation.name());
        map.put("loss_on_all", lossOnAll);
        map.put("append_eos", appendEos);
        map.put("date", date.toString());
        map.put("variables", new TreeMap<>(variables));
        return map;
    }
}
