package org.retain4j.core.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * How much of a decoded text can no longer change when further tokens follow.
 *
 * <p>Read off the {@code decoder} section of a {@code tokenizer.json}.
 */
enum StreamingRule {
    /** All of it: every token adds its own whole characters. */
    EACH_TOKEN,

    /**
     * All but a last U+FFFD: tokens are bytes, and an unfinished character of up to three bytes is
     * decoded to one U+FFFD.
     */
    ALL_BUT_LAST_REPLACEMENT,

    /**
     * All before a run of tokens {@code <0x00>} to {@code <0xFF>}, which is decoded only as a
     * whole: one wrong byte turns each byte of the run into U+FFFD.
     */
    BEFORE_BYTE_RUN,

    /** Nothing that is known. */
    NOTHING;

    /** Returns the rule for a decoder, which may be null or missing. */
    static StreamingRule of(JsonNode decoder) {
        List<JsonNode> chain = new ArrayList<>();
        flatten(decoder, chain);
        StreamingRule rule = EACH_TOKEN;
        boolean joined = false;
        boolean split = true;
        for (JsonNode step : chain) {
            switch (step.path("type").asText()) {
                case "ByteLevel" -> {
                    if (joined || rule != EACH_TOKEN || !split) {
                        return NOTHING;
                    }
                    rule = ALL_BUT_LAST_REPLACEMENT;
                    joined = true;
                }
                case "ByteFallback" -> {
                    if (joined || rule != EACH_TOKEN || !split) {
                        return NOTHING;
                    }
                    rule = BEFORE_BYTE_RUN;
                }
                case "Replace" -> {
                    if (joined || !split || !isPlainReplacement(step)) {
                        return NOTHING;
                    }
                }
                case "Metaspace", "WordPiece" -> {
                    if (joined || rule != EACH_TOKEN || !split) {
                        return NOTHING;
                    }
                    split = false;
                }
                case "Strip" -> {
                    if (!joined) {
                        return NOTHING;
                    }
                }
                case "Fuse" -> joined = true;
                default -> {
                    return NOTHING;
                }
            }
        }
        return rule;
    }

    private static void flatten(JsonNode decoder, List<JsonNode> chain) {
        if (decoder.path("type").asText().equals("Sequence")) {
            for (JsonNode part : decoder.path("decoders")) {
                flatten(part, chain);
            }
        } else if (!decoder.isNull() && !decoder.isMissingNode()) {
            chain.add(decoder);
        }
    }

    /** Replacing anything in ASCII could make or unmake tokens that stand for bytes. */
    private static boolean isPlainReplacement(JsonNode step) {
        JsonNode pattern = step.path("pattern").path("String");
        return pattern.isTextual()
                && pattern.asText().chars().allMatch(c -> c > 127)
                && step.path("content").asText().chars().allMatch(c -> c > 127 || c == ' ');
    }

    /** Returns whether a decoder with byte fallback takes a token for a byte. */
    static boolean isByte(String token) {
        return token.length() == 6
                && token.startsWith("<0x")
                && token.endsWith(">")
                // The sign is what Rust's number parser accepts.
                && (token.charAt(3) == '+' || isHexDigit(token.charAt(3)))
                && isHexDigit(token.charAt(4));
    }

    private static boolean isHexDigit(char c) {
        return c < 128 && Character.digit(c, 16) >= 0;
    }
}
