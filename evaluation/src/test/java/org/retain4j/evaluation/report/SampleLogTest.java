package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.evaluation.tasks.EvaluationJson;
import org.retain4j.evaluation.tasks.EvaluationOptions;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.Row;
import org.retain4j.evaluation.tasks.TaskData;
import org.retain4j.evaluation.tasks.TaskException;
import org.retain4j.evaluation.tasks.TaskResult;
import org.retain4j.evaluation.tasks.Tasks;

class SampleLogTest {

    @TempDir Path folder;

    private static TaskData rows(String... lines) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String line : lines) {
            rows.add(new Row(new ObjectMapper().readTree(line.replace('\'', '"')), "line"));
        }
        return TaskData.of(rows);
    }

    /** What was written says the same as what was measured. */
    @Test
    void readsWhatAnEvaluationWrites() throws IOException {
        List<TaskResult> results = new ArrayList<>();
        try (CausalLm model = Pretrained.load(Path.of("src/test/resources/golden/models/llama"))) {
            Evaluator evaluator =
                    Evaluator.of(model, EvaluationOptions.defaults().withBootstraps(0));
            results.add(
                    evaluator.run(
                            Tasks.find("piqa").orElseThrow(),
                            rows(
                                    "{'query':'Sleep','choices':['Go to bed.','Run'],'gold':0}",
                                    "{'query':'Eat','choices':['Fly.','Take food'],'gold':1}")));
            results.add(
                    evaluator.run(
                            Tasks.find("winogrande").orElseThrow(),
                            rows(
                                    "{'sentence':'The cat saw the dog and _ ran.','option1':'cat','option2':'dog','answer':'1'}")));
            results.add(
                    evaluator.run(
                            Tasks.find("lambada_openai").orElseThrow(),
                            rows("{'text':'Once upon a time there'}", "{'text':'I am here'}")));
            results.add(
                    evaluator.run(
                            Tasks.find("text").orElseThrow(), rows("{'text':'Once upon a time'}")));
        }
        for (TaskResult result : results) {
            EvaluationJson.writeSamples(
                    result, folder.resolve("samples_" + result.task().name() + ".jsonl"));
        }
        SampleLog measured = SampleLog.of(results);
        SampleLog read = SampleLog.read(folder);
        assertThat(read.answers()).containsExactlyInAnyOrderElementsOf(measured.answers());
        assertThat(read.scores()).hasSameSizeAs(measured.scores());
        for (TaskScores scores : measured.scores()) {
            TaskScores same =
                    read.scores().stream()
                            .filter(s -> s.key().equals(scores.key()))
                            .findFirst()
                            .orElseThrow();
            assertThat(same.higherIsBetter()).isEqualTo(scores.higherIsBetter());
            assertThat(same.items()).isEqualTo(scores.items());
        }
        assertThat(measured.answers())
                .anySatisfy(
                        item -> {
                            assertThat(item.task()).isEqualTo("piqa");
                            assertThat(item.question()).isEqualTo("Question: Sleep\nAnswer:");
                            assertThat(item.expected()).isEqualTo("Go to bed.");
                            assertThat(item.answer()).isIn("Go to bed.", "Run");
                        })
                .anySatisfy(
                        item -> {
                            assertThat(item.task()).isEqualTo("winogrande");
                            assertThat(item.expected()).isEqualTo("The cat saw the dog and cat");
                        });
    }

    /** The layout of lm-evaluation-harness 0.4.13, as its log_samples writes it. */
    @Test
    void readsSamplesOfTheHarness() throws IOException {
        String old =
                "{'doc_id':0,'doc':{},'target':'1','arguments':{'gen_args_0':{'arg_0':'Q: a','arg_1':' x'},"
                        + "'gen_args_1':{'arg_0':'Q: a','arg_1':' y'}},'resps':[[['-3.0','False']],[['-2.0','False']]],"
                        + "'filtered_resps':[['-3.0','False'],['-2.0','False']],'filter':'none',"
                        + "'metrics':['acc','acc_norm'],'acc':1.0,'acc_norm':0.0}";
        Files.writeString(
                folder.resolve("samples_arc_easy_2026-01-01T00-00-00.5.jsonl"),
                old.replace("'acc':1.0", "'acc':0.0").replace('\'', '"') + "\n");
        Files.writeString(
                folder.resolve("samples_arc_easy_2026-02-01T00-00-00.5.jsonl"),
                old.replace('\'', '"') + "\n");
        Files.writeString(
                folder.resolve("samples_wikitext_2026-02-01T00-00-00.5.jsonl"),
                "{\"doc_id\":3,\"target\":\"t\",\"arguments\":{},\"filtered_resps\":[-693.0],\"filter\":\"none\","
                        + "\"metrics\":[\"word_perplexity\",\"bits_per_byte\"],\"word_perplexity\":[-693.0,50],"
                        + "\"bits_per_byte\":[-693.1471805599453,1000]}\n");
        SampleLog log = SampleLog.read(folder);
        assertThat(log.scores().stream().map(TaskScores::key))
                .containsExactlyInAnyOrder(
                        "arc_easy acc", "arc_easy acc_norm", "wikitext bits_per_byte");
        assertThat(log.scores().get(0).value()).isEqualTo(1);
        TaskScores bits = log.scores().get(2);
        assertThat(bits.value()).isCloseTo(1, within(1e-12));
        assertThat(bits.higherIsBetter()).isFalse();
        assertThat(log.answers())
                .containsExactly(new AnsweredItem("arc_easy", "0", "Q: a", "y", "y", true));
    }

    @Test
    void lostItemsAreThoseRightBeforeAndWrongNow() {
        AnsweredItem right = new AnsweredItem("t", "1", "q", "e", "e", true);
        AnsweredItem wrong = new AnsweredItem("t", "1", "q", "e", "f", false);
        assertThat(AnsweredItem.lost("m", List.of(right), List.of(wrong)))
                .containsExactly(new AnswerChange("m", "t", "1", "q", "e", "e", "f"));
        assertThat(AnsweredItem.lost("m", List.of(wrong), List.of(right))).isEmpty();
        assertThat(AnsweredItem.lost("m", List.of(right), List.of(right))).isEmpty();
    }

    @Test
    void foldersWithoutSamplesAndDamagedOnesAreNamed() throws IOException {
        assertThat(SampleLog.isIn(folder)).isFalse();
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> SampleLog.read(folder))
                .withMessageContaining("--log-samples");
        Path file = folder.resolve("samples_piqa.jsonl");
        for (String bad :
                List.of(
                        "{}",
                        "{\"doc_id\":\"x\",\"metrics\":[]}",
                        "{\"doc_id\":1,\"metrics\":[\"bits_per_byte\"],\"bits_per_byte\":[1,0]}",
                        "{\"doc_id\":1,\"metrics\":[\"acc\"],\"acc\":1}\n{\"doc_id\":1,\"metrics\":[\"acc\"],\"acc\":1}")) {
            Files.writeString(file, bad + "\n");
            assertThatExceptionOfType(TaskException.class)
                    .as(bad)
                    .isThrownBy(() -> SampleLog.read(folder))
                    .withMessageContaining("piqa");
        }
    }
}
