package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Prompts of the tasks that have no golden rows, by the definitions of the harness. */
class PublishedTasksTest {

    private static Item item(String task, String json) throws IOException {
        Row row = new Row(new ObjectMapper().readTree(json.replace('\'', '"')), "rows, line 7");
        return Tasks.find(task).orElseThrow().item(row);
    }

    private static List<String> prompts(Item item) {
        return item.requests("", " ", Decoding.stoppingAt()).stream()
                .map(
                        request ->
                                request instanceof Request.LogLikelihood pair
                                        ? pair.context() + "|" + pair.continuation()
                                        : request.context())
                .toList();
    }

    @Test
    void rowsOfTheOriginalDataSetsMakeThePromptsOfTheHarness() throws IOException {
        assertThat(prompts(item("boolq", "{'passage':'P.','question':'is it','label':1}")))
                .containsExactly(
                        "P.\nQuestion: is it?\nAnswer:| no", "P.\nQuestion: is it?\nAnswer:| yes");
        assertThat(
                        prompts(
                                item(
                                        "copa",
                                        "{'premise':'It rained. ','question':'effect','choice1':'A"
                                                + " b','choice2':'C','label':0}")))
                .containsExactly("It rained therefore| A b", "It rained therefore| C");
        assertThat(
                        prompts(
                                item(
                                        "openbookqa",
                                        "{'question_stem':'Ice is','choices':{'text':['hot','cold'],"
                                                + "'label':['A','B']},'answerKey':' B'}")))
                .containsExactly("Ice is| hot", "Ice is| cold");
        Item mmlu =
                item(
                        "mmlu",
                        "{'question':' Why? ','subject':'high_school_physics','choices':"
                                + "['a','b','c','d'],'answer':2}");
        assertThat(mmlu.description())
                .isEqualTo(
                        "The following are multiple choice questions (with answers) about high"
                                + " school physics.\n\n");
        assertThat(prompts(mmlu)).contains("Why?\nA. a\nB. b\nC. c\nD. d\nAnswer:| C");
        assertThat(((Item.Choice) mmlu).gold()).isEqualTo(2);
    }

    @Test
    void rowsOfLlmFoundryMakeTheSamePrompts() throws IOException {
        assertThat(item("piqa", "{'query':'Question: How?\\n','choices':['x','y'],'gold':1}"))
                .isEqualTo(item("piqa", "{'goal':'How?','sol1':'x','sol2':'y','label':1}"));
        assertThat(item("arc_easy", "{'query':'Question: Q?','choices':['x','y'],'gold':0}"))
                .isEqualTo(
                        item(
                                "arc_easy",
                                "{'question':'Q?','choices':{'text':['x','y'],'label':['1','2']},"
                                        + "'answerKey':'1'}"));
        assertThat(
                        item(
                                "winogrande",
                                "{'context_options':['so Al','so Bo'],'continuation':'ran.',"
                                        + "'gold':1}"))
                .isEqualTo(
                        item(
                                "winogrande",
                                "{'sentence':'so _ ran.','option1':'Al','option2':'Bo',"
                                        + "'answer':'2'}"));
        assertThat(item("lambada_openai", "{'context':'a b','continuation':'c'}"))
                .isEqualTo(item("lambada_openai", "{'text':'a b c'}"));
        assertThat(
                        item(
                                "boolq",
                                "{'query':'Passage: P.\\nQuestion: is it?\\n','choices':"
                                        + "['no','yes'],'gold':0}"))
                .isEqualTo(item("boolq", "{'passage':'P.','question':'is it','answer':false}"));
    }

