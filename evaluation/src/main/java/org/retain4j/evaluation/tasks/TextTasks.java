package org.retain4j.evaluation.tasks;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;

/** The published tasks that score given texts: language modelling and recall of facts. */
final class TextTasks {

    private static final Pattern SLASHED = Pattern.compile("/' [0-9]/");

    /** Replacements of WikiText's marks, in the order of the harness. */
    private static final List<String[]> PLAIN_BEFORE =
            pairs(
                    " @-@ ", "-", " @,@ ", ",", " @.@ ", ".", " : ", ": ", " ; ", "; ", " . ", ". ",
                    " ! ", "! ", " ? ", "? ", " , ", ", ");

    private static final List<String[]> PLAIN_AFTER =
            pairs(
                    "= = = =",
                    "====",
                    "= = =",
                    "===",
                    "= =",
                    "==",
                    " \u00b0 ",
                    "\u00b0",
                    " \n",
                    "\n",
                    "\n ",
                    "\n",
                    " N ",
                    " 1 ",
                    " 's",
                    "'s");

    /** What loses the space at its inner ends: brackets and quotes. */
    private static final List<Pattern> ENCLOSED =
            List.of(
                    enclosed("\\(", "[^\\)]", "\\)"),
                    enclosed("\\[", "[^\\]]", "\\]"),
                    enclosed("\\{", "[^}]", "\\}"),
                    enclosed("\"", "[^\"]", "\""),
                    enclosed("'", "[^']", "'"));

    private TextTasks() {}

    static List<Task> all() {
        return List.of(lambada(), wikitext(), text(), knownFacts());
    }

    private static List<String[]> pairs(String... texts) {
        String[][] pairs = new String[texts.length / 2][];
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] = new String[] {texts[2 * i], texts[2 * i + 1]};
        }
        return List.of(pairs);
    }

    private static Pattern enclosed(String open, String inner, String close) {
        return Pattern.compile(
                "(" + open + ")\\s*(" + inner + "*?)\\s*(" + close + ")",
                Pattern.UNICODE_CHARACTER_CLASS);
    }

    private static Task lambada() {
        return Task.of("lambada_openai", 1, OutputType.LOGLIKELIHOOD, TextTasks::lambada)
                .metrics("perplexity", "acc")
                .splits(List.of("test"), List.of())
                .config("dataset_path", "EleutherAI/lambada_openai")
                .build();
    }

    private static Item lambada(Row row) throws TaskException {
        String text =
                row.has("text")
                        ? row.text("text")
                        : row.text("context") + " " + row.text("continuation").strip();
        int last = text.lastIndexOf(' ');
        if (last < 0) {
            throw row.wrong("text", "has one word only, expected a passage and its last word");
        }
        return new Item.Continuation("", "", text.substring(0, last), text.substring(last));
    }

    private static Task wikitext() {
        return Task.of("wikitext", 2, OutputType.LOGLIKELIHOOD_ROLLING, TextTasks::wikitext)
                .metrics("word_perplexity", "byte_perplexity", "bits_per_byte")
                .splits(List.of("test"), List.of())
                .config("dataset_path", "EleutherAI/wikitext_document_level")
                .config("dataset_name", "wikitext-2-raw-v1")
                .build();
    }

    private static Item wikitext(Row row) throws TaskException {
        String page = row.text("page");
        return new Item.Document(
                "",
                detokenized(page),
                PythonText.words(page),
                page.getBytes(StandardCharsets.UTF_8).length);
    }

    static String detokenized(String page) {
        // the reference writes the pattern itself in place of the digit; so must an equal score
        String text = SLASHED.matcher(page.replace("s '", "s'")).replaceAll("/'[0-9]/");
        for (String[] pair : PLAIN_BEFORE) {
            text = text.replace(pair[0], pair[1]);
        }
        for (Pattern pattern : ENCLOSED) {
            text = pattern.matcher(text).replaceAll("$1$2$3");
        }
        for (String[] pair : PLAIN_AFTER) {
            text = text.replace(pair[0], pair[1]);
        }
        return text;
    }

    private static Task text() {
        return Task.of("text", 1, OutputType.LOGLIKELIHOOD_ROLLING, TextTasks::text)
                .metrics("word_perplexity", "byte_perplexity", "bits_per_byte")
                .build();
    }

    private static Item text(Row row) throws TaskException {
        String text = row.text("text");
        return new Item.Document(
                "", text, PythonText.words(text), text.getBytes(StandardCharsets.UTF_8).length);
    }

    private static Task knownFacts() {
        return Task.of("known_facts", 1, OutputType.LOGLIKELIHOOD, TextTasks::knownFact)
                .metrics("acc", "perplexity")
                .build();
    }

    private static Item knownFact(Row row) throws TaskException {
        return new Item.Continuation(
                "",
                "",
                PythonText.strip(row.text("prompt")),
                " " + PythonText.strip(row.text("attribute")));
    }
}
