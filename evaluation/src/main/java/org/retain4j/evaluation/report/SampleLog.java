package org.retain4j.evaluation.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.tasks.DatasetFile;
import org.retain4j.evaluation.tasks.EvaluationJson;
import org.retain4j.evaluation.tasks.Row;
import org.retain4j.evaluation.tasks.TaskException;
import org.retain4j.evaluation.tasks.TaskResult;

/**
 * Scores and answers item by item, as an evaluation leaves them in a folder ({@code
 * samples_TASK.jsonl}), our own or one of lm-evaluation-harness with {@code --log_samples}.
 * Immutable and thread-safe.
 *
 * @param scores one for each task and metric that is a mean over items
 * @param answers one for each task and item that is right or wrong, by the first metric
 */
public record SampleLog(List<TaskScores> scores, List<AnsweredItem> answers) {

    private static final Pattern NAME =
            Pattern.compile("samples_(.+?)(_\\d{4}-\\d\\d-\\d\\dT[\\d.-]+)?\\.jsonl");
    private static final double LN2 = Math.log(2);

    /** Copies the lists. */
    public SampleLog {
        scores = List.copyOf(scores);
        answers = List.copyOf(answers);
    }

    /** Returns the scores and answers of tasks that were run just now. */
    public static SampleLog of(List<TaskResult> results) {
        List<TaskScores> scores = new ArrayList<>();
        List<AnsweredItem> answers = new ArrayList<>();
        for (TaskResult result : results) {
            scores.addAll(TaskScores.of(result));
            Set<String> seen = new LinkedHashSet<>();
            EvaluationJson.samples(result)
                    .forEach(sample -> answer(result.task().name(), sample, seen, answers));
        }
        return new SampleLog(scores, answers);
    }

    /** Returns whether a folder has samples. */
    public static boolean isIn(Path folder) throws IOException {
        return Files.isDirectory(folder) && !files(folder).isEmpty();
    }

    private static Map<String, Path> files(Path folder) throws IOException {
        Map<String, Path> byTask = new LinkedHashMap<>();
        try (Stream<Path> all = Files.list(folder)) {
            // of several runs of the harness into one folder the last by its date counts
            for (Path file : all.filter(Files::isRegularFile).sorted().toList()) {
                Matcher name = NAME.matcher(file.getFileName().toString());
                if (name.matches()) {
                    byTask.put(name.group(1), file);
                }
            }
        }
        return byTask;
    }

    /**
     * Reads the samples of a folder.
     *
     * @throws TaskException if there are none, or a line is no sample
     */
    public static SampleLog read(Path folder) throws IOException {
        Map<String, Path> files = files(folder);
        if (files.isEmpty()) {
            throw new TaskException(
                    folder + " has no samples_TASK.jsonl; evaluate with --log-samples");
        }
        List<TaskScores> scores = new ArrayList<>();
        List<AnsweredItem> answers = new ArrayList<>();
        for (Map.Entry<String, Path> file : files.entrySet()) {
            read(file.getKey(), DatasetFile.read(file.getValue()), scores, answers);
        }
        return new SampleLog(scores, answers);
    }

    private static void read(
            String task, List<Row> rows, List<TaskScores> scores, List<AnsweredItem> answers)
            throws TaskException {
        Map<String, List<ItemScore>> byMetric = new LinkedHashMap<>();
        Set<String> seen = new LinkedHashSet<>();
        for (Row row : rows) {
            JsonNode sample = row.node();
            if (!sample.path("doc_id").isIntegralNumber() || !sample.path("metrics").isArray()) {
                throw new TaskException(
                        row.where() + " is no sample of an evaluation: it needs doc_id, metrics");
            }
            String filter = sample.path("filter").asText("none");
            for (JsonNode metric : sample.get("metrics")) {
                String name = metric.asText();
                ItemScore score = score(name, sample, row.where());
                if (score != null) {
                    byMetric.computeIfAbsent(shown(name, filter), m -> new ArrayList<>())
                            .add(score);
                }
            }
            answer(task, sample, seen, answers);
        }
        for (Map.Entry<String, List<ItemScore>> metric : byMetric.entrySet()) {
            boolean less =
                    metric.getKey().startsWith("log_perplexity")
                            || metric.getKey().startsWith("bits_per_byte");
            try {
                scores.add(new TaskScores(task, metric.getKey(), !less, metric.getValue()));
            } catch (IllegalArgumentException e) {
                throw new TaskException("samples of " + task + ": " + e.getMessage(), e);
            }
        }
    }

