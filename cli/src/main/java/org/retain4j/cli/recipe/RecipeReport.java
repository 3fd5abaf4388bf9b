package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.retain4j.cli.Versions;
import org.retain4j.cli.evaluate.ReportParts;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.recipe.Recipe.Variant;
import org.retain4j.evaluation.report.AnswerChange;
import org.retain4j.evaluation.report.AnsweredItem;
import org.retain4j.evaluation.report.EvaluatedMethod;
import org.retain4j.evaluation.report.EvaluatedRun;
import org.retain4j.evaluation.report.EvaluationSummary;
import org.retain4j.evaluation.report.ItemScore;
import org.retain4j.evaluation.report.RunCost;
import org.retain4j.evaluation.report.SampleLog;

/** Puts together what the report of a recipe shows. Stateless and thread-safe. */
final class RecipeReport {

    private static final String BASE_TITLE = "base model";

    private RecipeReport() {}

    /** Finds the folder of a run. */
    interface Folders {
        Path folder(Variant method, long seed);
    }

    static EvaluationSummary summary(
            Recipe recipe,
            RunScores base,
            Map<String, List<RunScores>> runs,
            Map<String, Map<String, JsonNode>> chosen,
            Map<String, RecipeResult.Cost> costs,
            TrainingOverlap overlap,
            Folders folders)
            throws IOException {
        List<EvaluatedMethod> methods = new ArrayList<>();
        methods.add(new EvaluatedMethod(BASE_TITLE, List.of(run(base, 0)), Map.of()));
        List<AnsweredItem> before = SampleLog.read(recipe.folder().resolve(Recipe.BASE)).answers();
        List<AnswerChange> changes = new ArrayList<>();
        Set<String> titles = new HashSet<>(Set.of(BASE_TITLE));
        long seed = recipe.config().seeds.get(0);
        for (Variant method : recipe.methods()) {
            String title =
                    titles.add(method.title())
                            ? method.title()
                            : method.title() + " (" + method.name() + ")";
            List<RunScores> own = Objects.requireNonNull(runs.get(method.name()));
            RecipeResult.Cost cost = costs.get(method.name());
            long extra = cost == null ? 0 : cost.extraTokens();
            methods.add(
                    new EvaluatedMethod(
                            title,
                            own.stream().map(run -> run(run, extra)).toList(),
                            options(method, chosen.getOrDefault(method.name(), Map.of()))));
            changes.addAll(
                    AnsweredItem.lost(
                            title, before, SampleLog.read(folders.folder(method, seed)).answers()));
        }
        List<String> tasks = base.tasks().stream().map(TaskScores::task).toList();
        int learned = recipe.config().learned.size();
        return new EvaluationSummary(
                recipe.config().title,
                Versions.retain4j(),
                ReportParts.now(),
                methods,
                tasks.subList(0, learned),
                tasks.subList(learned, tasks.size()),
                changes,
                overlap.tasks(),
                overlap.texts(),
                changes.isEmpty()
                        ? List.of()
                        : List.of("Changed answers are those of seed " + seed + "."),
                new LinkedHashMap<>(recipe.settings()),
                ReportParts.environment());
    }

    private static Map<String, Object> options(Variant method, Map<String, JsonNode> chosen) {
        Map<String, Object> options = new LinkedHashMap<>();
        if (method.averageOf() != null) {
            options.put("average_of", method.averageOf());
            options.put("alpha", method.alpha());
            return options;
        }
        method.run()
                .properties()
                .forEach(key -> options.put(key.getKey(), key.getValue().toString()));
        chosen.forEach((key, value) -> options.put(key + " (chosen)", value.toString()));
        return options;
    }

    private static EvaluatedRun run(RunScores run, long extraTokens) {
        return new EvaluatedRun(
                run.seed(),
                run.tasks().stream().map(RecipeReport::scores).toList(),
                new RunCost(
                        run.seconds(),
                        run.newTokens(),
                        run.replayedTokens() + extraTokens,
                        run.peakBytes(),
                        run.evaluationSeconds()));
    }

    private static org.retain4j.evaluation.report.TaskScores scores(TaskScores task) {
        List<ItemScore> items = new ArrayList<>();
        for (int i = 0; i < task.ids().size(); i++) {
            double size = task.sizes().get(i);
            items.add(
                    new ItemScore(
                            String.valueOf(task.ids().get(i)), task.values().get(i) / size, size));
        }
        int comma = task.metric().lastIndexOf(',');
        String filter = task.metric().substring(comma + 1);
        String metric = task.metric().substring(0, comma);
        return new org.retain4j.evaluation.report.TaskScores(
                task.task(),
                filter.equals("none") ? metric : metric + ", " + filter,
                task.higherIsBetter(),
                items);
    }
}
