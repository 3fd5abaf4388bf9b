package org.retain4j.cli.evaluate;

import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.Versions;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.evaluation.report.AnswerChange;
import org.retain4j.evaluation.report.AnsweredItem;
import org.retain4j.evaluation.report.EvaluatedMethod;
import org.retain4j.evaluation.report.EvaluationSummary;
import org.retain4j.evaluation.tasks.TaskResult;

/** Puts together what a report of {@code evaluate} shows. Stateless and thread-safe. */
public final class ReportParts {

    private ReportParts() {}

    /**
     * Returns the parts of a report on a model, or on one before and after.
     *
     * @param before what the model is compared with; null for the model alone
     * @param notes what a reader must know besides
     */
    public static EvaluationSummary summary(
            @Nullable Measured before,
            Measured model,
            TrainingOverlap overlap,
            List<String> notes,
            Map<String, Object> settings) {
        List<EvaluatedMethod> methods = new ArrayList<>();
        List<AnswerChange> changes = List.of();
        List<String> all = new ArrayList<>(notes);
        if (before != null) {
            methods.add(before.method());
            changes =
                    AnsweredItem.lost(model.title(), before.log().answers(), model.log().answers());
            all.addAll(skipped(before));
        }
        methods.add(model.method());
        all.addAll(skipped(model));
        return new EvaluationSummary(
                before == null ? model.title() : model.title() + " against " + before.title(),
                Versions.retain4j(),
                now(),
                methods,
                List.of(),
                List.of(),
                changes,
                overlap.tasks(),
                overlap.texts(),
                all,
                settings,
                environment());
    }

    /** Returns the time, for reports. */
    public static String now() {
        return OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).toString();
    }

    /** Returns machine and versions, for reports. */
    public static Map<String, Object> environment() {
        Map<String, Object> environment = new LinkedHashMap<>();
        environment.put("java", System.getProperty("java.vm.name") + " " + Runtime.version());
        environment.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        environment.put("cores", Runtime.getRuntime().availableProcessors());
        environment.put("libtorch", TensorEngine.libtorchVersion());
        environment.put("device", TensorEngine.defaultDevice().toString());
        return environment;
    }

    private static List<String> skipped(Measured measured) {
        List<String> lines = new ArrayList<>();
        for (TaskResult result : measured.results()) {
            String of = measured.title() + ", " + result.task().name() + ": ";
            result.skipped()
                    .forEach((why, items) -> lines.add(of + items + " items skipped: " + why));
            if (result.truncated() > 0) {
                lines.add(of + result.truncated() + " prompts were cut on the left to fit");
            }
        }
        return lines;
    }
}
