package org.retain4j.cli.compare;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.cli.Versions;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.evaluation.contamination.ContaminatedItem;
import org.retain4j.evaluation.contamination.Contamination;
import org.retain4j.evaluation.contamination.TaskContamination;
import org.retain4j.evaluation.metrics.DocumentScores;
import org.retain4j.evaluation.report.AnswerChange;
import org.retain4j.evaluation.report.AnsweredItem;
import org.retain4j.evaluation.report.EvaluatedMethod;
import org.retain4j.evaluation.report.EvaluatedRun;
import org.retain4j.evaluation.report.EvaluationReport;
import org.retain4j.evaluation.report.EvaluationSummary;
import org.retain4j.evaluation.report.ItemScore;
import org.retain4j.evaluation.report.RunCost;
import org.retain4j.evaluation.report.SampleLog;
import org.retain4j.evaluation.report.TaskScores;
import org.retain4j.evaluation.tasks.EvaluationOptions;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.TaskData;
import org.retain4j.evaluation.tasks.TaskResult;

/**
 * The tasks that a comparison measures beside its two texts, and the report on them.
 *
 * <p>Safe for all threads: every model is measured by a thread of its own.
 */
final class TaskMeasures {

    private static final String NEW_TEXT = "new text";
    private static final String OLD_TEXT = "old text";
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Path folder;
    private final List<EvaluationPlan.Step> steps;
    private final List<TaskData> data;
    private final EvaluationOptions options;
    private final List<TaskContamination> contamination;
    private final long trainingTexts;

    private TaskMeasures(
            ComparisonOptions options,
            List<TaskData> data,
            List<TaskContamination> contamination,
            long trainingTexts) {
        this.folder = options.out();
        this.steps = options.tasks();
        this.data = data;
        this.options = EvaluationOptions.defaults().withLimit(options.limit()).withBootstraps(0);
        this.contamination = contamination;
        this.trainingTexts = trainingTexts;
    }

    /**
     * What a model scored on the tasks.
     *
     * @param log scores and answers
     * @param seconds how long that took
     */
    record Measured(SampleLog log, double seconds) {}

    /**
     * Reads the data of the tasks and looks for their items in the texts.
     *
     * @throws UsageException if the part of the new text that learning rates are chosen on holds
     *     items
     */
    static TaskMeasures of(ComparisonOptions options, TextSplit learn, TextSplit retain)
            throws IOException {
        List<TaskData> data = new ArrayList<>();
        Contamination.Builder items = Contamination.builder();
        Contamination.Builder chosenOn = Contamination.builder();
        for (EvaluationPlan.Step step : options.tasks()) {
            TaskData rows = step.data();
            data.add(rows);
            items.add(step.task(), rows, options.limit());
            chosenOn.add(step.task(), rows, options.limit());
        }
        Contamination guard = chosenOn.build();
        learn.validation().forEach(text -> guard.look(learn.name(), text));
        for (TaskContamination task : guard.found()) {
            for (ContaminatedItem item : task.contaminated()) {
                if (item.overlap() >= TextSplit.COPIED) {
                    throw new UsageException(
                            ("item %s of %s is in %s, on a part of which learning rates are chosen;"
                                            + " what is held out must not be chosen on, take it out"
                                            + " of the text")
                                    .formatted(item.item(), task.task(), learn.name()));
                }
            }
        }
        Contamination search = items.build();
        for (TextSplit text : List.of(learn, retain)) {
            text.train().forEach(document -> search.look(text.name(), document));
        }
        return new TaskMeasures(options, data, search.found(), search.texts());
    }

    boolean isEmpty() {
        return steps.isEmpty();
    }

    Measured measure(CausalLm model) {
        long started = System.nanoTime();
        List<TaskResult> results = new ArrayList<>();
        try {
            for (int i = 0; i < steps.size(); i++) {
                results.add(Evaluator.of(model, options).run(steps.get(i).task(), data.get(i)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Measured(SampleLog.of(results), (System.nanoTime() - started) / 1e9);
    }

    /** Writes tasks.html and tasks.json. */
    void write(
            CausalLm base,
            DocumentScores baseLearned,
            DocumentScores baseRetained,
            Map<Method, List<Experiment.Outcome>> outcomes,
            String createdAt,
            Map<String, Object> settings,
            Map<String, Object> environment)
            throws IOException {
        Measured before = measure(base);
        List<EvaluatedMethod> methods = new ArrayList<>();
        methods.add(
                new EvaluatedMethod(
                        "base model",
                        List.of(
                                run(
                                        0,
                                        baseLearned,
                                        baseRetained,
                                        before,
                                        RunCost.ofEvaluation(before.seconds(), 0))),
                        Map.of()));
        List<AnswerChange> changes = new ArrayList<>();
        outcomes.forEach(
                (method, list) -> {
                    List<EvaluatedRun> runs = new ArrayList<>();
                    for (Experiment.Outcome outcome : list) {
                        runs.add(
                                run(
                                        runs.size() + 1L,
                                        outcome.learned(),
                                        outcome.retained(),
                                        outcome.tasks(),
                                        new RunCost(
                                                outcome.seconds(),
                                                outcome.newTokens(),
                                                outcome.replayedTokens() + outcome.overheadTokens(),
                                                0,
                                                outcome.tasks().seconds())));
                    }
                    methods.add(new EvaluatedMethod(method.title(), runs, method.options()));
                    changes.addAll(
                            AnsweredItem.lost(
                                    method.title(),
                                    before.log().answers(),
                                    list.get(0).tasks().log().answers()));
                });
        List<String> names =
                before.log().scores().stream().map(TaskScores::task).distinct().toList();
        Map<String, Object> all = new LinkedHashMap<>(settings);
        all.put("tasks", names);
        all.put("limit", options.limit());
        EvaluationReport.write(
                new EvaluationSummary(
                        "Methods on tasks",
                        Versions.retain4j(),
                        createdAt,
                        methods,
                        List.of(NEW_TEXT),
                        names,
                        changes,
                        contamination,
                        trainingTexts,
                        changes.isEmpty()
                                ? List.of()
                                : List.of("Changed answers are those of seed 1."),
                        all,
                        environment),
                folder.resolve("tasks.html"));
        AtomicFile.write(folder.resolve("tasks.json"), json(methods) + "\n");
    }

    private static EvaluatedRun run(
            long seed,
            DocumentScores learned,
            DocumentScores retained,
            Measured tasks,
            RunCost cost) {
        List<TaskScores> scores = new ArrayList<>();
        scores.add(text(NEW_TEXT, learned));
        scores.add(text(OLD_TEXT, retained));
        scores.addAll(tasks.log().scores());
        return new EvaluatedRun(seed, scores, cost);
    }

    private static TaskScores text(String name, DocumentScores scores) {
        List<ItemScore> items = new ArrayList<>();
        for (int i = 0; i < scores.bytes().length; i++) {
            double bytes = scores.bytes()[i];
            items.add(new ItemScore(String.valueOf(i), scores.bits()[i] / bytes, bytes));
        }
        return new TaskScores(name, "bits_per_byte", false, items);
    }

    private String json(List<EvaluatedMethod> methods) throws IOException {
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("methods", methods);
        root.put("contamination", contamination);
        return JSON.writeValueAsString(root);
    }
}
