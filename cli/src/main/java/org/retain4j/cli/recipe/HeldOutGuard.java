package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.recipe.Recipe.Asked;
import org.retain4j.cli.recipe.Recipe.Variant;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.usage.UsageException;

/**
 * Keeps what is held out apart from what a recipe chooses by, and tells which items of the tasks
 * are in the training data. Stateless and thread-safe.
 */
final class HeldOutGuard {

    /** Share of an item's 13-grams from which on it is a copy and not a common phrase. */
    private static final double COPIED = 0.5;

    private HeldOutGuard() {}

    /**
     * Looks into the data of all methods.
     *
     * @return the items that are in the training data
     * @throws UsageException if trials would be judged on items of the tasks
     */
    static TrainingOverlap check(Recipe recipe, RecipeRun.Models models) throws IOException {
        Set<Path> training = new LinkedHashSet<>();
        Set<String> seen = new LinkedHashSet<>();
        for (Variant method : recipe.methods()) {
            if (method.averageOf() != null) {
                continue;
            }
            Map<String, JsonNode> changes = Recipe.tries(method).get(0);
            FinetuneRun run =
                    FinetuneRun.of(
                            "methods." + method.name(),
                            method.run(changes, 0, recipe.folder().resolve("run")));
            boolean isJudged = !method.trials().isEmpty();
            if (!seen.add(run.dataSettings() + isJudged)) {
                continue;
            }
            FinetuneRun.DataFiles files = run.dataFiles(models.locate(run.model()));
            training.addAll(files.training());
            if (isJudged) {
                refuseHeldOut(recipe, method.name(), files.judging());
            }
        }
        return look(recipe, List.copyOf(training));
    }

    private static void refuseHeldOut(Recipe recipe, String method, List<Path> judging)
            throws IOException {
        for (Path file : judging) {
            for (Asked asked : recipe.tasks()) {
                Path held = asked.step().place();
                if (Files.isRegularFile(held) && Files.isSameFile(held, file)) {
                    throw new UsageException(
                            "methods.%s.try would be chosen on %s, which holds the items of %s; choose on other data, or what is reported is tuned on"
                                    .formatted(method, file, asked.step().task().name()));
                }
            }
        }
        List<String> found = look(recipe, judging).atLeast(COPIED).lines();
        if (!found.isEmpty()) {
            throw new UsageException(
                    ("methods.%s.try would be chosen on items that are held out (%s); take them"
                                    + " out of eval and retain")
                            .formatted(
                                    method,
                                    found.get(0).replace("the training data", "eval or retain")));
        }
    }

    private static TrainingOverlap look(Recipe recipe, List<Path> files) throws IOException {
        List<EvaluationPlan.Step> steps = recipe.tasks().stream().map(Asked::step).toList();
        List<Integer> limits =
                recipe.tasks().stream().map(asked -> asked.options().limit()).toList();
        return TrainingOverlap.look(steps, limits, files);
    }
}
