package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;

/**
 * Results in the layout of lm-evaluation-harness: {@code results}, {@code groups}, {@code configs},
 * {@code versions}, {@code n-shot}, {@code higher_is_better}, {@code n-samples}, {@code config}.
 *
 * <p>Stateless and thread-safe.
 */
public final class EvaluationJson {

    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private static final ObjectMapper LINES = new ObjectMapper();

    private EvaluationJson() {}

    /**
     * Returns the results as JSON.
     *
     * @param settings how they were got: model, precision, limit and so on; listed under {@code
     *     config}
     */
    public static String of(List<TaskResult> results, Map<String, ?> settings) {
        return of(results, settings, Map.of());
    }

    /**
     * Returns the results as JSON, with keys that the harness does not have.
     *
     * @param more what stands beside {@code results}, such as {@code contamination}
     */
    public static String of(
            List<TaskResult> results, Map<String, ?> settings, Map<String, ?> more) {
        ObjectNode root = JSON.createObjectNode();
        ObjectNode scores = root.putObject("results");
        ObjectNode groups = JSON.createObjectNode();
        ObjectNode configs = JSON.createObjectNode();
        ObjectNode versions = JSON.createObjectNode();
        ObjectNode shots = JSON.createObjectNode();
        ObjectNode better = JSON.createObjectNode();
        ObjectNode samples = JSON.createObjectNode();
        ObjectNode subtasks = root.putObject("group_subtasks");
        for (TaskResult result : results) {
            String name = result.task().name();
            scores.set(name, scores(name, result.metrics()));
            ArrayNode parts = subtasks.putArray(name);
            result.groups()
                    .forEach(
                            (group, metrics) -> {
                                String part = name + "_" + group;
                                parts.add(part);
                                scores.set(part, scores(" - " + group, metrics));
                            });
            if (!result.groups().isEmpty()) {
                groups.set(name, scores(name, result.metrics()));
            }
            ObjectNode config = JSON.valueToTree(result.task().config());
            config.put("num_fewshot", result.shots()).put("chat_template", result.chat());
            configs.set(name, config);
            versions.put(name, result.task().version());
            shots.put(name, result.shots());
            better.set(name, JSON.valueToTree(result.task().higherIsBetter()));
            ObjectNode counts = samples.putObject(name);
            counts.put("original", result.original()).put("effective", result.items().size());
            counts.put("truncated", result.truncated());
            counts.set("skipped", JSON.valueToTree(result.skipped()));
        }
        if (!groups.isEmpty()) {
            root.set("groups", groups);
        }
        root.set("configs", configs);
        root.set("versions", versions);
        root.set("n-shot", shots);
        root.set("higher_is_better", better);
        root.set("n-samples", samples);
        root.set("config", JSON.valueToTree(settings));
        more.forEach((key, value) -> root.set(key, JSON.valueToTree(value)));
        return root.toPrettyString() + "\n";
    }

    private static ObjectNode scores(String alias, List<MetricValue> metrics) {
        ObjectNode node = JSON.createObjectNode().put("alias", alias);
        for (MetricValue metric : metrics) {
            node.put(metric.key(), metric.value());
            if (Double.isFinite(metric.stderr())) {
                node.put(metric.stderrKey(), metric.stderr());
            } else {
                node.put(metric.stderrKey(), "N/A");
            }
        }
        return node;
    }

    /** Writes one JSON object an item and filter, as the harness logs samples. */
    public static void writeSamples(TaskResult result, Path file) throws IOException {
        AtomicFile.write(
                file,
                out -> {
                    Writer writer = new OutputStreamWriter(out, StandardCharsets.UTF_8);
                    Iterator<ObjectNode> samples = samples(result).iterator();
                    while (samples.hasNext()) {
                        writer.write(LINES.writeValueAsString(samples.next()) + "\n");
                    }
                    writer.flush();
                });
    }

    /** Returns what is logged of each item and filter, made one after the other. */
    public static Stream<ObjectNode> samples(TaskResult result) {
        return result.items().stream()
                .flatMap(
                        item ->
                                (item.answers().isEmpty()
                                                ? Stream.of("none")
                                                : item.answers().keySet().stream())
                                        .map(filter -> sample(item, filter)));
    }

    private static ObjectNode sample(ItemResult item, String filter) {
        ObjectNode node = LINES.createObjectNode().put("doc_id", item.index());
        node.set("doc", item.row().node());
        if (item.item() instanceof Item.Choice choice) {
            node.put("target", choice.gold());
        } else {
            node.put("target", item.item().answer());
        }
        ArrayNode arguments = node.putArray("arguments");
        ArrayNode responses = node.putArray("resps");
        ArrayNode filtered = node.putArray("filtered_resps");
        for (int i = 0; i < item.requests().size(); i++) {
            Request request = item.requests().get(i);
            Response response = item.responses().get(i);
            ArrayNode argument = arguments.addArray();
            if (request instanceof Request.LogLikelihood pair) {
                argument.add(pair.context()).add(pair.continuation());
            } else if (request instanceof Request.Rolling rolling) {
                argument.add(rolling.text());
            } else {
                argument.add(request.context());
            }
            if (request instanceof Request.Generate) {
                responses.addArray().add(response.text());
                filtered.add(item.answers().get(filter));
            } else {
                responses
                        .addArray()
                        .addArray()
                        .add(response.logLikelihood())
                        .add(response.greedy());
                filtered.addArray().add(response.logLikelihood()).add(response.greedy());
            }
        }
        node.put("filter", filter);
        ArrayNode metrics = node.putArray("metrics");
        item.scores()
                .forEach(
                        (key, value) -> {
                            int comma = key.lastIndexOf(',');
                            if (key.substring(comma + 1).equals(filter) && !Double.isNaN(value)) {
                                String metric = key.substring(0, comma);
                                metrics.add(metric);
                                if (item.item() instanceof Item.Document document) {
                                    boolean words = metric.equals("word_perplexity");
                                    node.putArray(metric)
                                            .add(value)
                                            .add(words ? document.words() : document.bytes());
                                } else {
                                    node.put(metric, value);
                                }
                            }
                        });
        String row = item.row().node().toString();
        node.put("doc_hash", Sha256.of(row.getBytes(StandardCharsets.UTF_8)));
        return node;
    }
}
