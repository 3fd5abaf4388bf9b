package org.retain4j.evaluation.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.text.Tokenizer;

/** What of a pair is context, what continuation. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PromptPairTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");

    /** One word a token, with neither a start nor an end token. */
    private static final String WORDS =
            "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
                    + "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
                    + "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"WordLevel\","
                    + "\"vocab\":{\"[UNK]\":0,\"a\":1},\"unk_token\":\"[UNK]\"}}";

    private Tokenizer llama;
    private Tokenizer qwen;

    @BeforeAll
    void load() throws IOException {
        llama = Tokenizer.load(MODELS.resolve("llama"));
        qwen = Tokenizer.load(MODELS.resolve("qwen2"));
    }

    @AfterAll
    void close() {
        llama.close();
        qwen.close();
    }

    private static int[] counted(ScoreRequest request) {
        return Arrays.copyOfRange(request.ids(), request.firstCounted(), request.ids().length);
    }

    @ParameterizedTest
    @ValueSource(strings = {" ", "\n", "  ", " \n\t", "\u00a0", "\u2003", "\u0085", "\u001f"})
    void whiteSpaceAtTheEndOfTheContextMoves(String space) {
        PromptPair pair = new PromptPair("The rain" + space, "falls");
        assertThat(pair).isEqualTo(new PromptPair("The rain", space + "falls"));
        assertThat(pair.context()).isEqualTo("The rain");
        assertThat(pair.continuation()).isEqualTo(space + "falls");
    }

    @Test
    void whiteSpaceElsewhereStays() {
        PromptPair pair = new PromptPair(" The  rain", " falls ");
        assertThat(pair.context()).isEqualTo(" The  rain");
        assertThat(pair.continuation()).isEqualTo(" falls ");
    }

    @Test
    void bothAreEncodedTogether() {
        ScoreRequest request = new PromptPair("The rain ", "falls").encode(llama, true);
        assertThat(request.ids()).isEqualTo(llama.encode("The rain falls", true));
        assertThat(request.context()).isEqualTo(llama.encode("The rain", true).length);
        assertThat(request.ids()[0]).isEqualTo(llama.bosId().getAsInt());
        ScoreRequest bare = new PromptPair("The rain ", "falls").encode(llama, false);
        assertThat(bare.ids()).isEqualTo(llama.encode("The rain falls", false));
        assertThat(bare.context()).isEqualTo(request.context() - 1);
        assertThat(counted(bare)).isEqualTo(counted(request)).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anEmptyContextIsTheStartToken(boolean special) {
        ScoreRequest request = new PromptPair("", "rain").encode(llama, special);
        assertThat(request.context()).isEqualTo(1);
        assertThat(request.ids()[0]).isEqualTo(llama.bosId().getAsInt());
        assertThat(counted(request)).isEqualTo(llama.encode("rain", false));
    }

    @Test
    void aContextOfWhiteSpaceIsEmptyToo() {
        ScoreRequest request = new PromptPair(" ", "rain").encode(llama, true);
        assertThat(request.context()).isEqualTo(1);
        assertThat(counted(request)).isEqualTo(llama.encode(" rain", false));
    }

    @Test
    void withoutStartTokenAnEmptyContextIsTheEndToken() {
        assertThat(qwen.bosId()).isEmpty();
        ScoreRequest request = new PromptPair("", "rain").encode(qwen, true);
        assertThat(request.ids()[0]).isEqualTo(qwen.eosId().getAsInt());
        assertThat(request.context()).isEqualTo(1);
    }

    @Test
    void aStartTokenThatIsSpeltOutIsNotDoubled() {
        String start = llama.idToToken(llama.bosId().getAsInt());
        ScoreRequest request = new PromptPair("", start + "rain").encode(llama, true);
        assertThat(request.ids()).isEqualTo(llama.encode(start + "rain", false));
        assertThat(request.context()).isEqualTo(1);
    }

    @Test
    void aContinuationWithoutTokensIsRefused() {
        for (String context : new String[] {"The rain", ""}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new PromptPair(context, "").encode(llama, true))
                    .withMessageContaining("adds no token");
        }
    }

    @Test
    void anEmptyContextNeedsAStartOrEndToken() throws IOException {
        byte[] json = WORDS.getBytes(StandardCharsets.UTF_8);
        try (Tokenizer words = Tokenizer.load(new ByteArrayInputStream(json), null)) {
            assertThat(new PromptPair("a", " a").encode(words, true))
                    .satisfies(r -> assertThat(r.ids()).containsExactly(1, 1))
                    .satisfies(r -> assertThat(r.context()).isEqualTo(1));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new PromptPair("", "a").encode(words, true))
                    .withMessageContaining("give a context");
        }
    }
}
