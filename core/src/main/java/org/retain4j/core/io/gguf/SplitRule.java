package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How a family of byte-level tokenizers cuts texts into words before it merges bytes.
 *
 * <p>GGUF files hold only a name for it, {@code tokenizer.ggml.pre}. The regular expressions are
 * those in the {@code tokenizer.json} files of the families.
 */
enum SplitRule {
    GPT2(null, List.of("gpt-2", "phi-2"), false, false, false),
    DIGITS_GPT2(null, List.of("smollm", "starcoder"), false, false, false),
    OLMO(
            "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            List.of("olmo"),
            false,
            false,
            false),
    QWEN2(Patterns.cl100k("\\p{N}"), List.of("qwen2"), true, false, false),
    CL100K(Patterns.cl100k("\\p{N}{1,3}"), List.of("dbrx", "smaug-bpe"), false, false, false),
    LLAMA3(
            Patterns.cl100k("\\p{N}{1,3}"),
            List.of("llama-bpe", "llama3", "llama-v3"),
            false,
            true,
            true),
    O200K(
            Patterns.o200k(Patterns.CONTRACTION + "?", "\\p{N}{1,3}"),
            List.of("gpt-4o"),
            false,
            false,
            false),
    TEKKEN(Patterns.o200k("", "\\p{N}"), List.of("tekken"), false, true, true);

    private final @Nullable String pattern;
    private final List<String> names;
    private final boolean composes;
    private final boolean ignoresMerges;
    private final boolean addsBos;

    SplitRule(
            @Nullable String pattern,
            List<String> names,
            boolean composes,
            boolean ignoresMerges,
            boolean addsBos) {
        this.pattern = pattern;
        this.names = names;
        this.composes = composes;
        this.ignoresMerges = ignoresMerges;
        this.addsBos = addsBos;
    }

    /** Parts that the expressions share. */
    private static final class Patterns {
        static final String CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
        private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
        private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
        private static final String BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";
        private static final String SPACES = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

        static String cl100k(String digits) {
            return CONTRACTION
                    + "|"
                    + BEFORE
                    + "\\p{L}+|"
                    + digits
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                    + SPACES;
        }

        static String o200k(String ending, String digits) {
            return BEFORE
                    + UPPER
                    + "*"
                    + LOWER
                    + "+"
                    + ending
                    + "|"
                    + BEFORE
                    + UPPER
                    + "+"
                    + LOWER
                    + "*"
                    + ending
                    + "|"
                    + digits
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
                    + SPACES;
        }
    }

    /**
     * Finds the rule that a file names.
     *
     * <p>Files older than the key have none, or "default"; what they mean is known only for
     * architectures all of whose models share one rule.
     *
     * @throws GgufException when the name is not known, with the list of those that are
     */
    static SplitRule of(GgufMetadata metadata, Architecture architecture) throws GgufException {
        String key = "tokenizer.ggml.pre";
        String stated = metadata.optionalText(key);
        String name = stated == null ? "default" : stated;
        for (SplitRule rule : values()) {
            if (rule.names.contains(name)) {
                return rule;
            }
        }
        if (name.equals("default")) {
            switch (architecture) {
                case GPT2 -> {
                    return GPT2;
                }
                case QWEN2, QWEN3 -> {
                    return QWEN2;
                }
                default -> {}
            }
        }
        TreeSet<String> known = new TreeSet<>();
        Arrays.stream(values()).forEach(rule -> known.addAll(rule.names));
        throw metadata.fail(
                key
                        + " is "
                        + (stated == null ? "missing" : GgufHeader.quote(name))
                        + "; how texts are split is known for "
                        + String.join(", ", known));
    }

    /** Returns whether texts are brought into Unicode's composed form (NFC) first. */
    boolean composes() {
        return composes;
    }

    /** Returns whether a word that is a token is taken as it is, whatever the merges say. */
    boolean ignoresMerges() {
        return ignoresMerges;
    }

    /** Returns whether texts begin with the token of begin when the file does not say. */
    boolean addsBos() {
        return addsBos;
    }

    ObjectNode preTokenizer() {
        if (this == GPT2) {
            return byteLevel(false, true);
        }
        ObjectNode sequence = JsonNodeFactory.instance.objectNode().put("type", "Sequence");
        ArrayNode steps = sequence.putArray("pretokenizers");
        if (pattern == null) {
            steps.addObject().put("type", "Digits").put("individual_digits", true);
        } else {
            ObjectNode split = steps.addObject().put("type", "Split");
            split.putObject("pattern").put("Regex", pattern);
            split.put("behavior", "Isolated").put("invert", false);
        }
        steps.add(byteLevel(false, pattern == null));
        return sequence;
    }

    /** Returns the component that spells texts in bytes, or back as a decoder. */
    static ObjectNode byteLevel(boolean addPrefixSpace, boolean useRegex) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", addPrefixSpace)
                .put("trim_offsets", true)
                .put("use_regex", useRegex);
    }
}
