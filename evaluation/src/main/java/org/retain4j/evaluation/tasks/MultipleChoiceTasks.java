package org.retain4j.evaluation.tasks;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The published multiple-choice tasks, each with the prompt of lm-evaluation-harness.
 *
 * <p>Rows come as in the original Hugging Face data set, or as llm-foundry writes them ({@code
 * query}, {@code choices}, {@code gold}), from which the same prompt is made.
 */
final class MultipleChoiceTasks {

    private static final Pattern BRACKETS = Pattern.compile("\\[.*?\\]", Pattern.UNIX_LINES);
    private static final String QUESTION = "Question: ";
    private static final List<String> LETTERS = List.of("A", "B", "C", "D");

    private MultipleChoiceTasks() {}

    static List<Task> all() {
        return List.of(
                hellaswag(),
                arc("arc_easy", "ARC-Easy"),
                arc("arc_challenge", "ARC-Challenge"),
                winogrande(),
                piqa(),
                openbookqa(),
                boolq(),
                copa(),
                mmlu());
    }

    private static Item.Choice choice(String context, List<String> choices, int gold) {
        return new Item.Choice("", "", List.of(context), choices, gold);
    }

    private static boolean isFoundry(Row row) {
        return row.has("query") && row.has("gold");
    }

    /** Returns the question of a query that may begin with "Question: ". */
    private static String withoutLabel(String query) {
        String text = PythonText.strip(query);
        return text.startsWith(QUESTION) ? text.substring(QUESTION.length()) : text;
    }

    private static Item foundry(Row row, String context) throws TaskException {
        return choice(context, row.texts("choices"), row.number("gold"));
    }

    private static Task hellaswag() {
        return Task.of("hellaswag", 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::hellaswag)
                .metrics("acc", "acc_norm", "acc_bytes")
                .splits(List.of("validation", "val", "dev"), List.of("train"))
                .config("dataset_path", "Rowan/hellaswag")
                .build();
    }

    private static Item hellaswag(Row row) throws TaskException {
        if (isFoundry(row)) {
            return foundry(row, row.text("query"));
        }
        String context =
                row.text("activity_label")
                        + ": "
                        + row.text("ctx_a")
                        + " "
                        + PythonText.capitalize(row.text("ctx_b"));
        List<String> endings =
                row.texts("endings").stream().map(MultipleChoiceTasks::cleaned).toList();
        return choice(cleaned(context), endings, row.number("label"));
    }

    /** Removes the marks that the WikiHow part of HellaSwag has. */
    private static String cleaned(String text) {
        String plain = PythonText.strip(text).replace(" [title]", ". ");
        return BRACKETS.matcher(plain).replaceAll("").replace("  ", " ");
    }

    private static Task arc(String name, String part) {
        return Task.of(name, 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::arc)
                .metrics("acc", "acc_norm", "acc_bytes")
                .config("dataset_path", "allenai/ai2_arc")
                .config("dataset_name", part)
                .build();
    }

    private static Item arc(Row row) throws TaskException {
        if (isFoundry(row)) {
            return foundry(row, QUESTION + withoutLabel(row.text("query")) + "\nAnswer:");
        }
        return choice(
                QUESTION + row.text("question") + "\nAnswer:",
                row.texts("choices", "text"),
                labelled(row, row.text("answerKey")));
    }

    /** Labels are letters in most rows and digits in some. */
    private static int labelled(Row row, String key) throws TaskException {
        List<String> labels = row.texts("choices", "label");
        int gold = labels.indexOf(key);
        if (gold < 0) {
            throw row.wrong("answerKey", "is \"" + key + "\", which is not one of " + labels);
        }
        return gold;
    }

    private static Task winogrande() {
        return Task.of("winogrande", 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::winogrande)
                .metrics("acc")
                .splits(List.of("validation", "val", "dev"), List.of("train"))
                .config("dataset_path", "winogrande")
                .config("dataset_name", "winogrande_xl")
                .build();
    }

    private static Item winogrande(Row row) throws TaskException {
        if (row.has("context_options")) {
            return new Item.Choice(
                    "",
                    "",
                    row.texts("context_options"),
                    List.of(PythonText.strip(row.text("continuation"))),
                    row.number("gold"));
        }
        String sentence = row.text("sentence");
        int gap = sentence.indexOf('_');
        if (gap < 0) {
            throw row.wrong("sentence", "has no gap, expected a \"_\"");
        }
        String before = sentence.substring(0, gap);
        return new Item.Choice(
                "",
                "",
                List.of(before + row.text("option1"), before + row.text("option2")),
                List.of(PythonText.strip(sentence.substring(gap + 1))),
                row.number("answer") - 1);
    }

