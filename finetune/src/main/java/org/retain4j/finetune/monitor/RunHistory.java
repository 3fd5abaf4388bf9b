package org.retain4j.finetune.monitor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.evaluation.report.TrainingPoint;

/**
 * The course of a run as its logs tell it, those of earlier processes included.
 *
 * <p>Stateless and thread-safe.
 */
public final class RunHistory {

    private RunHistory() {}

    /**
     * Reads what {@link MetricsLog} and {@link TimingsLog} wrote.
     *
     * @param metrics file of the first; no points come of a missing one
     * @param timings file of the second; where it has no line for a step, or is missing, the speed
     *     is NaN
     * @return one point a line of the metrics, up to one that is cut short
     * @throws IOException if a file is there and cannot be read
     */
    public static List<TrainingPoint> read(Path metrics, Path timings) throws IOException {
        Map<Long, Double> speeds = new HashMap<>();
        for (ObjectNode line : StepFile.read(timings)) {
            speeds.put(line.get("step").asLong(), number(line.path("tokens_per_second")));
        }
        List<TrainingPoint> points = new ArrayList<>();
        for (ObjectNode line : StepFile.read(metrics)) {
            long step = line.get("step").asLong();
            Map<String, Double> evaluation = new LinkedHashMap<>();
            for (Iterator<Map.Entry<String, JsonNode>> it = line.fields(); it.hasNext(); ) {
                Map.Entry<String, JsonNode> field = it.next();
                if (!MetricsLog.NAMES.contains(field.getKey())) {
                    evaluation.put(field.getKey(), number(field.getValue()));
                }
            }
            points.add(
                    new TrainingPoint(
                            step,
                            number(line.path(MetricsLog.LOSS)),
                            number(line.path(MetricsLog.GRADIENT_NORM)),
                            number(line.path(MetricsLog.LEARNING_RATE)),
                            speeds.getOrDefault(step, Double.NaN),
                            evaluation));
        }
        return points;
    }

    /** What is not finite was written as text, because JSON has no number for it. */
    private static double number(JsonNode node) {
        return node.isNumber() ? node.asDouble() : Double.NaN;
    }
}
