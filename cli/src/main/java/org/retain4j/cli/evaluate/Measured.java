package org.retain4j.cli.evaluate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.evaluation.report.EvaluatedMethod;
import org.retain4j.evaluation.report.EvaluatedRun;
import org.retain4j.evaluation.report.RunCost;
import org.retain4j.evaluation.report.SampleLog;
import org.retain4j.evaluation.tasks.TaskResult;

/**
 * What a model scored, measured just now or read from the folder of an earlier evaluation.
 *
 * @param title name in the report
 * @param log scores and answers item by item
 * @param results results of the tasks; empty when they were read
 * @param settings how they were got
 * @param cost time and memory
 */
public record Measured(
        String title,
        SampleLog log,
        List<TaskResult> results,
        Map<String, Object> settings,
        RunCost cost) {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Returns what tasks that were run just now came to. */
    public static Measured of(
            String title, List<TaskResult> results, Map<String, Object> settings, RunCost cost) {
        return new Measured(title, SampleLog.of(results), results, settings, cost);
    }

    /**
     * Returns whether a place is a folder of results, {@code samples_TASK.jsonl} of ours or of
     * lm-evaluation-harness, and not one of a model.
     */
    public static boolean isResults(Path folder) throws IOException {
        return SampleLog.isIn(folder) && !Files.exists(folder.resolve("config.json"));
    }

    /** Reads a folder of results. */
    public static Measured read(String title, Path folder) throws IOException {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("results", folder.toString());
        double seconds = 0;
        long peak = 0;
        Path file = folder.resolve("results.json");
        if (Files.isRegularFile(file)) {
            JsonNode config = JSON.readTree(file.toFile()).path("config");
            config.properties()
                    .forEach(entry -> settings.put(entry.getKey(), entry.getValue().asText()));
            seconds = config.path("seconds").asDouble();
            peak = config.path("peak_bytes").asLong();
        }
        SampleLog log = SampleLog.read(folder);
        if (log.scores().isEmpty()) {
            throw new UsageException(folder + " has samples without a score that can be compared");
        }
        return new Measured(title, log, List.of(), settings, RunCost.ofEvaluation(seconds, peak));
    }

    EvaluatedMethod method() {
        return new EvaluatedMethod(
                title, List.of(new EvaluatedRun(0, log.scores(), cost)), settings);
    }
}