    private static Task piqa() {
        return Task.of("piqa", 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::piqa)
                .metrics("acc", "acc_norm", "acc_bytes")
                .splits(List.of("validation", "val", "dev"), List.of("train"))
                .config("dataset_path", "baber/piqa")
                .build();
    }

    private static Item piqa(Row row) throws TaskException {
        if (isFoundry(row)) {
            return foundry(row, QUESTION + withoutLabel(row.text("query")) + "\nAnswer:");
        }
        return choice(
                QUESTION + row.text("goal") + "\nAnswer:",
                List.of(row.text("sol1"), row.text("sol2")),
                row.number("label"));
    }

    private static Task openbookqa() {
        return Task.of("openbookqa", 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::openbookqa)
                .metrics("acc", "acc_norm", "acc_bytes")
                .config("dataset_path", "openbookqa")
                .config("dataset_name", "main")
                .build();
    }

    private static Item openbookqa(Row row) throws TaskException {
        if (isFoundry(row)) {
            return foundry(row, row.text("query"));
        }
        return choice(
                row.text("question_stem"),
                row.texts("choices", "text"),
                labelled(row, row.text("answerKey").stripLeading()));
    }

    private static Task boolq() {
        return Task.of("boolq", 2, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::boolq)
                .metrics("acc")
                .splits(List.of("validation", "val", "dev"), List.of("train"))
                .config("dataset_path", "super_glue")
                .config("dataset_name", "boolq")
                .build();
    }

    private static Item boolq(Row row) throws TaskException {
        if (isFoundry(row)) {
            String query = row.text("query").stripTrailing();
            query = query.startsWith("Passage: ") ? query.substring("Passage: ".length()) : query;
            return foundry(row, query + "\nAnswer:");
        }
        return choice(
                row.text("passage") + "\nQuestion: " + row.text("question") + "?\nAnswer:",
                List.of("no", "yes"),
                row.number(row.has("label") ? "label" : "answer"));
    }

    private static Task copa() {
        return Task.of("copa", 1, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::copa)
                .metrics("acc")
                .splits(List.of("validation", "val", "dev"), List.of("train"))
                .config("dataset_path", "super_glue")
                .config("dataset_name", "copa")
                .build();
    }

    private static Item copa(Row row) throws TaskException {
        if (isFoundry(row)) {
            return foundry(row, row.text("query"));
        }
        Map<String, String> connectors = Map.of("cause", "because", "effect", "therefore");
        String connector = connectors.get(row.text("question"));
        if (connector == null) {
            throw row.wrong("question", "must be cause or effect, is " + row.text("question"));
        }
        String premise = PythonText.strip(row.text("premise"));
        return choice(
                premise.substring(0, Math.max(0, premise.length() - 1)) + " " + connector,
                List.of(row.text("choice1"), row.text("choice2")),
                row.number("label"));
    }

    private static Task mmlu() {
        return Task.of("mmlu", 2, OutputType.MULTIPLE_CHOICE, MultipleChoiceTasks::mmlu)
                .metrics("acc")
                .firstShots()
                .grouped()
                .splits(List.of("test"), List.of("dev"))
                .config("dataset_path", "cais/mmlu")
                .build();
    }

    private static Item mmlu(Row row) throws TaskException {
        List<String> choices = row.texts("choices");
        if (choices.size() != LETTERS.size()) {
            throw row.wrong("choices", "has " + choices.size() + " answers, expected 4");
        }
        StringBuilder prompt = new StringBuilder(PythonText.strip(row.text("question")));
        for (int i = 0; i < choices.size(); i++) {
            prompt.append('\n').append(LETTERS.get(i)).append(". ").append(choices.get(i));
        }
        String subject = row.text("subject");
        return new Item.Choice(
                subject,
                "The following are multiple choice questions (with answers) about "
                        + subject.replace('_', ' ')
                        + ".\n\n",
                List.of(prompt.append("\nAnswer:").toString()),
                LETTERS,
                row.number("answer"));
    }
}
