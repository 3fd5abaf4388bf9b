package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExampleReaderTest {

    @TempDir Path folder;

    /** Everything that a reader finds, with its lines. */
    private static final class Found implements ExampleReader.Visitor {
        private final List<Example> examples = new ArrayList<>();
        private final List<Long> lines = new ArrayList<>();
        private final List<String> files = new ArrayList<>();
        private final List<Problem> problems = new ArrayList<>();

        @Override
        public void example(Example example, Path file, long line) {
            examples.add(example);
            lines.add(line);
            files.add(file.getFileName().toString());
        }

        @Override
        public void problem(Problem problem) {
            problems.add(problem);
        }
    }

    private static Found read(ExampleReader reader) throws IOException {
        Found found = new Found();
        reader.forEach(found);
        return found;
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Example one(String row) throws IOException {
        Found found = read(ExampleReader.of(file("one.jsonl", row)));
        assertThat(found.problems).isEmpty();
        assertThat(found.examples).hasSize(1);
        return found.examples.get(0);
    }

    private Example.Conversation chat(String row) throws IOException {
        return (Example.Conversation) one(row);
    }

    @Test
    void everyFormatIsToldByItsKeys() throws IOException {
        assertThat(one("{\"text\":\"a b\"}")).isEqualTo(new Example.Text("a b"));
        assertThat(one("{\"prompt\":\"\",\"completion\":\"b\",\"id\":7}"))
                .isEqualTo(new Example.Completion("", "b"));
        assertThat(one("{\"instruction\":\"i\",\"input\":\"\",\"output\":\"o\",\"text\":\"all\"}"))
                .isEqualTo(new Example.Instruction("i", "", "o", null, List.of()));
        assertThat(one("{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}"))
                .isInstanceOf(Example.Conversation.class);
        assertThat(one("{\"conversations\":[{\"from\":\"gpt\",\"value\":\"x\"}]}"))
                .isInstanceOf(Example.Conversation.class);
        assertThat(one("{\"input_ids\":[1,2]}")).isInstanceOf(Example.Tokens.class);
    }

    @Test
    void weightsOfMessagesAreTakenOutAndHeeded() throws IOException {
        Example.Conversation chat =
                chat(
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                                + "{\"role\":\"assistant\",\"content\":\"\",\"weight\":0},"
                                + "{\"role\":\"user\",\"content\":\"r\",\"weight\":1},"
                                + "{\"role\":\"assistant\",\"content\":\"b\",\"weight\":1.0}]}");
        assertThat(chat.counts()).containsExactly(false, false, false, true);
        assertThat(chat.messages()).noneMatch(message -> message.containsKey("weight"));
    }

    @Test
    void toolsAreKeptAndArgumentsBecomeObjects() throws IOException {
        Example.Conversation chat =
                chat(
                        "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
                                + "[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":"
                                + "\"{\\\"x\\\":1}\"}}]}],"
                                + "\"tools\":[{\"type\":\"function\",\"function\":{}}]}");
        assertThat(chat.tools()).hasToString("[{type=function, function={}}]");
        assertThat(chat.messages().get(0).get("tool_calls"))
                .hasToString("[{id=1, function={name=f, arguments={x=1}}}]");
    }

    @Test
    void shareGptBecomesMessages() throws IOException {
        Example.Conversation chat =
                chat(
                        "{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},"
                                + "{\"from\":\"function_call\",\"value\":"
                                + "\"{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{}}\"},"
                                + "{\"from\":\"observation\",\"value\":\"42\"},"
                                + "{\"from\":\"gpt\",\"value\":\"a\"}],"
                                + "\"system\":\"s\",\"tools\":\"[{\\\"name\\\":\\\"f\\\"}]\"}");
        assertThat(chat.messages().stream().<Object>map(m -> m.get("role")))
                .containsExactly("system", "user", "assistant", "tool", "assistant");
        assertThat(chat.counts()).containsExactly(false, false, true, false, true);
        assertThat(chat.messages().get(2).get("tool_calls"))
                .isEqualTo(
                        List.of(
                                Map.of(
                                        "type",
                                        "function",
                                        "function",
                                        Map.of("name", "f", "arguments", Map.of()))));
        assertThat(chat.tools())
                .isEqualTo(List.of(Map.of("type", "function", "function", Map.of("name", "f"))));
    }

    @Test
    void turnsOfAConversationalPromptDoNotCount() throws IOException {
        Example.Conversation chat =
                chat(
                        "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"},"
                                + "{\"role\":\"assistant\",\"content\":\"old\"},"
                                + "{\"role\":\"user\",\"content\":\"r\"}],"
                                + "\"completion\":[{\"role\":\"assistant\",\"content\":\"new\"}]}");
        assertThat(chat.counts()).containsExactly(false, false, false, true);
    }

    @Test
    void alpacaHasHistoryAndSystem() throws IOException {
        Example.Instruction row =
                (Example.Instruction)
                        one(
                                "{\"instruction\":\"i\",\"input\":\"x\",\"output\":\"o\","
                                        + "\"system\":\"s\",\"history\":[[\"u\",\"v\"]]}");
        Example.Conversation chat = row.asConversation();
        assertThat(chat.messages().stream().<Object>map(m -> m.get("content")))
                .containsExactly("s", "u", "v", "i\nx", "o");
        assertThat(chat.counts()).containsExactly(false, false, true, false, true);
    }

    @Test
    void tokenisedRowsLosePaddingAndKeepLabels() throws IOException {
        Example.Tokens row =
                (Example.Tokens)
                        one(
                                "{\"input_ids\":[0,5,6,7,0],\"attention_mask\":[0,1,1,1,0],"
                                        + "\"labels\":[-100,5,-100,7,-100]}");
        assertThat(row.ids()).containsExactly(5, 6, 7);
        assertThat(row.weights()).containsExactly(0, 0, 1);
        Example.Tokens masked =
                (Example.Tokens) one("{\"input_ids\":[5,6,7],\"completion_mask\":[0,1,0]}");
        assertThat(masked.weights()).containsExactly(0, 1, 0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"text\":\"\"}|\"text\" is empty",
                "{\"text\":5}|\"text\" is a number, expected a text",
                "{\"text\":null}|\"text\" is missing",
                "[1]|expected a JSON object",
                "7|the row is a number",
                "{\"foo\":1}|the keys [foo], which are those of no format",
                "{\"conversations\":[],\"chosen\":{},\"rejected\":{}}|preferences",
                "{\"chosen\":\"a\",\"rejected\":\"b\"}|preferences",
                "{\"prompt\":\"a\",\"completion\":\"\"}|\"completion\" is empty",
                "{\"prompt\":3,\"completion\":\"b\"}|\"prompt\" is a number",
                "{\"prompt\":[],\"completion\":\"b\"}|\"completion\" is a text, expected a list",
                "{\"messages\":[]}|has no messages",
                "{\"messages\":{}}|\"messages\" is an object, expected a list of messages",
                "{\"messages\":[3]}|\"messages\" entry 0 is a number",
                "{\"messages\":[{\"content\":\"x\"}]}|entry 0 has no text \"role\"",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}|no turn of an assistant",
                "{\"messages\":[{\"role\":\"user\"}]}|entry 0 (user) has no content",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}]}|(assistant) has no content",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":5}]}|has as content a number",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"weight\":2}]}|weight 2",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"weight\":\"1\"}]}|weight 1, expected 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"weight\":0}]}|that counts",
                "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}|no text; only",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"tools\":5}|\"tools\" is a number",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"tools\":\"[\"}|is not JSON",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"tools\":[1]}|holds a number",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}],\"chat_template_kwargs\":1}|kwargs",
                "{\"conversations\":[{\"from\":\"gpt\"}]}|entry 0 has no texts \"from\" and \"value\"",
                "{\"conversations\":[{\"from\":\"elf\",\"value\":\"x\"}]}|is from \"elf\"",
                "{\"conversations\":[1]}|entry 0 is a number",
                "{\"conversations\":[{\"from\":\"function_call\",\"value\":\"x\"}]}|is not JSON",
                "{\"conversations\":[{\"from\":\"function_call\",\"value\":\"[1]\"}]}|function call",
                "{\"instruction\":\"\",\"output\":\"o\"}|\"instruction\" is empty",
                "{\"instruction\":\"i\",\"output\":\"\"}|\"output\" is empty",
                "{\"instruction\":\"i\",\"output\":\"o\",\"input\":[]}|\"input\" is a list",
                "{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[\"a\"]]}|entry 0 is no pair",
                "{\"instruction\":\"i\",\"output\":\"o\",\"history\":5}|\"history\" is a number",
                "{\"input_ids\":[1]}|has 1 tokens",
                "{\"input_ids\":\"1 2\"}|expected a list of integers",
                "{\"input_ids\":[1,-2]}|holds -2 at position 1",
                "{\"input_ids\":[1,2.5]}|holds 2.5 at position 1",
                "{\"input_ids\":[1,99999999999]}|holds 99999999999",
                "{\"input_ids\":[1,2],\"labels\":[1]}|\"labels\" has 1 entries, expected 2",
                "{\"input_ids\":[1,2],\"labels\":[1,3]}|\"labels\" is 3 at position 1",
                "{\"input_ids\":[1,2],\"attention_mask\":[1,2]}|is 2 at position 1, expected 0 or 1",
                "{\"input_ids\":[1,2,3],\"attention_mask\":[1,0,1]}|between tokens",
                "{\"input_ids\":[1,2],\"attention_mask\":[0,0]}|has 0 tokens",
                "{\"input_ids\":[1,2],\"seq_lengths\":[1,1]}|packed already",
                "{\"text\":\"a\"|not valid JSON",
                "{\"text\":\"a\"}{\"text\":\"b\"}|there is more after the JSON object",
                "{\"text\":\"a\",\"text\":\"b\"}|the key \"text\" stands twice",
                "nonsense|not valid JSON",
            },
            quoteCharacter = '~')
    void aRowWithAProblemIsNamedWithFileAndLine(String row, String message) throws IOException {
        Path file =
                file("rows.jsonl", "{\"text\":\"before\"}\n\n" + row + "\n{\"text\":\"after\"}");
        Found found = read(ExampleReader.of(file));
        assertThat(found.lines).containsExactly(1L, 4L);
        assertThat(found.problems).hasSize(1);
        assertThat(found.problems.get(0).toString())
                .startsWith(file + ", line 3: ")
                .contains(message)
                .doesNotContain("\n");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(file).strict(true)))
                .withMessageContaining("rows.jsonl, line 3: ")
                .withMessageContaining(message);
    }

    @Test
    void aRowOfAnArrayIsNamedWithTheLineOnWhichItStarts() throws IOException {
        Path file =
                file(
                        "a.json",
                        "[\n{\"text\":\"a\"},\n{\n\"foo\":1},\n5,\n{\"text\":\"x\",\"text\":\"y\"},"
                                + "{\"text\":\"b\"}\n]\n");
        Found found = read(ExampleReader.of(file));
        assertThat(found.lines).containsExactly(2L, 6L);
        assertThat(found.problems.stream().map(Problem::line)).containsExactly(3L, 5L, 6L);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[{\"text\":\"a\"},{\"text\":|line 1: the JSON array cannot be read further",
                "[{\"text\":\"a\"}|cannot be read further",
                "[{\"text\":\"a\"}] more|cannot be read further",
                "[{\"text\":\"a\"}][]|more after the JSON array",
                "[nonsense]|cannot be read further",
            },
            quoteCharacter = '~')
    void aDamagedArrayEndsTheReading(String text, String message) throws IOException {
        Path file = file("a.json", text);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(file)))
                .withMessageContaining("a.json")
                .withMessageContaining(message);
    }

    @Test
    void anObjectOverSeveralLinesIsNoDataFile() throws IOException {
        Path file = file("a.json", "{\n \"data\": []\n}\n");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(file)))
                .withMessageContaining("goes over several lines")
                .withMessageContaining("one JSON object a line");
    }

    @Test
    void deepNestingIsAProblemOfTheRow() throws IOException {
        String deep = "[".repeat(50_000);
        Found found =
                read(ExampleReader.of(file("a.jsonl", "{\"text\":" + deep + "\n{\"text\":\"b\"}")));
        assertThat(found.problems).hasSize(1);
        assertThat(found.examples).hasSize(1);
        Path array = file("a.json", "[{\"text\":" + deep);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(array)));
    }

    @Test
    void bytesThatAreNotUtf8AreAProblemOfTheLine() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write("{\"text\":\"ok\"}\n{\"text\":\"".getBytes(StandardCharsets.UTF_8));
        bytes.write(0xC3);
        bytes.write("\"}\n{\"text\":\"ok\"}".getBytes(StandardCharsets.UTF_8));
        Path file = Files.write(folder.resolve("a.jsonl"), bytes.toByteArray());
        Found found = read(ExampleReader.of(file));
        assertThat(found.lines).containsExactly(1L, 3L);
        assertThat(found.problems.get(0).toString()).contains("line 2: the line is not UTF-8");
        Path text = Files.write(folder.resolve("a.txt"), bytes.toByteArray());
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(text)))
                .withMessageContaining("a.txt, line 2: the line is not UTF-8");
    }

    @Test
    void aLineBeyondTheLimitIsAProblemOfTheLine() throws IOException {
        Path file = folder.resolve("long.jsonl");
        byte[] block = new byte[1 << 20];
        Arrays.fill(block, (byte) 'x');
        try (OutputStream out = Files.newOutputStream(file)) {
            for (int i = 0; i < 65; i++) {
                out.write(block);
            }
            out.write("\n{\"text\":\"after\"}\n".getBytes(StandardCharsets.UTF_8));
        }
        Found found = read(ExampleReader.of(file));
        assertThat(found.problems.get(0).toString())
                .contains("line 1: the line is longer than 67108864 bytes");
        assertThat(found.lines).containsExactly(2L);
    }

    @Test
    void aRowOfTooManyValuesIsAProblem() throws IOException {
        String many = "0,".repeat(JsonValues.MAX_VALUES);
        Found found =
                read(
                        ExampleReader.of(
                                file("a.json", "[{\"x\":[" + many + "0]},{\"text\":\"ok\"}]")));
        assertThat(found.problems.get(0).toString()).contains("more than 4000000 values");
        assertThat(found.examples).containsExactly(new Example.Text("ok"));
    }

    @Test
    void byteOrderMarkAndWindowsLinesAreUnderstood() throws IOException {
        Found found =
                read(
                        ExampleReader.of(
                                file(
                                        "a.jsonl",
                                        "\uFEFF{\"text\":\"a\"}\r\n{\"text\":\"😀\"}\r\n")));
        assertThat(found.examples).containsExactly(new Example.Text("a"), new Example.Text("😀"));
        assertThat(read(ExampleReader.of(file("a.json", "\uFEFF[{\"text\":\"a\"}]"))).examples)
                .containsExactly(new Example.Text("a"));
        assertThat(read(ExampleReader.of(file("a.txt", "\uFEFFone\r\ntwo\r\n"))).examples)
                .containsExactly(new Example.Text("one\ntwo"));
    }

    @Test
    void gzipIsSeenByItsContent() throws IOException {
        Path file = folder.resolve("a.jsonl.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write("{\"text\":\"a\"}\n{\"text\":\"b\"}".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(read(ExampleReader.of(file)).lines).containsExactly(1L, 2L);
        Path unnamed = Files.copy(file, folder.resolve("data"));
        assertThat(read(ExampleReader.of(unnamed)).examples).hasSize(2);
        byte[] bytes = Files.readAllBytes(file);
        Path cut = Files.write(folder.resolve("cut.jsonl.gz"), Arrays.copyOf(bytes, 15));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(cut)))
                .withMessageContaining("cut.jsonl.gz is a damaged or incomplete gzip file");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PAR1....", "ARROW1..", "PK\u0003\u0004..."})
    void otherKindsOfFilesAreNamed(String start) throws IOException {
        Path file = file("data.bin", start);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(file)))
                .withMessageContaining("data.bin is a")
                .withMessageContaining("JSON lines");
    }

    @Test
    void utf16IsNamed() throws IOException {
        Path file = Files.write(folder.resolve("a.txt"), "text".getBytes(StandardCharsets.UTF_16));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> read(ExampleReader.of(file)))
                .withMessageContaining("in UTF-16");
    }

    @Test
    void plainTextIsADocumentAFileOrWhatStandsBetweenSeparators() throws IOException {
        assertThat(read(ExampleReader.of(file("a.txt", "one\n\ntwo\n"))).examples)
                .containsExactly(new Example.Text("one\n\ntwo"));
        Found found = read(ExampleReader.of(file("b.md", "a\n<|endoftext|>\n\n b\n<|endoftext|>")));
        assertThat(found.examples).containsExactly(new Example.Text("a"), new Example.Text(" b"));
        assertThat(found.lines).containsExactly(1L, 4L);
        ExampleReader reader = ExampleReader.of(file("c.txt", "a\nb\n\nc\n"));
        assertThat(read(reader.withTextUnit(TextUnit.LINE)).examples).hasSize(3);
        assertThat(read(reader.withTextUnit(TextUnit.PARAGRAPH)).examples)
                .containsExactly(new Example.Text("a\nb"), new Example.Text("c"));
    }

    @Test
    void aVeryLongDocumentIsCutAtALineEndWithoutLoss() throws IOException {
        String line = "x".repeat(99_999) + "\n";
        Found found = read(ExampleReader.of(file("a.txt", line.repeat(25))));
        assertThat(found.examples).hasSize(3);
        String joined =
                String.join(
                        "\n", found.examples.stream().map(e -> ((Example.Text) e).text()).toList());
        assertThat(joined + "\n").isEqualTo(line.repeat(25));
    }

    @Test
    void foldersAndGlobsAreReadInTheOrderOfPaths() throws IOException {
        Files.createDirectories(folder.resolve("sub"));
        file("b.jsonl", "{\"text\":\"b\"}");
        file("a.json", "[{\"text\":\"a\"}]");
        file("sub/c.txt", "c");
        file("image.png", "x");
        file(".hidden.jsonl", "nonsense");
        assertThat(read(ExampleReader.of(folder)).files)
                .containsExactly("a.json", "b.jsonl", "c.txt");
        String glob = folder + "/{b,a}.json*";
        assertThat(read(ExampleReader.of(List.of(glob))).files)
                .containsExactly("a.json", "b.jsonl");
        assertThat(read(ExampleReader.of(List.of(folder + "/**.txt"))).files)
                .containsExactly("c.txt");
        assertThat(read(ExampleReader.of(List.of(folder + "/**/*.{txt,json}"))).files)
                .containsExactly("a.json", "c.txt");
        String twice = folder.resolve("b.jsonl").toString();
        assertThat(read(ExampleReader.of(List.of(twice, glob))).files)
                .containsExactly("b.jsonl", "a.json");
    }

    @Test
    void inputsThatStandForNothingAreRefused() throws IOException {
        Files.createDirectories(folder.resolve("empty"));
        assertThatThrownBy(() -> ExampleReader.of(folder.resolve("empty")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("holds no data file");
        assertThatThrownBy(() -> ExampleReader.of(folder.resolve("missing.jsonl")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("missing.jsonl does not exist");
        assertThatThrownBy(() -> ExampleReader.of(List.of(folder + "/*.jsonl")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("fits no file");
        assertThatThrownBy(() -> ExampleReader.of(List.of(folder + "/{a.jsonl")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("not well formed");
        assertThatThrownBy(() -> ExampleReader.of(List.of()))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("no data file is given");
    }

    @Test
    void theFormatAndTheColumnsCanBeSet() throws IOException {
        String row = "{\"instruction\":\"i\",\"output\":\"o\",\"text\":\"whole\"}";
        ExampleReader reader = ExampleReader.of(file("a.jsonl", row));
        assertThat(read(reader.withFormat(ExampleFormat.of("text"))).examples)
                .containsExactly(new Example.Text("whole"));
        assertThat(read(reader.withFormat(ExampleFormat.MESSAGES)).problems.get(0).toString())
                .contains("\"messages\" is missing");
        ExampleReader gsm =
                ExampleReader.of(file("b.jsonl", "{\"question\":\"q\",\"answer\":\"a\"}"));
        assertThat(
                        read(gsm.withColumns(Map.of("prompt", "question", "completion", "answer")))
                                .examples)
                .containsExactly(new Example.Completion("q", "a"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ExampleFormat.of("csv"))
                .withMessageContaining("\"csv\"")
                .withMessageContaining("alpaca");
        assertThat(ExampleFormat.of("Prompt-Completion"))
                .isEqualTo(ExampleFormat.PROMPT_COMPLETION);
    }
}
