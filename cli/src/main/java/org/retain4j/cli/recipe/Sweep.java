package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.retain4j.cli.recipe.Recipe.Variant;
import org.retain4j.cli.recipe.RecipeConfig.MethodSection;
import org.retain4j.cli.recipe.RecipeResult.MethodScores;
import org.retain4j.cli.recipe.RecipeResult.TaskValue;
import org.retain4j.cli.train.RunFile;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.evaluation.report.SweepPlot;

/**
 * A method whose keys take several values: every combination is a method of its own. The last key
 * runs along a curve, the others make curves of their own.
 */
final class Sweep {

    private Sweep() {}

    static List<Variant> points(Path file, String name, MethodSection section, ObjectNode shared) {
        String at = file + ": methods." + name;
        if (!section.trials.isEmpty() || section.averageOf != null) {
            throw new UsageException(at + " has sweep, which goes with neither try nor average_of");
        }
        List<Map<String, JsonNode>> combinations = List.of(Map.of());
        String last = "";
        for (Map.Entry<String, List<JsonNode>> key : section.sweep.entrySet()) {
            last = key.getKey();
            if (key.getValue() == null || key.getValue().isEmpty()) {
                throw new UsageException(at + ".sweep." + last + " has no values, list them");
            }
            List<Map<String, JsonNode>> longer = new ArrayList<>();
            for (Map<String, JsonNode> start : combinations) {
                for (JsonNode value : key.getValue()) {
                    if (!value.isValueNode() || value.isNull()) {
                        throw new UsageException(
                                at + ".sweep." + last + " lists numbers, texts, true or false");
                    }
                    Map<String, JsonNode> one = new LinkedHashMap<>(start);
                    one.put(last, value);
                    longer.add(one);
                }
            }
            combinations = longer;
        }
        String title = section.title == null ? name : section.title;
        List<Variant> points = new ArrayList<>();
        for (Map<String, JsonNode> one : combinations) {
            StringBuilder id = new StringBuilder(name);
            StringBuilder line = new StringBuilder(title);
            StringBuilder whole = new StringBuilder(title);
            // the sections of the merged keys are those of the recipe itself
            ObjectNode keys = Recipe.merged(shared, section.set).deepCopy();
            for (Map.Entry<String, JsonNode> entry : one.entrySet()) {
                String key = entry.getKey();
                String text = text(entry.getValue());
                String said = ", " + key.substring(key.lastIndexOf('.') + 1) + " " + text;
                RunFile.set(keys, key, entry.getValue());
                id.append('-').append(text.replaceAll("[^A-Za-z0-9._-]", "_"));
                whole.append(said);
                line.append(key.equals(last) ? "" : said);
            }
            if (id.length() > 60) {
                throw new UsageException(at + ".sweep makes " + id + ", a longer name than 60");
            }
            points.add(
                    new Variant(
                            id.toString(),
                            whole.toString(),
                            keys,
                            line.toString(),
                            one,
                            List.of(),
                            null,
                            section.alpha));
        }
        return points;
    }

    /** Returns a value as one writes it: 3e-4, not 3.0E-4. */
    private static String text(JsonNode value) {
        if (!value.isDouble() || !(Math.abs(value.doubleValue()) < 0.01) || value.asDouble() == 0) {
            return value.asText();
        }
        BigDecimal number = value.decimalValue().stripTrailingZeros();
        return number.unscaledValue() + "e" + -number.scale();
    }

    /** Returns the curves of a result, with methods of no sweep as single points. */
    static SweepPlot plot(RecipeResult result) {
        String learned = result.learned().get(0);
        String retained = result.retained().get(0);
        Map<String, List<SweepPlot.Point>> lines = new LinkedHashMap<>();
        for (MethodScores method : result.methods()) {
            String label = "";
            for (JsonNode value : method.swept().values()) {
                label = text(value);
            }
            String line = method.line();
            lines.computeIfAbsent(line == null ? method.title() : line, title -> new ArrayList<>())
                    .add(
                            new SweepPlot.Point(
                                    label,
                                    value(method.tasks(), learned).value().value(),
                                    value(method.tasks(), retained).value().value()));
        }
        TaskValue first = value(result.base(), learned);
        TaskValue second = value(result.base(), retained);
        return new SweepPlot(
                axis(learned, first),
                axis(retained, second),
                new SweepPlot.Point("", first.value().value(), second.value().value()),
                lines.entrySet().stream()
                        .map(line -> new SweepPlot.Line(line.getKey(), line.getValue()))
                        .toList());
    }

    private static SweepPlot.Axis axis(String task, TaskValue value) {
        String metric = value.metric().substring(0, value.metric().indexOf(','));
        return new SweepPlot.Axis(task + ", " + metric.replace('_', ' '), value.higherIsBetter());
    }

    private static TaskValue value(Map<String, TaskValue> values, String task) {
        return Objects.requireNonNull(values.get(task));
    }
}
