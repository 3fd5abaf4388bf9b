package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;

/** Tasks against lm-evaluation-harness; origin in golden/tasks/README.md. */
class GoldenTasksTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final Path GOLDEN = Path.of("src/test/resources/golden/tasks");

    private static JsonNode golden(String file) throws IOException {
        return new ObjectMapper().readTree(GOLDEN.resolve(file).toFile());
    }

    private static List<Row> rows(String task) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (JsonNode doc : golden("docs.json").get(task)) {
            rows.add(new Row(doc, task + " row " + rows.size()));
        }
        return rows;
    }

    @ParameterizedTest
    @CsvSource({"llama, 1, 1", "llama, 4096, 64", "qwen2, 300, 7"})
    void requestsAndScoresAreThoseOfTheHarness(String name, int tokens, int batch)
            throws IOException {
        JsonNode tasks = golden("loglikelihood_" + name + ".json").get("tasks");
        EvaluationOptions options =
                EvaluationOptions.defaults()
                        .withMaxLength(128)
                        .withBootstraps(0)
                        .withBatch(tokens, batch);
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            Evaluator evaluator = Evaluator.of(model, options);
            for (Map.Entry<String, JsonNode> task : tasks.properties()) {
                TaskResult result =
                        evaluator.run(
                                Tasks.find(task.getKey()).orElseThrow(),
                                TaskData.of(rows(task.getKey())));
                JsonNode docs = task.getValue().get("docs");
                assertThat(result.items()).hasSize(docs.size());
                int truncated = 0;
                for (ItemResult item : result.items()) {
                    truncated += assertSame(item, docs.get(item.index()), task.getKey());
                }
                assertThat(result.truncated()).isEqualTo(truncated);
            }
        }
    }

    /** Returns 1 if a request was cut. */
    private static int assertSame(ItemResult item, JsonNode doc, String task) {
        String where = task + " " + item.index();
        assertThat(item.requests()).as(where).hasSize(doc.get("requests").size());
        boolean cut = false;
        for (int r = 0; r < item.requests().size(); r++) {
            JsonNode wanted = doc.get("requests").get(r);
            if (item.requests().get(r) instanceof Request.LogLikelihood request) {
                JsonNode context = wanted.has("context") ? wanted : doc;
                assertThat(request.context()).as(where).isEqualTo(context.get("context").asText());
                assertThat(request.continuation())
                        .as(where)
                        .isEqualTo(wanted.get("continuation").asText());
                assertThat(item.responses().get(r).greedy())
                        .as(where)
                        .isEqualTo(wanted.get("is_greedy").asBoolean());
                assertThat(item.responses().get(r).truncated())
                        .as(where)
                        .isEqualTo(wanted.get("truncated").asBoolean());
            } else if (item.requests().get(r) instanceof Request.Rolling request) {
                assertThat(request.text()).as(where).isEqualTo(wanted.get("text").asText());
            }
            cut |= item.responses().get(r).truncated();
            assertThat(item.responses().get(r).logLikelihood())
                    .as(where)
                    .isCloseTo(wanted.get("loglikelihood").asDouble(), within(1e-3));
        }
        for (String metric : List.of("acc", "acc_norm")) {
            if (doc.has(metric)) {
                assertThat(item.scores())
                        .as(where)
                        .containsEntry(metric + ",none", doc.get(metric).asDouble());
            }
        }
        return cut ? 1 : 0;
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void metricsAreExactGivenTheLikelihoods(String name) throws IOException {
        JsonNode tasks = golden("loglikelihood_" + name + ".json").get("tasks");
        for (Map.Entry<String, JsonNode> entry : tasks.properties()) {
            Task task = Tasks.find(entry.getKey()).orElseThrow();
            Scoring scoring = new Scoring(task, 2000);
            List<ItemResult> items = new ArrayList<>();
            List<Row> rows = rows(entry.getKey());
            for (int i = 0; i < rows.size(); i++) {
                List<Response> responses = new ArrayList<>();
                for (JsonNode wanted : entry.getValue().get("docs").get(i).get("requests")) {
                    responses.add(
                            Response.likelihood(
                                    wanted.get("loglikelihood").asDouble(),
                                    wanted.path("is_greedy").asBoolean(),
                                    false));
                }
                items.add(
                        scoring.score(
                                i, rows.get(i), task.item(rows.get(i)), List.of(), responses));
            }
            JsonNode wanted = entry.getValue().get("metrics");
            int compared = 0;
            for (MetricValue metric : scoring.metrics(items)) {
                if (wanted.has(metric.key())) {
                    assertRelative(metric.value(), wanted.get(metric.key()).asDouble());
                    compared++;
                }
                if (wanted.path(metric.stderrKey()).isNumber()) {
                    assertRelative(metric.stderr(), wanted.get(metric.stderrKey()).asDouble());
                    compared++;
                }
            }
            assertThat(compared).as(task.name()).isEqualTo(wanted.size());
        }
    }

    private static void assertRelative(double found, double wanted) {
        assertThat(found).isCloseTo(wanted, within(1e-12 * Math.max(1, Math.abs(wanted))));
    }

    @Test
    void examplesAreThoseThatPythonDraws() throws IOException {
        JsonNode tasks = golden("fewshot_prompts.json").get("tasks");
        for (Map.Entry<String, JsonNode> entry : tasks.properties()) {
            Task task = Tasks.find(entry.getKey()).orElseThrow();
            String pool =
                    Map.of("gsm8k", "gsm8k_train", "arc_challenge", "arc_easy")
                            .getOrDefault(task.name(), task.name());
            List<Item> examples = new ArrayList<>();
            for (Row row : rows(pool)) {
                examples.add(task.item(row));
            }
            FewShot shots =
                    new FewShot(
                            task,
                            examples,
                            entry.getValue().get("num_fewshot").asInt(),
                            pool.equals(task.name()),
                            FewShot.SEED);
            Prompts prompts = new Prompts(task, EvaluationOptions.defaults(), null);
            int last = -1;
            for (JsonNode wanted : entry.getValue().get("prompts")) {
                int doc = wanted.get("doc").asInt();
                if (doc == last) {
                    continue;
                }
                last = doc;
                Item item = task.item(rows(task.name()).get(doc));
                List<Request> requests = prompts.requests(item, shots.examples(item));
                assertThat(requests.get(0).context()).isEqualTo(wanted.get("prompt").asText());
                for (int r = 0; wanted.has("continuations") && r < requests.size(); r++) {
                    assertThat(((Request.LogLikelihood) requests.get(r)).continuation())
                            .isEqualTo(wanted.get("continuations").get(r).asText());
                }
                if (requests.get(0) instanceof Request.Generate generate) {
                    List<String> until = new ArrayList<>();
                    wanted.get("generation").get("until").forEach(s -> until.add(s.asText()));
                    assertThat(generate.decoding().until()).isEqualTo(until);
                }
            }
            assertThat(last).isPositive();
        }
    }

    @Test
    void answersOfGsm8kAreExtractedAndCompared() throws IOException {
        JsonNode golden = golden("gsm8k_extraction.json");
        Task task = Tasks.find("gsm8k").orElseThrow();
        List<String> references = new ArrayList<>();
        golden.get("references").forEach(reference -> references.add(reference.asText()));
        for (JsonNode wanted : golden.get("cases")) {
            for (AnswerFilter filter : task.filters()) {
                String text = wanted.get("text").asText();
                String answer = filter.apply(text);
                assertThat(answer).as(text).isEqualTo(wanted.get(filter.name()).asText());
                for (int r = 0; r < references.size(); r++) {
                    Row row =
                            new Row(
                                    new ObjectMapper()
                                            .createObjectNode()
                                            .put("question", "?")
                                            .put("answer", references.get(r)),
                                    "here");
                    double score =
                            task.answerMetrics()
                                    .get(0)
                                    .rule()
                                    .score(answer, (Item.Generation) task.item(row));
                    assertThat(score == 1)
                            .as(text + " against " + references.get(r))
                            .isEqualTo(wanted.get("matches").get(filter.name()).get(r).asBoolean());
                }
            }
        }
    }
}