    private static String shown(String metric, String filter) {
        return (metric.equals("perplexity") ? "log_perplexity" : metric)
                + (filter.equals("none") ? "" : ", " + filter);
    }

    private static @Nullable ItemScore score(String metric, JsonNode sample, String where)
            throws TaskException {
        String id = sample.get("doc_id").asText();
        JsonNode value = sample.path(metric);
        if (metric.equals("word_perplexity") || metric.equals("byte_perplexity")) {
            return null;
        }
        try {
            if (metric.equals("bits_per_byte")) {
                double bytes = value.path(1).asDouble();
                return new ItemScore(id, -value.path(0).asDouble() / LN2 / bytes, bytes);
            }
            if (value.isBoolean()) {
                return ItemScore.of(id, value.asBoolean() ? 1 : 0);
            }
            if (!value.isNumber()) {
                // a list of references and predictions, as the harness keeps for corpus scores
                return null;
            }
            return ItemScore.of(id, (metric.equals("perplexity") ? -1 : 1) * value.asDouble());
        } catch (IllegalArgumentException e) {
            throw new TaskException(where + ": " + e.getMessage(), e);
        }
    }

    /** Adds the answer of a sample that is right or wrong; of several filters the first counts. */
    private static void answer(
            String task, JsonNode sample, Set<String> seen, List<AnsweredItem> answers) {
        String id = sample.path("doc_id").asText();
        for (JsonNode metric : sample.path("metrics")) {
            JsonNode score = sample.path(metric.asText());
            boolean isRate =
                    score.isBoolean()
                            || score.isNumber() && (score.asDouble() == 0 || score.asDouble() == 1);
            if (isRate && !metric.asText().endsWith("perplexity")) {
                if (seen.add(id)) {
                    boolean right = score.isBoolean() ? score.asBoolean() : score.asDouble() == 1;
                    answers.add(item(task, id, sample, right));
                }
                return;
            }
        }
    }

    private static AnsweredItem item(String task, String id, JsonNode sample, boolean right) {
        List<String> contexts = new ArrayList<>();
        List<String> continuations = new ArrayList<>();
        for (JsonNode argument : sample.path("arguments")) {
            boolean isList = argument.isArray();
            contexts.add((isList ? argument.path(0) : argument.path("arg_0")).asText());
            continuations.add((isList ? argument.path(1) : argument.path("arg_1")).asText());
        }
        JsonNode said = sample.path("filtered_resps");
        String question = contexts.isEmpty() ? "" : contexts.get(0);
        String target = sample.path("target").asText();
        if (contexts.size() < 2) {
            String answer = said.path(0).asText();
            boolean isText = !said.path(0).isArray() && said.path(0).isTextual();
            return new AnsweredItem(
                    task,
                    id,
                    question,
                    target,
                    isText && !isNumber(answer) || !isLikelihood(said)
                            ? answer
                            : right ? target : "(something else)",
                    right);
        }
        boolean byContext = !contexts.get(0).equals(contexts.get(1));
        List<String> choices = byContext ? contexts : continuations;
        int gold = isNumber(target) ? (int) Double.parseDouble(target) : -1;
        return new AnsweredItem(
                task,
                id,
                byContext ? continuations.get(0).strip() : question,
                gold >= 0 && gold < choices.size() ? choices.get(gold).strip() : target,
                choices.get(best(said, choices.size())).strip(),
                right);
    }

    private static boolean isNumber(String text) {
        return text.matches("-?\\d{1,9}(\\.\\d+)?");
    }

    /** A likelihood is logged as a pair of number and boolean, flat or in a list. */
    private static boolean isLikelihood(JsonNode said) {
        JsonNode pair = said.path(0).isArray() ? said.path(0) : said;
        return pair.size() == 2 && pair.path(1).asText().matches("(?i)true|false");
    }

    private static int best(JsonNode said, int choices) {
        int best = 0;
        for (int i = 1; i < Math.min(choices, said.size()); i++) {
            if (said.path(i).path(0).asDouble() > said.path(best).path(0).asDouble()) {
                best = i;
            }
        }
        return best;
    }
}
