package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.retain4j.core.text.Tokenizer;

class TextBlocksTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");

    @Test
    void documentsAreJoinedAndTheRestIsDropped() {
        TextBlocks blocks =
                TextBlocks.ofTokens(List.of(new int[] {1, 2, 3}, new int[] {4, 5}), 2, 0);
        assertThat(blocks.size()).isEqualTo(2);
        assertThat(blocks.blocks().get(0)).containsExactly(1, 2);
        assertThat(blocks.blocks().get(1)).containsExactly(3, 4);
        assertThat(blocks.rows(0, 1).get(0).weights()).containsExactly(0, 1);
    }

    @Test
    void aTextShorterThanABlockIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TextBlocks.ofTokens(List.of(new int[] {1, 2, 3}), 4, 0))
                .withMessageContaining("3 tokens")
                .withMessageContaining("one block of 4")
                .withMessageContaining("max_length");
    }

    @Test
    void aBlockOfOneTokenIsRefused() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(LLAMA)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TextBlocks.of(List.of("text"), tokenizer, 1, 0))
                    .withMessageContaining("2 tokens, not 1");
        }
    }

    @Test
    void everyDocumentStartsWithTheStartToken() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(LLAMA)) {
            int[] one = tokenizer.encode("one");
            int[] two = tokenizer.encode("and two");
            assertThat(one[0]).isEqualTo(tokenizer.bosId().getAsInt());
            TextBlocks blocks =
                    TextBlocks.of(List.of("one", "and two"), tokenizer, one.length + two.length, 0);
            int[] joined = Arrays.copyOf(one, one.length + two.length);
            System.arraycopy(two, 0, joined, one.length, two.length);
            assertThat(blocks.blocks().get(0)).isEqualTo(joined);
        }
    }

    @Test
    void withoutAStartTokenEveryDocumentEndsWithTheEndToken() throws IOException {
        try (Tokenizer tokenizer = withoutStart()) {
            int[] one = tokenizer.encode("one");
            int end = tokenizer.eosId().getAsInt();
            assertThat(one).doesNotContain(end);
            TextBlocks blocks = TextBlocks.of(List.of("one", "one"), tokenizer, one.length + 1, 0);
            assertThat(blocks.size()).isEqualTo(2);
            for (int[] block : blocks.blocks()) {
                assertThat(Arrays.copyOf(block, one.length)).isEqualTo(one);
                assertThat(block[one.length]).isEqualTo(end);
            }
        }
    }

    /** The tokenizer of the fixture without its template that adds a start token. */
    private static Tokenizer withoutStart() throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode root = (ObjectNode) json.readTree(LLAMA.resolve("tokenizer.json").toFile());
        root.putNull("post_processor");
        try (InputStream tokenizer = new ByteArrayInputStream(json.writeValueAsBytes(root));
                InputStream config =
                        new ByteArrayInputStream(
                                "{\"eos_token\": \"</s>\"}".getBytes(StandardCharsets.UTF_8))) {
            return Tokenizer.load(tokenizer, config);
        }
    }
}
