package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetFileTest {

    @TempDir Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private void assertRefused(Path file, String... parts) {
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(() -> DatasetFile.read(file))
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }

    @Test
    void readsLinesListsAndCompressedFiles() throws IOException {
        Path lines = file("a.jsonl", "{\"x\":\"é\"}\r\n\n{\"x\":2}");
        assertThat(DatasetFile.read(lines)).hasSize(2);
        assertThat(DatasetFile.read(lines).get(1).where()).endsWith("a.jsonl, line 3");
        assertThat(DatasetFile.read(lines).get(0).text("x")).isEqualTo("é");
        assertThat(DatasetFile.read(file("b.json", "[\n{\"x\":1},\n{\"x\":2}]")).get(1).number("x"))
                .isEqualTo(2);
        Path packed = folder.resolve("c.jsonl.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            out.write("{\"x\":3}\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(DatasetFile.read(packed).get(0).number("x")).isEqualTo(3);
    }

    @Test
    void readsCsvWithQuotes() throws IOException {
        Path csv = file("a.csv", "goal,target\n\"Say \"\"hi\"\",\nnow\",x\nplain,\n");
        List<Row> rows = DatasetFile.read(csv);
        assertThat(rows.get(0).text("goal")).isEqualTo("Say \"hi\",\nnow");
        assertThat(rows.get(1).where()).endsWith("line 4");
        assertRefused(file("b.csv", "a,b\n1\n"), "line 2", "2 columns", "1");
        assertRefused(file("c.csv", "a\n\"open\n"), "line 2", "never closed");
    }

    @Test
    void readsPagesOfWikiText() throws IOException {
        Path text = file("w.txt", " \n = One = \n \n Text . \n = = Part = = \n = Two = \n More\n");
        List<Row> rows = DatasetFile.read(text);
        assertThat(rows).hasSize(2);
        assertThat(rows.get(0).text("page")).isEqualTo(" = One = \n \n Text . \n = = Part = = \n");
        assertThat(DatasetFile.read(file("p.txt", "Just a text.")).get(0).text("text"))
                .contains("Just a text.");
    }

    @Test
    void damagedFilesAreNamed() throws IOException {
        assertRefused(folder.resolve("none.jsonl"), "none.jsonl does not exist");
        assertRefused(folder, "is not a file");
        assertRefused(file("a.jsonl", "{\"x\":1}\n{\"x\":\n"), "a.jsonl, line 2", "not JSON");
        assertRefused(file("b.jsonl", "{}\n7\n"), "line 2", "one JSON object");
        assertRefused(file("c.jsonl", "\n"), "has no rows");
        assertRefused(file("d.json", "[1]"), "row 1", "expected a JSON object");
        assertRefused(file("e.json", "[{}"), "e.json, line", "not JSON");
        assertRefused(file("f.parquet", "PAR1"), "f.parquet", "convert it to JSON lines");
        assertRefused(file("g.jsonl.bz2", "BZ"), "unpack");
        assertRefused(file("h.dat", "x"), "form of the data");
        assertRefused(file("i.jsonl.gz", "plain"), "not a gzip file");
        assertRefused(
                Files.write(folder.resolve("j.jsonl"), new byte[] {'{', (byte) 0xff, '}'}),
                "j.jsonl is not text in UTF-8");
        assertRefused(file("k.jsonl", "[".repeat(5000) + "\n"), "k.jsonl", "not JSON");
    }

    @Test
    void findsTheSplitsOfAFolder() throws IOException {
        Task task = Tasks.find("gsm8k").orElseThrow();
        file("test.jsonl", "{\"question\":\"q\",\"answer\":\"#### 1\"}\n");
        file("train.jsonl", "{\"question\":\"t\",\"answer\":\"#### 2\"}\n");
        TaskData data = TaskData.read(task, folder, Optional.empty());
        assertThat(data.rows()).hasSize(1);
        assertThat(data.shots().get(0).text("question")).isEqualTo("t");
        assertThat(data.fromItself()).isFalse();
        Path test = folder.resolve("test.jsonl");
        assertThat(TaskData.read(task, test, Optional.of(test)).fromItself()).isTrue();
        assertThat(TaskData.find(folder, "test")).contains(test);
        assertThat(TaskData.find(folder, "other")).isEmpty();
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () ->
                                TaskData.read(
                                        Tasks.find("piqa").orElseThrow(), folder, Optional.empty()))
                .withMessageContaining("has no data for piqa; expected a file named validation");
    }
}
