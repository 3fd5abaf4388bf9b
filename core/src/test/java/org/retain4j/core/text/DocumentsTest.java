package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentsTest {

    @TempDir Path folder;

    private Path file(byte... content) throws IOException {
        return Files.write(folder.resolve("text.txt"), content);
    }

    private List<String> read(String content) throws IOException {
        return Documents.read(file(content.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void separatorsCutAndEmptyDocumentsAreDropped() throws IOException {
        assertThat(
                        read(
                                "<|endoftext|>\none\n\nstill one\n<|endoftext|>\n \n"
                                        + "<|endoftext|>\ntwo\n  <|endoftext|>  \nthree"))
                .containsExactly("one\n\nstill one", "two", "three");
    }

    @Test
    void aSeparatorInsideALineIsText() throws IOException {
        assertThat(read("say <|endoftext|> aloud\n")).containsExactly("say <|endoftext|> aloud");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "\r\n", "\r"})
    void lineEndsOfAllSystemsAreTheSame(String end) throws IOException {
        assertThat(read(String.join(end, "one", "more", "<|endoftext|>", "two", "")))
                .containsExactly("one\nmore", "two");
        assertThat(read(String.join(end, "a".repeat(500), "", "b".repeat(500))))
                .containsExactly("a".repeat(500), "b".repeat(500));
    }

    @Test
    void aByteOrderMarkIsNoText() throws IOException {
        assertThat(read("\uFEFF<|endoftext|>\none")).containsExactly("one");
        assertThat(read("\uFEFFone")).containsExactly("one");
    }

    @Test
    void shortParagraphsAreGatheredUpToAPassage() throws IOException {
        String paragraph = "p".repeat(300);
        String text = String.join("\n\n", paragraph, paragraph, paragraph, "short");
        assertThat(read(text))
                .containsExactly(paragraph + "\n\n" + paragraph, paragraph + "\n\nshort");
    }

    @Test
    void aParagraphLongerThanAPassageStaysWhole() throws IOException {
        String paragraph = "p".repeat(3000) + "\nsecond line";
        assertThat(read("before\n\n" + paragraph + "\n \t\n\nafter"))
                .containsExactly("before", paragraph, "after");
    }

    @Test
    void noCharacterIsLostOrAdded() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 200; i++) {
            text.append("Ä€\uD83D\uDE00 ").append(i).append(i % 7 == 0 ? "\n\n" : "\n");
        }
        List<String> documents = read(text.toString());
        assertThat(documents).hasSizeGreaterThan(2);
        assertThat(String.join(" ", documents).split("\\s+"))
                .containsExactly(text.toString().split("\\s+"));
    }

    @Test
    void whatIsNotUtf8IsNamedWithItsPlace() throws IOException {
        Path file = file((byte) 'a', (byte) '\n', (byte) 'b', (byte) 0xE4, (byte) 'c');
        assertThatIOException()
                .isThrownBy(() -> Documents.read(file))
                .withMessageContaining(file.toString())
                .withMessageContaining("is not UTF-8")
                .withMessageContaining("byte 3")
                .withMessageContaining("line 2");
    }

    @Test
    void aCharacterThatIsCutOffAtTheEndIsNotUtf8() throws IOException {
        Path file = file((byte) 'a', (byte) 0xE2, (byte) 0x82);
        assertThatIOException()
                .isThrownBy(() -> Documents.read(file))
                .withMessageContaining("byte 1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " \n\n\t\n", "\uFEFF", "<|endoftext|>\n<|endoftext|>\n"})
    void aFileWithoutTextIsRefused(String content) {
        assertThatIOException()
                .isThrownBy(() -> read(content))
                .withMessageContaining("text.txt")
                .withMessageContaining("holds no text");
    }

    @Test
    void aFolderOrNothingIsRefused() {
        assertThatIOException()
                .isThrownBy(() -> Documents.read(folder))
                .withMessageContaining(folder.toString())
                .withMessageContaining("is not a file");
        assertThatIOException()
                .isThrownBy(() -> Documents.read(folder.resolve("none.txt")))
                .withMessageContaining("none.txt does not exist");
    }

    @Test
    void anEmbeddedTextIsReadByName() throws IOException {
        assertThat(Documents.embedded("tinystories.heldout")).hasSizeGreaterThan(5);
        assertThatIOException()
                .isThrownBy(() -> Documents.embedded("nothing"))
                .withMessageContaining("no embedded text nothing");
    }
}
