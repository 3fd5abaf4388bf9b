package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegexChecksTest {

    private static ObjectNode regex(String regex) {
        return new ObjectMapper().createObjectNode().put("Regex", regex);
    }

    /** Expressions with which published tokenizers split: GPT-2, GPT-4, Llama 3, Qwen, GPT-4o. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}|"
                        + " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                        + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
                        + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
                        + "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                " ?[^(\\s|[.,!?…。，、।۔،])]+",
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[\\p{P}\\p{S}]+[\\r\\n]*",
                "\\p{N}{1}",
                ""
            })
    void leavesPublishedExpressionsAlone(String regex) {
        assertThat(RegexChecks.problem(regex(regex))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(a+)+$",
                "(a|a)*b",
                "(?:a?){20}a",
                "(a)\\1",
                "(?<n>a\\g<n>)",
                "a{1000}",
                "a{2}{2}",
                "a+{5}",
                "a*a*a*b",
                "(?:a*a*|b)a*",
                "\\X\\X\\X",
                "(?~ab)",
                "a{3,}b{3,}c{3,}"
            })
    void refusesWhatCanTakeForever(String regex) {
        assertThat(RegexChecks.problem(regex(regex))).contains("regular expression");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", "a*", "b?", "a|", "|a", "^", "$", "\\b", "(?=a)", "(?!a)", "a|b*", "a{0,3}",
                "(a)", "a{,3}", "\\A|b"
            })
    void refusesReplacingTheEmptyText(String regex) {
        assertThat(RegexChecks.replacementProblem(regex(regex))).contains("empty text");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                " {2,}",
                "\\s+",
                "\\s+$",
                "^\\s+",
                "a|b",
                "[\\n\\r]+",
                "``|''",
                "a+?",
                "a{3}",
                "(?<=a)b",
                "x?y",
                "\\p{Mn}"
            })
    void allowsReplacingWhatIsThere(String regex) {
        assertThat(RegexChecks.replacementProblem(regex(regex))).isEmpty();
    }
}
