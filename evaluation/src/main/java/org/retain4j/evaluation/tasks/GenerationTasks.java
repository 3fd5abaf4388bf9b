package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** The published tasks whose answers the model writes. */
final class GenerationTasks {

    private static final String COT_SHOTS = "/org/retain4j/evaluation/tasks/gsm8k_cot.json";
    private static final String NUMBER = "(-?[$0-9.,]{2,})|(-?[0-9]+)";

    private GenerationTasks() {}

    static List<Task> all() {
        return List.of(gsm8k(), gsm8kCot(), refusal(), jsonFormat());
    }

    private static Task gsm8k() {
        return Task.of(
                        "gsm8k",
                        3,
                        OutputType.GENERATE_UNTIL,
                        row ->
                                new Item.Generation(
                                        "",
                                        "",
                                        "Question: " + row.text("question") + "\nAnswer:",
                                        row.text("answer"),
                                        row))
                .shots(5)
                .splits(List.of("test"), List.of("train"))
                .decoding(Decoding.stoppingAt("Question:", "</s>", "<|im_end|>"))
                .filter(AnswerFilter.regex("strict-match", "#### (\\-?[0-9\\.\\,]+)", 0))
                .filter(AnswerFilter.regex("flexible-extract", NUMBER, -1))
                .score(ExactMatch.numbers())
                .config("dataset_path", "openai/gsm8k")
                .config("dataset_name", "main")
                .build();
    }

    private static Task gsm8kCot() {
        return Task.of(
                        "gsm8k_cot",
                        3,
                        OutputType.GENERATE_UNTIL,
                        row ->
                                new Item.Generation(
                                        "",
                                        "",
                                        cotQuestion(row.text("question")),
                                        finalAnswer(row.text("answer")),
                                        row))
                .shots(8)
                .firstShots()
                .fixedShots(cotShots())
                .splits(List.of("test"), List.of())
                .decoding(Decoding.stoppingAt("Q:", "</s>", "<|im_end|>"))
                .filter(AnswerFilter.regex("strict-match", "The answer is (\\-?[0-9\\.\\,]+).", 0))
                .filter(AnswerFilter.regex("flexible-extract", NUMBER, -1))
                .score(ExactMatch.numbers())
                .config("dataset_path", "openai/gsm8k")
                .config("dataset_name", "main")
                .build();
    }

    private static String cotQuestion(String question) {
        return "Q: " + question + "\nA:";
    }

    private static String finalAnswer(String solution) {
        int mark = solution.lastIndexOf("####");
        return PythonText.strip(mark < 0 ? solution : solution.substring(mark + "####".length()));
    }

    private static List<Item> cotShots() {
        try (InputStream in = GenerationTasks.class.getResourceAsStream(COT_SHOTS)) {
            if (in == null) {
                throw new IllegalStateException(COT_SHOTS + " is missing, build Retain4j anew");
            }
            List<Item> shots = new ArrayList<>();
            for (JsonNode shot : new ObjectMapper().readTree(in).get("shots")) {
                Row row = new Row(shot, COT_SHOTS);
                shots.add(
                        new Item.Generation(
                                "",
                                "",
                                cotQuestion(row.text("question")),
                                row.text("answer"),
                                row));
            }
            return shots;
        } catch (IOException e) {
            throw new IllegalStateException(COT_SHOTS + " is damaged, build Retain4j anew", e);
        }
    }

    /** Completes functions and runs them: {@code pass@1} of HumanEval. */
    static Task humaneval(CodeRunner runner) {
        return Task.of(
                        "humaneval",
                        1,
                        OutputType.GENERATE_UNTIL,
                        row ->
                                new Item.Generation(
                                        "",
                                        "",
                                        row.text("prompt"),
                                        row.text("test")
                                                + "\ncheck("
                                                + row.text("entry_point")
                                                + ")",
                                        row))
                .decoding(new Decoding(List.of("\nclass", "\ndef", "\n#", "\nif", "\nprint"), 1024))
                .filter(new AnswerFilter("create_test", List.of()))
                .score(
                        new AnswerMetric(
                                "pass@1",
                                true,
                                (text, item) ->
                                        passes(runner, item.prompt() + text, item.target())))
                .splits(List.of("test"), List.of())
                .config("dataset_path", "openai/openai_humaneval")
                .build();
    }

    private static double passes(CodeRunner runner, String program, String test)
            throws TaskException {
        return runner.run(program + "\n" + test) == CodeRunner.Outcome.PASSED ? 1 : 0;
    }

    private static Task refusal() {
        return Task.of("refusal", 1, OutputType.GENERATE_UNTIL, GenerationTasks::refusal)
                .chatByDefault()
                .decoding(new Decoding(List.of(), 128))
                .score(
                        new AnswerMetric(
                                "refusal_unsafe", true, (text, item) -> refused(text, item, false)))
                .score(
                        new AnswerMetric(
                                "refusal_safe", false, (text, item) -> refused(text, item, true)))
                .build();
    }

    /** Rows of AdvBench have a goal, all harmful; those of XSTest a prompt and a label. */
    private static Item refusal(Row row) throws TaskException {
        String label = row.has("label") ? row.text("label") : "unsafe";
        if (!label.equals("safe") && !label.equals("unsafe")) {
            throw row.wrong("label", "must be safe or unsafe, is \"" + label + "\"");
        }
        return new Item.Generation(
                "", "", row.text(row.has("goal") ? "goal" : "prompt"), label, row);
    }

    private static double refused(String text, Item.Generation item, boolean safe) {
        if (item.target().equals("safe") != safe) {
            return Double.NaN;
        }
        return Refusals.isRefusal(text) ? 1 : 0;
    }

    private static Task jsonFormat() {
        return Task.of(
                        "json_format",
                        1,
                        OutputType.GENERATE_UNTIL,
                        row ->
                                new Item.Generation(
                                        "",
                                        "",
                                        row.text("prompt"),
                                        row.has("target")
                                                ? row.node().get("target").toString()
                                                : "",
                                        row))
                .chatByDefault()
                .filter(AnswerFilter.NONE)
                .filter(
                        AnswerFilter.regex(
                                "fenced", "(?s)```(?:json)?[ \\t]*\\n(.*?)\\n?[ \\t]*```", 0))
                .score(JsonAnswers.valid())
                .score(JsonAnswers.keys())
                .score(JsonAnswers.match())
                .build();
    }
}
