package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.text.ChatTemplate;

/** The engine on a tiny random model. */
class EvaluatorTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final EvaluationOptions OPTIONS = EvaluationOptions.defaults().withBootstraps(0);

    private static CausalLm model;

    @TempDir Path folder;

    @BeforeAll
    static void load() throws IOException {
        model = Pretrained.load(LLAMA);
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static List<Row> rows(String... lines) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String line : lines) {
            rows.add(
                    new Row(
                            new ObjectMapper().readTree(line.replace('\'', '"')),
                            "rows, line " + (rows.size() + 1)));
        }
        return rows;
    }

    private static Task task(String name) {
        return Tasks.find(name).orElseThrow();
    }

    /** Choices of unlike number and length, so that batches are ragged in every way. */
    private static List<Row> choices() throws IOException {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            List<String> answers = new ArrayList<>();
            for (int c = 0; c < 2 + i % 4; c++) {
                answers.add("'" + "a fox ".repeat(1 + (i * 7 + c * 3) % 5) + c + "'");
            }
            lines.add(
                    "{'query':'%s','choices':%s,'gold':%d}"
                            .formatted("Once upon ".repeat(1 + i % 5) + i, answers, i % 2));
        }
        return rows(lines.toArray(String[]::new));
    }

    private static double[] likelihoods(TaskResult result) {
        return result.items().stream()
                .flatMap(item -> item.responses().stream())
                .mapToDouble(Response::logLikelihood)
                .toArray();
    }

    @Test
    void batchesDoNotChangeLikelihoods() throws IOException {
        TaskData data = TaskData.of(choices());
        double[] alone =
                likelihoods(Evaluator.of(model, OPTIONS.withBatch(1, 1)).run(task("piqa"), data));
        for (int rows : new int[] {3, 64}) {
            double[] together =
                    likelihoods(
                            Evaluator.of(model, OPTIONS.withBatch(600, rows))
                                    .run(task("piqa"), data));
            assertThat(together).containsExactly(alone, within(1e-4));
        }
    }

    @Test
    void aKilledRunGoesOnWithoutAskingAgain() throws IOException {
        TaskData data = TaskData.of(choices());
        EvaluationOptions small = OPTIONS.withBatch(120, 2);
        TaskResult whole = Evaluator.of(model, small).run(task("piqa"), data);
        try (ResponseCache cache = ResponseCache.open(folder, "model A")) {
            Evaluator killed =
                    Evaluator.of(model, small)
                            .withCache(cache)
                            .withListener(
                                    (task, done, total) -> {
                                        if (done > 12) {
                                            throw new IllegalStateException("killed");
                                        }
                                    });
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(() -> killed.run(task("piqa"), data));
        }
        Path file = onlyFile();
        int kept = Files.readAllLines(file).size();
        assertThat(kept).isBetween(5, 12);
        Files.writeString(file, "{\"k\":\"torn", StandardOpenOption.APPEND);
        try (ResponseCache cache = ResponseCache.open(folder, "model A")) {
            assertThat(cache.size()).isEqualTo(kept);
            AtomicLong first = new AtomicLong();
            TaskResult resumed =
                    Evaluator.of(model, small)
                            .withCache(cache)
                            .withListener((task, done, total) -> first.compareAndSet(0, done))
                            .run(task("piqa"), data);
            assertThat(resumed.metrics()).isEqualTo(whole.metrics());
            assertThat(likelihoods(resumed)).containsExactly(likelihoods(whole), within(1e-4));
        }
        assertThat(Files.readAllLines(file)).hasSize(distinctRequests(whole));
        try (ResponseCache other = ResponseCache.open(folder, "model B")) {
            assertThat(other.size()).isZero();
        }
    }

    private static int distinctRequests(TaskResult result) {
        return (int) result.items().stream().flatMap(i -> i.requests().stream()).distinct().count();
    }

    private Path onlyFile() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList().get(0);
        }
    }

    @Test
    void damagedAndOpenCachesAreRefused() throws IOException {
        try (ResponseCache open = ResponseCache.open(folder, "m")) {
            assertThatExceptionOfType(TaskException.class)
                    .isThrownBy(() -> ResponseCache.open(folder, "m"))
                    .withMessageContaining("in use");
        }
        Files.writeString(onlyFile(), "{\"k\":\"x\",\"ll\":1,\"g\":true}\n{\"other\":1}\n");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> ResponseCache.open(folder, "m"))
                .withMessageContaining("line 2");
    }

    @Test
    void whatDoesNotFitIsSkippedAndCounted() throws IOException {
        List<Row> rows =
                rows(
                        "{'goal':'g','sol1':'x','sol2':'y','label':0}",
                        "{'goal':'g','sol1':'%s','sol2':'y','label':0}"
                                .formatted("long ".repeat(60)),
                        "{'goal':'%s','sol1':'x','sol2':'y','label':0}"
                                .formatted("long ".repeat(60)));
        TaskResult result =
                Evaluator.of(model, OPTIONS.withMaxLength(40)).run(task("piqa"), TaskData.of(rows));
        assertThat(result.items()).hasSize(2);
        assertThat(result.items().get(1).index()).isEqualTo(2);
        assertThat(result.truncated()).isEqualTo(1);
        assertThat(result.skipped()).hasSize(1).containsValue(1);
        assertThat(result.skipped().keySet().iterator().next())
                .contains("more than the model's 40 positions");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                Evaluator.of(model, OPTIONS.withMaxLength(8).withShots(0))
                                        .run(
                                                task("gsm8k"),
                                                TaskData.of(rows("{'question':'q','answer':'a'}"))))
                .withMessageContaining("no item of gsm8k can be asked")
                .withMessageContaining("leave no room");
    }

    /** No score is made of an item that is none: the row is named, and nothing is run. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "piqa | {'query':'q','choices':[],'gold':0} | at least two answers",
                "piqa | {'query':'q','choices':['a'],'gold':0} | at least two answers",
                "piqa | {'query':'q','choices':['a',''],'gold':0} | answer 1 is empty",
                "piqa | {'query':'q','choices':['a','b'],'gold':2} | the answers are 0 to 1",
                "piqa | {'query':'q','choices':['a','b'],'gold':-1} | the answers are 0 to 1",
                "piqa | {'query':'q','choices':'ab','gold':0} | choices",
                "lambada_openai | {'text':'one'} | one word only",
                "lambada_openai | {'text':''} | one word only",
                "text | {'text':''} | the document is empty",
                "arc_easy | {'question':'q','choices':{'text':['a','b'],'label':['A','B']},'answerKey':'C'} | answerKey"
            })
    void rowsThatAreNoItemsAreNamed(String name, String row, String told) {
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                Evaluator.of(model, OPTIONS)
                                        .run(task(name), TaskData.of(rows(row.strip()))))
                .withMessageContaining("rows, line 1")
                .withMessageContaining(told);
    }

    @Test
    void missingExamplesAreNamed() throws IOException {
        List<Row> rows = rows("{'question':'q','answer':'#### 1'}");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () -> Evaluator.of(model, OPTIONS).run(task("gsm8k"), TaskData.of(rows)))
                .withMessageContaining("gsm8k puts 5 examples");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                Evaluator.of(model, OPTIONS)
                                        .run(task("gsm8k"), new TaskData(rows, rows, false)))
                .withMessageContaining("needs 5 examples")
                .withMessageContaining("there are 1");
    }

    @Test
    void aMissingTemplateIsAnErrorOnlyWhereItIsAskedFor() throws IOException {
        try (CausalLm plain = Pretrained.load(Pretrained.EMBEDDED)) {
            assertThatExceptionOfType(TaskException.class)
                    .isThrownBy(
                            () ->
                                    Evaluator.of(plain, OPTIONS.withChat(true, false, ""))
                                            .run(task("piqa"), TaskData.of(choices())))
                    .withMessageContaining("the chat template was asked for");
            TaskResult refusals =
                    Evaluator.of(plain, OPTIONS)
                            .run(
                                    task("refusal"),
                                    TaskData.of(rows("{'prompt':'Hello','label':'safe'}")));
            assertThat(refusals.chat()).isFalse();
            assertThat(refusals.metrics())
                    .extracting(MetricValue::metric)
                    .containsExactly("refusal_safe");
        }
    }

    @Test
    void subjectsAreTasksOfTheirOwn() throws IOException {
        String row = "{'question':'%s','subject':'%s','choices':['a','b','c','d'],'answer':%d}";
        List<Row> rows = new ArrayList<>();
        List<Row> dev = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            rows.addAll(rows(row.formatted("Q" + i, i % 3 == 0 ? "art" : "law_one", i % 4)));
            dev.addAll(rows(row.formatted("D" + i, i % 2 == 0 ? "art" : "law_one", i % 4)));
        }
        TaskResult result =
                Evaluator.of(model, OPTIONS.withLimit(4).withShots(2).withBatch(4000, 16))
                        .run(task("mmlu"), new TaskData(rows, dev, false));
        assertThat(result.items()).hasSize(3 + 4);
        assertThat(result.groups()).containsOnlyKeys("art", "law_one");
        double art = result.groups().get("art").get(0).value();
        double law = result.groups().get("law_one").get(0).value();
        assertThat(result.metric("acc,none").value())
                .isCloseTo((3 * art + 4 * law) / 7, within(1e-12));
        assertThat(result.metric("acc,none").items()).isEqualTo(7);
        String prompt = result.items().get(1).requests().get(0).context();
        assertThat(prompt)
                .startsWith(
                        "The following are multiple choice questions (with answers) about law"
                                + " one.\n\nD1\nA. a")
                .contains("Answer: B\n\nD3\n")
                .endsWith("Q1\nA. a\nB. b\nC. c\nD. d\nAnswer:");
        JsonNode json = new ObjectMapper().readTree(EvaluationJson.of(List.of(result), Map.of()));
        assertThat(json.at("/results/mmlu_art/acc,none").asDouble()).isEqualTo(art);
        assertThat(json.at("/groups/mmlu/acc,none").isNumber()).isTrue();
        assertThat(json.at("/group_subtasks/mmlu/1").asText()).isEqualTo("mmlu_law_one");
    }

    @Test
    void templatesWrapPromptsAndTakeTheSpaceAway() throws IOException {
        ChatTemplate template =
                ChatTemplate.of(
                        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
                                + "{% if add_generation_prompt %}<assistant>{% endif %}",
                        Map.of());
        Task piqa = task("piqa");
        Item shot = piqa.item(rows("{'goal':'s','sol1':'x','sol2':'y','label':1}").get(0));
        Item item = piqa.item(rows("{'goal':'g','sol1':'a','sol2':'b','label':0}").get(0));
        EvaluationOptions one = OPTIONS.withChat(true, false, "Be brief.");
        assertThat(new Prompts(piqa, one, template).requests(item, List.of(shot)))
                .startsWith(
                        new Request.LogLikelihood(
                                "<system>Be brief.<user>Question: s\nAnswer: y\n\nQuestion:"
                                        + " g\nAnswer:<assistant>",
                                "a"));
        EvaluationOptions turns = OPTIONS.withChat(true, true, "");
        assertThat(new Prompts(piqa, turns, template).requests(item, List.of(shot)).get(1))
                .isEqualTo(
                        new Request.LogLikelihood(
                                "<user>Question: s\nAnswer:<assistant>y<user>Question:"
                                        + " g\nAnswer:<assistant>",
                                "b"));
    }

    @Test
    void generatedAnswersAreCutFilteredAndLogged() throws IOException {
        Path yaml =
                Files.writeString(
                        folder.resolve("t.yaml"),
                        "task: t\ndoc_to_text: q\ndoc_to_target: a\n"
                                + "generation_kwargs: {until: [\"\\n\"], max_gen_toks: 6}\n");
        Task task = TaskFile.read(yaml).task();
        TaskData data = TaskData.of(rows("{'q':'Once upon','a':'x'}", "{'q':'A','a':'y'}"));
        TaskResult result = Evaluator.of(model, OPTIONS).run(task, data);
        TaskResult alone = Evaluator.of(model, OPTIONS.withBatch(1, 1)).run(task, data);
        assertThat(result.items().get(0).responses()).isEqualTo(alone.items().get(0).responses());
        assertThat(result.items().get(0).responses().get(0).text()).doesNotContain("\n");
        assertThat(result.metric("exact_match,none").value()).isZero();
        Path log = folder.resolve("samples.jsonl");
        EvaluationJson.writeSamples(result, log);
        JsonNode sample = new ObjectMapper().readTree(Files.readAllLines(log).get(1));
        assertThat(sample.get("doc_id").asInt()).isEqualTo(1);
        assertThat(sample.at("/doc/q").asText()).isEqualTo("A");
        assertThat(sample.at("/arguments/0/0").asText()).isEqualTo("A");
        assertThat(sample.at("/resps/0/0").asText())
                .isEqualTo(result.items().get(1).responses().get(0).text());
        assertThat(sample.at("/metrics/0").asText()).isEqualTo("exact_match");
        JsonNode json =
                new ObjectMapper()
                        .readTree(EvaluationJson.of(List.of(result), Map.of("model", "tiny")));
        assertThat(json.at("/results/t/exact_match,none").asDouble()).isZero();
        assertThat(json.at("/n-samples/t/effective").asInt()).isEqualTo(2);
        assertThat(json.at("/configs/t/generation_kwargs/max_gen_toks").asInt()).isEqualTo(6);
        assertThat(json.at("/config/model").asText()).isEqualTo("tiny");
    }
}
