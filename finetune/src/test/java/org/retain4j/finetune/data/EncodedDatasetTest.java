package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.finetune.TrainRow;

class EncodedDatasetTest {

    private static final Path MODELS = Path.of("../core/src/test/resources/golden/models");
    private static final String DATA =
            "{\"text\":\"Say hello.\"}\nnonsense\n{\"prompt\":\"a\",\"completion\":\" b\"}\n"
                    + "{\"input_ids\":[5,6,7],\"labels\":[-100,-100,7]}\n";

    @TempDir Path folder;
    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        tokenizer = Tokenizer.load(MODELS.resolve("llama"));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private ExampleEncoder encoder() {
        return ExampleEncoder.of(tokenizer, null, EncodingOptions.defaults());
    }

    private static List<String> rows(EncodedDataset data) {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < data.size(); i++) {
            TrainRow row = data.row(i);
            assertThat(data.length(i)).isEqualTo(row.ids().length);
            rows.add(Arrays.toString(row.ids()) + Arrays.toString(row.weights()));
        }
        return rows;
    }

    private List<Path> cacheFiles() throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("cache"))) {
            return files.sorted().toList();
        }
    }

    private EncodedDataset cached(Path file, List<Problem> problems) throws IOException {
        return EncodedDataset.cached(
                ExampleReader.of(file), encoder(), folder.resolve("cache"), problems::add);
    }

    @Test
    void rowsWithProblemsAreCountedAndSkipped() throws IOException {
        List<Problem> problems = new ArrayList<>();
        Path file = file("a.jsonl", DATA);
        EncodedDataset data =
                EncodedDataset.encode(ExampleReader.of(file), encoder(), problems::add);
        assertThat(data.size()).isEqualTo(3);
        assertThat(problems).extracting(Problem::line).containsExactly(2L);
        FileCounts counts = data.report().files().get(0);
        assertThat(counts.file()).isEqualTo(file.toString());
        assertThat(counts.read()).isEqualTo(4);
        assertThat(counts.skipped()).isEqualTo(1);
        assertThat(counts.rows()).isEqualTo(3);
        assertThat(counts.tokens()).isEqualTo(data.length(0) + data.length(1) + data.length(2));
        // all but the first of the text, the completion with its end, one label
        int completion = (int) data.row(1).totalWeight();
        assertThat(counts.counted()).isEqualTo(data.length(0) - 1 + completion + 1);
        assertThat(data.report().summary()).contains("4 read, 1 skipped, 3 rows");
    }

    @Test
    void strictModeEndsAtTheFirstProblem() throws IOException {
        Path file = file("a.jsonl", DATA);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(
                        () ->
                                EncodedDataset.encode(
                                        ExampleReader.of(file).strict(true),
                                        encoder(),
                                        problem -> {}))
                .withMessageContaining("a.jsonl, line 2");
        Path chat = file("b.jsonl", "{\"input_ids\":[5,6]}\n{\"input_ids\":[5,600000]}\n");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(
                        () ->
                                EncodedDataset.encode(
                                        ExampleReader.of(chat).strict(true),
                                        encoder(),
                                        problem -> {}))
                .withMessageContaining("b.jsonl, line 2: \"input_ids\" holds 600000");
    }

    @Test
    void dataOfWhichNothingCanBeUsedAreRefused() throws IOException {
        Path file = file("a.jsonl", "{\"x\":1}\n");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(
                        () ->
                                EncodedDataset.encode(
                                        ExampleReader.of(file), encoder(), problem -> {}))
                .withMessageContaining("no example of")
                .withMessageContaining("a.jsonl, line 1: the row has the keys [x]");
    }

    @Test
    void doubtfulDataAreNoted() throws IOException {
        Path file =
                file(
                        "a.jsonl",
                        "{\"prompt\":\"lo \",\"completion\":\"world one two three four\"}\n");
        EncodingOptions short4 = EncodingOptions.defaults().withMaxLength(5);
        EncodedDataset data =
                EncodedDataset.encode(
                        ExampleReader.of(file),
                        ExampleEncoder.of(tokenizer, null, short4),
                        problem -> {});
        assertThat(data.report().notes())
                .hasSize(3)
                .anyMatch(note -> note.startsWith("No example teaches the token that ends"))
                .anyMatch(note -> note.contains("one token holds the end of the prompt"))
                .anyMatch(note -> note.startsWith("Examples longer than max_length 5: 1"));
        assertThat(data.report().total().cut()).isEqualTo(1);
        assertThat(data.report().total().longest()).isGreaterThan(5);
    }

    @Test
    void theCacheGivesTheSameRowsAndCounts() throws IOException {
        Path file = file("a.jsonl", DATA);
        List<Problem> problems = new ArrayList<>();
        EncodedDataset memory =
                EncodedDataset.encode(ExampleReader.of(file), encoder(), problem -> {});
        EncodedDataset written = cached(file, problems);
        assertThat(written.note()).startsWith("encoded into");
        assertThat(problems).hasSize(1);
        EncodedDataset read = cached(file, problems);
        assertThat(read.note()).startsWith("read from");
        assertThat(problems).hasSize(1);
        assertThat(rows(written)).isEqualTo(rows(memory));
        assertThat(rows(read)).isEqualTo(rows(memory));
        assertThat(read.report()).isEqualTo(memory.report());
        assertThat(cacheFiles()).hasSize(1);
    }

    @Test
    void theCacheKnowsDataByTheirContent() throws IOException {
        Path file = file("a.jsonl", DATA);
        cached(file, new ArrayList<>());
        Path moved = Files.move(file, folder.resolve("moved.jsonl"));
        EncodedDataset read = cached(moved, new ArrayList<>());
        assertThat(read.note()).startsWith("read from");
        assertThat(read.report().files().get(0).file()).isEqualTo(moved.toString());
        Files.writeString(moved, DATA + "{\"text\":\"more\"}\n");
        EncodedDataset changed = cached(moved, new ArrayList<>());
        assertThat(changed.note()).startsWith("encoded into");
        assertThat(changed.size()).isEqualTo(4);
        assertThat(cacheFiles()).hasSize(2);
    }

    @Test
    void optionsTokenizerAndTemplateAreInTheKey() throws IOException {
        Path file = file("a.jsonl", DATA);
        Path cache = folder.resolve("cache");
        ExampleReader reader = ExampleReader.of(file);
        EncodingOptions options = EncodingOptions.defaults();
        Map<String, String> none = Map.of();
        try (Tokenizer other = Tokenizer.load(MODELS.resolve("qwen3"))) {
            List<ExampleEncoder> encoders =
                    List.of(
                            encoder(),
                            ExampleEncoder.of(tokenizer, null, options.withMaxLength(99)),
                            ExampleEncoder.of(tokenizer, null, options.withLossOnAll(true)),
                            ExampleEncoder.of(tokenizer, null, options.withAppendEos(false)),
                            ExampleEncoder.of(
                                    tokenizer, null, options.withTruncation(Truncation.LEFT)),
                            ExampleEncoder.of(tokenizer, ChatFormat.of("a", none), options),
                            ExampleEncoder.of(tokenizer, ChatFormat.of("b", none), options),
                            ExampleEncoder.of(other, null, options));
            for (ExampleEncoder encoder : encoders) {
                EncodedDataset data = EncodedDataset.cached(reader, encoder, cache, p -> {});
                assertThat(data.note()).startsWith("encoded into");
            }
            EncodedDataset.cached(
                    reader.withColumns(Map.of("text", "body")), encoder(), cache, p -> {});
            assertThat(cacheFiles()).hasSize(encoders.size() + 1);
        }
    }

    @Test
    void aDamagedCacheIsReplacedWithANote() throws IOException {
        Path file = file("a.jsonl", DATA);
        List<String> whole = rows(cached(file, new ArrayList<>()));
        Path cache = cacheFiles().get(0);
        byte[] bytes = Files.readAllBytes(cache);
        for (int place = 0; place < bytes.length; place += 7) {
            byte[] changed = bytes.clone();
            changed[place] ^= 0x41;
            assertReplaced(file, cache, changed, whole);
        }
        for (int length : List.of(0, 7, 30, bytes.length / 2, bytes.length - 1)) {
            assertReplaced(file, cache, Arrays.copyOf(bytes, length), whole);
        }
        assertReplaced(file, cache, Arrays.copyOf(bytes, bytes.length + 3), whole);
        assertThat(Files.readAllBytes(cache)).isEqualTo(bytes);
    }

    private void assertReplaced(Path file, Path cache, byte[] damaged, List<String> whole)
            throws IOException {
        Files.delete(cache);
        Files.write(cache, damaged);
        EncodedDataset data = cached(file, new ArrayList<>());
        assertThat(data.note()).startsWith("encoded again, since the token cache");
        assertThat(rows(data)).isEqualTo(whole);
    }

    @Test
    void aCacheWithSkippedRowsDoesNotSatisfyStrictMode() throws IOException {
        Path file = file("a.jsonl", DATA);
        cached(file, new ArrayList<>());
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(
                        () ->
                                EncodedDataset.cached(
                                        ExampleReader.of(file).strict(true),
                                        encoder(),
                                        folder.resolve("cache"),
                                        problem -> {}))
                .withMessageContaining("line 2");
        assertThat(cacheFiles()).hasSize(1);
    }

    @Test
    void weightsOtherThanOneSurviveTheFile() throws IOException {
        Path file = folder.resolve("rows");
        byte[] key = {1, 2, 3};
        TrainRow odd = new TrainRow(new int[] {1, 2, 3}, new float[] {0, 0.25f, 3}, false);
        RowFile.write(
                file,
                key,
                sink -> {
                    sink.accept(TrainRow.of(7, 8, 9, 10, 11, 12, 13, 14, 15), false);
                    sink.accept(odd, true);
                    return new DataReport(List.of(), List.of("note"));
                });
        RowFile read = RowFile.open(file, key);
        assertThat(read.size()).isEqualTo(2);
        assertThat(read.row(0).weights()).containsExactly(0, 1, 1, 1, 1, 1, 1, 1, 1);
        assertThat(read.row(1).weights()).containsExactly(0, 0.25f, 3);
        assertThat(read.continues(0)).isFalse();
        assertThat(read.continues(1)).isTrue();
        assertThat(read.report().notes()).containsExactly("note");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> RowFile.open(file, new byte[] {1, 2, 4}))
                .withMessageContaining("belongs to other data");
    }

    @Test
    void theLastExamplesCanBeHeldOut() {
        EncodedDataset data = EncodedDataset.of(distinct(10));
        EncodedDataset.Split split = data.splitLast(3);
        assertThat(firstIds(split.training())).containsExactly(0, 1, 2, 3, 4, 5, 6);
        assertThat(firstIds(split.evaluation())).containsExactly(7, 8, 9);
        assertThat(split.removed()).isZero();
    }

    @Test
    void aRandomShareCanBeHeldOutWithoutLeaking() {
        List<TrainRow> rows = new ArrayList<>(distinct(100));
        rows.addAll(distinct(100));
        EncodedDataset.Split split = EncodedDataset.of(rows).splitRandom(0.1, 5);
        assertThat(split.evaluation().size()).isEqualTo(20);
        assertThat(firstIds(split.training()))
                .doesNotContainAnyElementsOf(firstIds(split.evaluation()));
        assertThat(split.removed() + split.training().size() + 20).isEqualTo(200);
        assertThat(firstIds(EncodedDataset.of(rows).splitRandom(0.1, 5).evaluation()))
                .isEqualTo(firstIds(split.evaluation()));
        assertThat(firstIds(EncodedDataset.of(rows).splitRandom(20, 6).evaluation()))
                .hasSize(20)
                .isNotEqualTo(firstIds(split.evaluation()));
    }

    @Test
    void thePiecesOfAnExampleStayTogether() throws IOException {
        StringBuilder data = new StringBuilder();
        for (int i = 0; i < 20; i++) {
            data.append("{\"text\":\"")
                    .append("word" + i + " ")
                    .append("x".repeat(40))
                    .append("\"}\n");
        }
        EncodedDataset whole =
                EncodedDataset.cached(
                        ExampleReader.of(file("a.jsonl", data.toString())),
                        ExampleEncoder.of(
                                tokenizer, null, EncodingOptions.defaults().withMaxLength(16)),
                        folder.resolve("cache"),
                        problem -> {});
        assertThat(whole.size()).isGreaterThan(40);
        EncodedDataset.Split split = whole.splitLast(1);
        assertThat(split.evaluation().size()).isEqualTo(whole.size() / 20);
        assertThat(split.evaluation().row(0).ids()[0]).isEqualTo(tokenizer.bosId().getAsInt());
    }

    @Test
    void impossibleSplitsAreRefused() {
        EncodedDataset data = EncodedDataset.of(distinct(10));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> data.splitLast(10))
                .withMessageContaining("hold out 10 of 10");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> data.splitRandom(0, 1))
                .withMessageContaining("is 0.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> data.splitRandom(2.5, 1))
                .withMessageContaining("is 2.5");
        TrainRow same = TrainRow.of(1, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EncodedDataset.of(List.of(same, same)).splitLast(1))
                .withMessageContaining("too many duplicates");
    }

    private static List<TrainRow> distinct(int count) {
        List<TrainRow> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(TrainRow.of(i, i + 1));
        }
        return rows;
    }

    private static List<Integer> firstIds(EncodedDataset data) {
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < data.size(); i++) {
            ids.add(data.row(i).ids()[0]);
        }
        return ids;
    }
}
