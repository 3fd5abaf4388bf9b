package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskFileTest {

    private static final String CHOICE =
            """
            task: my_choice
            dataset_path: json
            dataset_kwargs:
              data_files:
                test: rows.jsonl
                train: shots.jsonl
            output_type: multiple_choice
            description: "About {{topic}}.\\n\\n"
            doc_to_text: "Q: {{ question.strip() }}\\nA:"
            doc_to_choice: "{{ [right, wrong] }}"
            doc_to_target: 0
            fewshot_delimiter: "\\n"
            num_fewshot: 1
            fewshot_config:
              sampler: first_n
              samples:
              - {topic: t, question: " s ", right: "it's", wrong: "\\"x\\""}
            metric_list:
            - metric: acc
            - metric: acc_norm
              aggregation: mean
              higher_is_better: true
            metadata:
              version: 2.5
            """;

    @TempDir Path folder;

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("task.yaml"), text);
    }

    private static Row row(String json) throws IOException {
        return new Row(new ObjectMapper().readTree(json.replace('\'', '"')), "rows, line 3");
    }

    @Test
    void aChoiceIsWrittenAsForTheHarness() throws IOException {
        TaskFile read = TaskFile.read(file(CHOICE));
        Task task = read.task();
        assertThat(read.data()).contains(folder.resolve("rows.jsonl"));
        assertThat(read.shots()).contains(folder.resolve("shots.jsonl"));
        assertThat(task.name()).isEqualTo("my_choice");
        assertThat(task.version()).isEqualTo(2.5);
        assertThat(task.metrics()).containsExactly("acc", "acc_norm");
        Item item = task.item(row("{'topic':'ice','question':' Why? ','right':'a','wrong':'b'}"));
        FewShot shots = new FewShot(task, List.of(), task.defaultShots(), false, 1);
        List<Request> requests =
                new Prompts(task, EvaluationOptions.defaults(), null)
                        .requests(item, shots.examples(item));
        assertThat(requests)
                .containsExactly(
                        new Request.LogLikelihood("About ice.\n\nQ: s\nA: it's\nQ: Why?\nA:", " a"),
                        new Request.LogLikelihood(
                                "About ice.\n\nQ: s\nA: it's\nQ: Why?\nA:", " b"));
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> task.item(row("{'topic':'ice','right':'a','wrong':'b'}")))
                .withMessageContaining("rows, line 3: \"question\" is missing");
    }

    @Test
    void aGenerationHasFiltersAndMatches() throws IOException {
        Task task =
                TaskFile.read(
                                file(
                                        """
                                        task: my_numbers
                                        output_type: generate_until
                                        doc_to_text: question
                                        doc_to_target: "{{ answer }}"
                                        generation_kwargs:
                                          until: ["\\n", "."]
                                          max_gen_toks: 12
                                          do_sample: false
                                        filter_list:
                                        - name: last
                                          filter:
                                          - function: regex
                                            regex_pattern: "(\\\\d+)"
                                            group_select: -1
                                          - function: take_first
                                        metric_list:
                                        - metric: exact_match
                                          ignore_case: true
                                          regexes_to_ignore: [","]
                                        """))
                        .task();
        assertThat(task.decoding()).isEqualTo(new Decoding(List.of("\n", "."), 12));
        Item item = task.item(row("{'question':'2+2?','answer':'1,4'}"));
        assertThat(task.filters().get(0).apply("3, then 14 of")).isEqualTo("14");
        assertThat(task.filters().get(0).apply("٣")).isEqualTo("٣");
        assertThat(task.filters().get(0).apply("none")).isEqualTo(AnswerFilter.INVALID);
        assertThat(task.answerMetrics().get(0).rule().score("14", (Item.Generation) item))
                .isEqualTo(1);
    }

    @Test
    void likelihoodsOfEndsAndOfDocuments() throws IOException {
        Task end =
                TaskFile.read(
                                file(
                                        "task: e\noutput_type: loglikelihood\ndoc_to_text: a\n"
                                                + "doc_to_target: \" {{b}}\"\n"))
                        .task();
        assertThat(end.item(row("{'a':'x','b':'y'}")))
                .isEqualTo(new Item.Continuation("", "", "x", " y"));
        Task whole =
                TaskFile.read(
                                file(
                                        "task: w\noutput_type: loglikelihood_rolling\n"
                                                + "doc_to_target: a\n"))
                        .task();
        assertThat(whole.item(row("{'a':'x y é'}")))
                .isEqualTo(new Item.Document("", "x y é", 3, 6));
    }

    @Test
    void mistakesAreNamed() throws IOException {
        assertRefused(CHOICE.replace("doc_to_choice", "doc_to_choices"), "doc_to_choices", "known");
        assertRefused(CHOICE.replace("metric: acc\n", "metric: bleu\n"), "bleu", "acc_norm");
        assertRefused(CHOICE.replace("first_n", "best"), "fewshot_config.sampler", "best");
        assertRefused(CHOICE.replace("multiple_choice", "choice"), "output_type", "generate_until");
        assertRefused(CHOICE.replace("{{ question.strip() }}", "{{ question"), "doc_to_text");
        assertRefused(CHOICE.replace("task: my_choice", "task: ../x"), "letters");
        assertRefused(
                CHOICE.replace("\"{{ [right, wrong] }}\"", "!function utils.choices"), "Python");
        assertRefused(CHOICE.replace("num_fewshot: 1", "num_fewshot: -1"), "num_fewshot");
        assertRefused(CHOICE.replace("right: \"it's\"", "right: \"\""), "samples 1", "empty");
        assertRefused("task: x\ntask: y\n", "line 2", "not YAML");
        assertRefused("- 1\n", "keys and values");
        assertRefused("task: [\n", "not YAML");
        assertRefused("", "keys and values");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> TaskFile.read(folder.resolve("none.yaml")))
                .withMessageContaining("does not exist");
    }

    private void assertRefused(String text, String... parts) throws IOException {
        Path file = file(text);
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> TaskFile.read(file))
                .satisfies(e -> assertThat(e.getMessage()).contains("task.yaml").contains(parts));
    }

    @Test
    void anExpressionThatNeverEndsIsStopped() throws IOException {
        PythonPattern slow = new PythonPattern("(.*a){20}$", "here");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> slow.findAll("a".repeat(60) + "b"))
                .withMessageContaining("takes too long");
        assertThat(new PythonPattern("(?P<n>\\d)", "here").findAll("1a2"))
                .containsExactly(List.of("1"), List.of("2"));
    }
}
