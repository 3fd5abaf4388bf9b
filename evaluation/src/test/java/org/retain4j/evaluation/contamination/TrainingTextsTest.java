package org.retain4j.evaluation.contamination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingTextsTest {

    private static final String ITEM = "one two three four five six seven eight nine";

    @TempDir Path folder;

    private Contamination look(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        if (name.endsWith(".gz")) {
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
                out.write(text.getBytes(StandardCharsets.UTF_8));
            }
        } else {
            Files.writeString(file, text);
        }
        Contamination search = Contamination.builder().add("t", "1", ITEM).build();
        TrainingTexts.look(file, search);
        return search;
    }

    private static String source(Contamination search) {
        var items = search.found().get(0).contaminated();
        return items.isEmpty() ? "" : items.get(0).source();
    }

    @Test
    void findsItemsInEveryForm() throws IOException {
        String line =
                "{\"prompt\": \"one two three four\", \"completion\": \"five six seven eight nine\"}";
        assertThat(source(look("a.txt", "before " + ITEM + " after"))).isEqualTo("a.txt");
        assertThat(source(look("a.jsonl", "{\"text\": \"x\"}\n\n" + line + "\n")))
                .isEqualTo("a.jsonl, text 2");
        assertThat(source(look("a.jsonl.gz", line + "\n"))).isEqualTo("a.jsonl.gz, text 1");
        assertThat(source(look("a.json", "[{\"text\": \"x\"},\n" + line + "]")))
                .isEqualTo("a.json, text 2");
        assertThat(
                        source(
                                look(
                                        "chat.jsonl",
                                        "{\"messages\": [{\"role\": \"user\", \"content\": \""
                                                + ITEM
                                                + "\"}]}\n")))
                .isEqualTo("chat.jsonl, text 1");
    }

    @Test
    void columnsAreWordsApartAndRowsAreTextsApart() throws IOException {
        assertThat(
                        source(
                                look(
                                        "a.jsonl",
                                        "{\"a\": \"one two thr\", \"b\": \"ee four five six seven eight nine\"}")))
                .isEmpty();
        Contamination rows =
                look(
                        "b.jsonl",
                        "{\"a\": \"one two three four\"}\n{\"a\": \"five six seven eight nine\"}\n");
        assertThat(source(rows)).isEmpty();
        assertThat(rows.texts()).isEqualTo(2);
        assertThat(source(look("c.jsonl", "{\"one\": \"x\", \"" + ITEM + "\": 1}"))).isEmpty();
    }

    @Test
    void damagedFilesAreNamedWithTheirPlace() {
        assertThatIOException()
                .isThrownBy(() -> look("bad.jsonl", "{\"a\": \"b\"}\n{\"a\": oops}\n"))
                .withMessageContaining("bad.jsonl, text 2 is not JSON");
        assertThatIOException()
                .isThrownBy(() -> look("cut.jsonl", "{\"a\": [\"b\""))
                .withMessageContaining("cut.jsonl");
        assertThatIOException()
                .isThrownBy(
                        () -> {
                            Path file = Files.writeString(folder.resolve("no.jsonl.gz"), "{}");
                            TrainingTexts.look(file, Contamination.builder().build());
                        });
    }
}
