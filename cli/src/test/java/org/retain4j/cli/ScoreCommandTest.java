package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import picocli.CommandLine;

/** Every kind of line, in order, and every mistake by file, line and key. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ScoreCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private CausalLm model;

    @BeforeAll
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterAll
    void close() {
        model.close();
    }

    private static Invocation run(String standardInput, String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        byte[] bytes = standardInput.getBytes(StandardCharsets.UTF_8);
        ScoreCommand command = new ScoreCommand(console, new ByteArrayInputStream(bytes));
        Failures failures = new Failures(console);
        int exit =
                new CommandLine(command)
                        .setParameterExceptionHandler(failures)
                        .setExecutionExceptionHandler(failures)
                        .execute(args);
        return new Invocation(exit, out.toString(), err.toString());
    }

    /** Scores lines with the embedded model. */
    private static Invocation score(String lines, String... options) {
        List<String> args =
                new ArrayList<>(List.of("--model", Pretrained.EMBEDDED, "--input", "-"));
        args.addAll(List.of(options));
        return run(lines, args.toArray(String[]::new));
    }

    private static List<JsonNode> results(Invocation run) throws IOException {
        assertThat(run.exit()).as(run.err()).isZero();
        List<JsonNode> all = new ArrayList<>();
        for (String line : run.out().lines().toList()) {
            all.add(JSON.readTree(line));
        }
        return all;
    }

    private static JsonNode result(String line, String... options) throws IOException {
        List<JsonNode> all = results(score(line, options));
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private static int[] ids(JsonNode result) {
        JsonNode ids = result.get("ids");
        return IntStream.range(0, ids.size()).map(i -> ids.get(i).asInt()).toArray();
    }

    private void requireScores(JsonNode result, int[] ids, int context) {
        assertThat(ids(result)).isEqualTo(ids);
        double[] alone = model.tokenLogProbs(TokenBatch.of(ids))[0];
        assertThat(result.get("logprobs")).hasSize(ids.length - 1);
        double sum = 0;
        for (int t = 1; t < ids.length; t++) {
            assertThat(result.get("logprobs").get(t - 1).asDouble())
                    .isCloseTo(alone[t], within(1e-5));
            sum += t >= context ? alone[t] : 0;
        }
        assertThat(result.get("sum").asDouble()).isCloseTo(sum, within(1e-4));
    }

    @Test
    void textHasTheTokenizersSpecialTokensAndCountsWhole() throws IOException {
        JsonNode result = result("{\"text\": \"Once upon a t\u00efme\"}");
        requireScores(result, model.tokenizer().encode("Once upon a t\u00efme"), 0);
        assertThat(result.get("bytes").asInt()).isEqualTo(17);
        assertThat(result.fieldNames())
                .toIterable()
                .containsExactly("ids", "logprobs", "sum", "greedy", "bytes");
        JsonNode bare = result("{\"text\": \"Once upon\"}", "--no-special-tokens");
        requireScores(bare, model.tokenizer().encode("Once upon", false), 0);
    }

    @Test
    void aContinuationCountsAlone() throws IOException {
        JsonNode result = result("{\"context\": \"Once upon a \", \"continuation\": \"time\"}");
        int context = model.tokenizer().encode("Once upon a").length;
        requireScores(result, model.tokenizer().encode("Once upon a time"), context);
        // the space has moved
        assertThat(result.get("bytes").asInt()).isEqualTo(5);
        assertThat(result.get("greedy").asBoolean()).isTrue();
        JsonNode other = result("{\"context\": \"Once upon a \", \"continuation\": \"tree\"}");
        assertThat(other.get("greedy").asBoolean()).isFalse();
        assertThat(other.get("sum").asDouble()).isLessThan(result.get("sum").asDouble());
    }

    @Test
    void idsAreScoredAsTheyAre() throws IOException {
        int[] ids = model.tokenizer().encode("Once upon a time", true);
        String list = Arrays.toString(ids);
        JsonNode whole = result("{\"ids\": " + list + "}");
        requireScores(whole, ids, 0);
        assertThat(whole.get("bytes").asInt()).isEqualTo("Once upon a time".length());
        int context = model.tokenizer().encode("Once upon", true).length;
        JsonNode rest = result("{\"ids\": " + list + ", \"context_length\": " + context + "}");
        requireScores(rest, ids, context);
        assertThat(rest.get("bytes").asInt()).isEqualTo(" a time".length());
    }

    @Test
    void anOutputLineIsAnInputLine() throws IOException {
        Invocation first = score("{\"text\": \"Once upon a time\"}");
        assertThat(results(score(first.out())).get(0).get("logprobs"))
                .isEqualTo(results(first).get(0).get("logprobs"));
    }

    @Test
    void rowsWithoutPredictionAreEmpty() throws IOException {
        List<JsonNode> results = results(score("{\"ids\": []}\n{\"ids\": [5]}\n"));
        for (JsonNode result : results) {
            assertThat(result.get("logprobs")).isEmpty();
            assertThat(result.get("sum").asDouble()).isZero();
            assertThat(result.get("greedy").asBoolean()).isTrue();
            assertThat(result.get("bytes").asInt()).isZero();
        }
        assertThat(results).hasSize(2);
    }

    @Test
    void messagesGoThroughTheChatTemplate() throws IOException {
        Path chat = folder.resolve("chat");
        model.save(chat);
        Files.writeString(
                chat.resolve("chat_template.jinja"),
                "{% for m in messages %}{{ m.role }}: {{ m.content }}. {% endfor %}");
        String line = "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}";
        Invocation run = run(line, "--model", chat.toString(), "--input", "-");
        JsonNode result = results(run).get(0);
        String text = "user: hello. ";
        requireScores(result, model.tokenizer().encode(text, false), 0);
        assertThat(result.get("bytes").asInt()).isEqualTo(text.length());
    }

    @Test
    void resultsKeepTheOrderAndTheIdsOfTheirLines() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            lines.append("{\"id\": \"row ").append(i).append("\", \"text\": \"");
            lines.append("a dog ".repeat(i * 5 % 12 + 1)).append("\"}\n\n");
        }
        for (String[] options :
                new String[][] {{}, {"--batch-tokens", "1"}, {"--batch-size", "2"}}) {
            List<JsonNode> results = results(score(lines.toString(), options));
            assertThat(results).hasSize(12);
            for (int i = 0; i < 12; i++) {
                JsonNode result = results.get(i);
                assertThat(result.get("id").asText()).isEqualTo("row " + i);
                String text = "a dog ".repeat(i * 5 % 12 + 1);
                requireScores(result, model.tokenizer().encode(text), 0);
            }
        }
        assertThat(result("{\"id\": 7, \"ids\": [1, 2]}").get("id").isInt()).isTrue();
    }

    @Test
    void aFileIsWrittenWhenAllIsDone() throws IOException {
        Path input = folder.resolve("in.jsonl");
        Path output = folder.resolve("out.jsonl");
        Files.writeString(input, "{\"text\": \"a\"}\n{\"text\": \"b\", \"id\": 2}\n");
        Invocation run =
                run(
                        "",
                        "--model",
                        Pretrained.EMBEDDED,
                        "--input",
                        input.toString(),
                        "--output",
                        output.toString());
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).isEmpty();
        assertThat(Files.readAllLines(output)).hasSize(2);
        assertThat(run.err()).contains("scored 2 rows").contains("tokens/s").contains("perplexity");

        Files.writeString(input, "{\"text\": \"a\"}\n{\"text\": 2}\n");
        String before = Files.readString(output);
        Invocation failed =
                run(
                        "",
                        "--model",
                        Pretrained.EMBEDDED,
                        "--input",
                        input.toString(),
                        "--output",
                        output.toString());
        assertThat(failed.exit()).isEqualTo(1);
        assertThat(failed.err()).contains(input + ", line 2, text: is not a string");
        assertThat(Files.readString(output)).isEqualTo(before);
        try (var files = Files.list(folder)) {
            assertThat(files.map(Path::toString)).noneMatch(name -> name.endsWith(".tmp"));
        }
    }

    @Test
    void theSummaryHasThePerplexityOfWhatCounts() throws IOException {
        Invocation run = score("{\"ids\": [1, 5, 9], \"context_length\": 2}");
        double sum = results(run).get(0).get("sum").asDouble();
        assertThat(run.err())
                .contains("scored 1 rows, 3 tokens")
                .contains("perplexity %.4f per token over 1 ".formatted(Math.exp(-sum)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[1] | the line is not a JSON object",
                "{\"text\": \"a\"} {} | column 15 is not JSON as expected",
                "{\"text\": | is not JSON as expected",
                "{\"text\": \"a\", \"text\": \"b\"} | Duplicate",
                "{} | keys: found none, expected \"ids\", \"text\"",
                "{\"txt\": \"a\"} | keys: found txt, expected",
                "{\"text\": \"a\", \"ids\": [1]} | ids: stands beside text",
                "{\"text\": null} | text: is not a string",
                "{\"text\": \"a\", \"id\": []} | id: is an array or object",
                "{\"context\": \"a\"} | continuation: is missing",
                "{\"continuation\": \"a\"} | context: is missing",
                "{\"context\": \"a\", \"continuation\": \"\"} | continuation: the continuation"
                        + " adds",
                "{\"ids\": 5} | ids: is not an array",
                "{\"ids\": [1, \"2\"]} | ids[1]: is not a token id",
                "{\"ids\": [1, 2.0]} | ids[1]: is not a token id",
                "{\"ids\": [1, 99999999999]} | ids[1]: is not a token id",
                "{\"ids\": [1, -4]} | ids: token 1 has the id -4",
                "{\"ids\": [512]} | expected 0 to 511",
                "{\"ids\": [1, 2], \"context_length\": 3} | context_length: must be",
                "{\"ids\": [1, 2], \"context_length\": -1} | from 0 to 2",
                "{\"messages\": []} | messages: ",
            })
    void aBadLineIsNamedWithItsKey(String line, String reason) throws IOException {
        Invocation run = score("{\"ids\": [1, 2]}\n\n" + line + "\n");
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).contains("standard input, line 3, ").contains(reason);

        Invocation skipped =
                score("{\"ids\": [1, 2]}\n\n" + line + "\n{\"ids\": [3, 4]}\n", "--skip-errors");
        List<JsonNode> results = results(skipped);
        assertThat(results).hasSize(3);
        assertThat(results.get(0).get("error")).isNull();
        assertThat(results.get(1).get("error").asText()).contains("line 3, ").contains(reason);
        assertThat(results.get(1).get("logprobs")).isNull();
        assertThat(ids(results.get(2))).containsExactly(3, 4);
        assertThat(skipped.err()).contains("scored 2 rows").contains("skipped 1 bad lines");
    }

    @Test
    void aSkippedLineKeepsItsId() throws IOException {
        JsonNode result = result("{\"id\": \"x\", \"text\": 1}", "--skip-errors");
        assertThat(result.fieldNames()).toIterable().containsExactly("id", "error");
        assertThat(result.get("id").asText()).isEqualTo("x");
    }

    @Test
    void deepNestingAndHostileSizesAreBadLines() {
        String deep = "{\"messages\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}";
        String many = "{\"messages\": [" + "{},".repeat(1_500_000) + "{}]}";
        String text = "{\"text\": \"" + "x".repeat(1_000_000) + "\"}";
        String number = "{\"ids\": [" + "9".repeat(100_000) + "]}";
        for (String line : List.of(deep, many, text, number)) {
            Invocation run = score(line);
            assertThat(run.exit()).isEqualTo(1);
            assertThat(run.err()).contains("standard input, line 1, ");
            assertThat(run.err()).hasSizeLessThan(600);
        }
    }

    @Test
    void aRowThatIsTooLongIsRefusedOrCutOnTheLeft() throws IOException {
        int positions = model.spec().maxPositions();
        int[] ids = new int[positions + 3];
        Arrays.setAll(ids, i -> 3 + i % 500);
        String row = "{\"ids\": " + Arrays.toString(ids);
        Invocation refused = score(row + "}");
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err())
                .contains("line 1, ids: " + (positions + 3) + " tokens")
                .contains("--truncate left");

        Invocation run = score(row + "}", "--truncate", "left");
        JsonNode cut = results(run).get(0);
        assertThat(ids(cut)).isEqualTo(Arrays.copyOfRange(ids, 3, ids.length));
        assertThat(cut.get("cut").asInt()).isEqualTo(3);
        assertThat(run.err()).contains("cut 3 tokens off the left of 1 rows");

        JsonNode context =
                result(row + ", \"context_length\": " + positions + "}", "--truncate", "left");
        requireScores(context, Arrays.copyOfRange(ids, 3, ids.length), positions - 3);

        Invocation counted = score(row + ", \"context_length\": 2}", "--truncate", "left");
        assertThat(counted.exit()).isEqualTo(1);
        assertThat(counted.err()).contains("tokens that count");
    }

    @Test
    void theBytesOfACutTextAreThoseOfWhatIsLeft() throws IOException {
        String text = "a dog ".repeat(model.spec().maxPositions());
        JsonNode result = result("{\"text\": \"" + text + "\"}", "--truncate", "left");
        int cut = result.get("cut").asInt();
        assertThat(cut).isGreaterThan(100);
        int tokens = model.tokenizer().encode(text).length;
        assertThat(ids(result)).hasSize(tokens - cut).hasSize(model.spec().maxPositions());
        assertThat(result.get("bytes").asInt()).isPositive().isLessThan(text.length());
    }

    @ParameterizedTest
    @CsvSource({
        "--batch-size,0,at least 1",
        "--batch-tokens,-3,at least 1",
        "--truncate,right,must be left",
        "--precision,f8,unknown precision"
    })
    void aMistakeIsWrongUsage(String option, String value, String reason) {
        Invocation run = score("{\"text\": \"a\"}", option, value);
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(reason);
    }

    @Test
    void inputAndOutputAreCheckedFirst() throws IOException {
        Invocation missing =
                run("", "--model", "nowhere", "--input", folder.resolve("no").toString());
        assertThat(missing.exit()).isEqualTo(2);
        assertThat(missing.err()).contains("--input: ").contains("does not exist");
        Path file = Files.writeString(folder.resolve("same.jsonl"), "{\"text\": \"a\"}");
        Invocation same =
                run(
                        "",
                        "--model",
                        "nowhere",
                        "--input",
                        file.toString(),
                        "--output",
                        file.toString());
        assertThat(same.exit()).isEqualTo(2);
        assertThat(same.err()).contains("the same file");
        Invocation target =
                run(
                        "",
                        "--model",
                        "nowhere",
                        "--input",
                        file.toString(),
                        "--output",
                        folder.resolve("no/where").toString());
        assertThat(target.exit()).isEqualTo(1);
        assertThat(target.err()).contains("create this folder first");
    }
}