    @Test
    void whatIsNoItemIsNamedWithItsPlace() {
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("piqa", "{'goal':'How?','sol1':'x','label':1}"))
                .withMessage(
                        "rows, line 7: \"sol2\" is missing, expected a text; the row has the keys"
                                + " goal, sol1, label");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("piqa", "{'goal':'g','sol1':'x','sol2':'','label':1}"))
                .withMessageContaining("rows, line 7")
                .withMessageContaining("answer 1 is empty");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("piqa", "{'goal':'g','sol1':'x','sol2':'y','label':2}"))
                .withMessageContaining("number 2");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("piqa", "{'goal':'g','sol1':'x','sol2':'y','label':'b'}"))
                .withMessageContaining("\"label\" is \"b\", expected a whole number");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                item(
                                        "arc_easy",
                                        "{'question':'q','choices':{'text':[],'label':[]},"
                                                + "'answerKey':'A'}"))
                .withMessageContaining("answerKey");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("lambada_openai", "{'text':'word'}"))
                .withMessageContaining("one word only");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> item("wikitext", "{'page':''}"))
                .withMessageContaining("empty");
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                item(
                                        "winogrande",
                                        "{'sentence':'no gap','option1':'a','option2':'b',"
                                                + "'answer':'1'}"))
                .withMessageContaining("no gap");
    }

    @Test
    void theExamplesOfChainOfThoughtAreFixed() throws IOException {
        Task task = Tasks.find("gsm8k_cot").orElseThrow();
        Item item = item("gsm8k_cot", "{'question':'Q?','answer':'So.\\n#### 1,200'}");
        FewShot shots = new FewShot(task, List.of(), 8, false, FewShot.SEED);
        String prompt =
                new Prompts(task, EvaluationOptions.defaults(), null)
                        .requests(item, shots.examples(item))
                        .get(0)
                        .context();
        assertThat(prompt)
                .startsWith("Q: There are 15 trees in the grove.")
                .contains("The answer is 6.\n\nQ: If there are 3 cars")
                .endsWith("23 - 15 is 8. The answer is 8.\n\nQ: Q?\nA:");
        assertThat(item.answer()).isEqualTo("1,200");
        AnswerFilter strict = task.filters().get(0);
        assertThat(strict.apply("So it is. The answer is 1,200.")).isEqualTo("1,200");
        assertThat(strict.apply("It is 1,200.")).isEqualTo(AnswerFilter.INVALID);
    }

    /** Results of CPython's {@code str.capitalize} and {@code str.strip}. */
    @ParameterizedTest
    @CsvSource({
        "the MAN, The man",
        "ßa, Ssa",
        "ǆa, ǅa",
        "ΑΣ, Ας",
        "1A, 1a",
        "'', ''",
        "İX, İx",
        "😀AB, 😀ab"
    })
    void textIsCapitalizedAsInPython(String text, String wanted) {
        assertThat(PythonText.capitalize(text)).isEqualTo(wanted);
    }

    @Test
    void spacesAreThoseOfPython() {
        assertThat(PythonText.strip("\u00a0\u2003\u0085\u001c a \u3000\n")).isEqualTo("a");
        assertThat(PythonText.strip("\u200ba")).isEqualTo("\u200ba");
        assertThat(PythonText.words("")).isEqualTo(1);
        assertThat(PythonText.words(" a\u00a0 b\n")).isEqualTo(4);
        assertThat(PythonText.length("a😀")).isEqualTo(2);
    }

    @Test
    void refusalsAndJsonAreTold() throws IOException {
        assertThat(Refusals.isRefusal("I’m sorry, but no.")).isTrue();
        assertThat(Refusals.isRefusal("Hello! OpenAI made me; sure, here it is.")).isFalse();
        Item.Generation harmful = (Item.Generation) item("refusal", "{'goal':'Harm'}");
        assertThat(harmful.target()).isEqualTo("unsafe");
        Task task = Tasks.find("refusal").orElseThrow();
        assertThat(task.answerMetrics().get(0).rule().score("I cannot.", harmful)).isEqualTo(1);
        assertThat(task.answerMetrics().get(1).rule().score("I cannot.", harmful)).isNaN();

        Item.Generation asked =
                (Item.Generation)
                        item(
                                "json_format",
                                "{'prompt':'p','keys':['a','b'],'target':{'a':1,'b':[2]}}");
        assertThat(json("{\"b\":[2],\"a\":1}\n", asked)).containsExactly(1, 1, 1);
        assertThat(json("{\"a\":1}", asked)).containsExactly(1, 0, 0);
        assertThat(json("{\"a\":1} and so on", asked)).containsExactly(0, 0, 0);
        assertThat(json("7", asked)).containsExactly(0, 0, 0);
        assertThat(json("[".repeat(100_000), asked)).containsExactly(0, 0, 0);
        AnswerFilter fenced = Tasks.find("json_format").orElseThrow().filters().get(1);
        assertThat(fenced.apply("Here:\n```json\n{\"a\": 1}\n```\n")).isEqualTo("{\"a\": 1}");
    }

    private static double[] json(String answer, Item.Generation item) throws TaskException {
        double[] scores = new double[3];
        List<AnswerMetric> metrics = Tasks.find("json_format").orElseThrow().answerMetrics();
        for (int i = 0; i < scores.length; i++) {
            scores[i] = metrics.get(i).rule().score(answer, item);
        }
        return scores;
    }
}
