package org.retain4j.cli.score;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Lines are split, bounded and counted. */
class JsonLinesTest {

    private static List<JsonLines.Line> read(byte[] bytes, int maxBytes) throws IOException {
        JsonLines lines = new JsonLines(new ByteArrayInputStream(bytes), maxBytes);
        List<JsonLines.Line> all = new ArrayList<>();
        JsonLines.Line line = lines.read();
        while (line != null) {
            all.add(line);
            line = lines.read();
        }
        assertThat(lines.bytes()).isEqualTo(bytes.length);
        return all;
    }

    private static List<JsonLines.Line> read(String text, int maxBytes) throws IOException {
        return read(text.getBytes(StandardCharsets.UTF_8), maxBytes);
    }

    @Test
    void blankLinesCountButAreNotRead() throws IOException {
        assertThat(read("a\n\n  \r\nb\r\n\u00e4\n", 100))
                .containsExactly(
                        new JsonLines.Line(1, "a", null),
                        new JsonLines.Line(4, "b\r", null),
                        new JsonLines.Line(5, "\u00e4", null));
        assertThat(read("", 100)).isEmpty();
        assertThat(read("\n\n", 100)).isEmpty();
    }

    @Test
    void theLastLineNeedsNoLineFeed() throws IOException {
        assertThat(read("a\nb", 100)).extracting(JsonLines.Line::text).containsExactly("a", "b");
    }

    @Test
    void aByteOrderMarkIsDropped() throws IOException {
        assertThat(read("\uFEFFa\nb", 100))
                .extracting(JsonLines.Line::text)
                .containsExactly("a", "b");
    }

    @Test
    void aLineAtTheLimitIsReadAndALongerOneIsAProblem() throws IOException {
        List<JsonLines.Line> lines = read("12345\n123456\nx", 5);
        assertThat(lines.get(0)).isEqualTo(new JsonLines.Line(1, "12345", null));
        assertThat(lines.get(1).problem()).contains("longer than 5 bytes");
        assertThat(lines.get(1).text()).isEmpty();
        assertThat(lines.get(2)).isEqualTo(new JsonLines.Line(3, "x", null));
    }

    @Test
    void linesLongerThanTheBufferAreWhole() throws IOException {
        String first = "x".repeat((1 << 16) + 17);
        String second = "y".repeat(200_000);
        assertThat(read(first + "\n" + second + "\nz", 1 << 20))
                .extracting(JsonLines.Line::text)
                .containsExactly(first, second, "z");
    }

    @Test
    void whatIsNotUtf8IsAProblemOfItsLineAlone() throws IOException {
        byte[] bytes = {'a', '\n', (byte) 0xC3, (byte) 0x28, '\n', 'b'};
        List<JsonLines.Line> lines = read(bytes, 100);
        assertThat(lines.get(1).problem()).contains("not text in UTF-8");
        assertThat(lines.get(2).text()).isEqualTo("b");
    }

    @Test
    void anEndlessLineIsNotCollected() throws IOException {
        long size = 3L * JsonLines.MAX_BYTES;
        InputStream endless =
                new InputStream() {
                    private long left = size;

                    @Override
                    public int read() {
                        return left-- > 0 ? 'x' : -1;
                    }

                    @Override
                    public int read(byte[] bytes, int offset, int length) {
                        int part = (int) Math.min(length, left);
                        left -= part;
                        return part == 0 ? -1 : part;
                    }
                };
        JsonLines lines = new JsonLines(endless);
        JsonLines.Line line = lines.read();
        assertThat(line).isNotNull();
        assertThat(line.problem()).contains("the limit");
        assertThat(lines.bytes()).isEqualTo(size);
        assertThat(lines.read()).isNull();
    }
}
