package org.retain4j.evaluation.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.text.Documents;
import org.retain4j.core.text.Tokenizer;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BitsPerByteTest {

    private static final Path GOLDEN = Path.of("src/test/resources/golden");
    private static final double LN2 = Math.log(2);

    /** Characters of a story that fit into one window. */
    private static final int STORY = 700;

    private CausalLm model;
    private Tokenizer tokenizer;
    private List<String> texts = List.of();

    @BeforeAll
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
        tokenizer = model.tokenizer();
        texts = new ArrayList<>();
        for (String story : Documents.embedded("tinystories.heldout").subList(0, 4)) {
            texts.add(story.substring(0, Math.min(story.length(), STORY)));
        }
        texts.add("Ä €uro costs 1 \uD83D\uDE00.");
        texts.add("x");
    }

    @AfterAll
    void close() {
        model.close();
    }

    private DocumentScores score(List<String> documents, int window) {
        return BitsPerByte.of(documents, tokenizer, window).score(model);
    }

    /** Bits of the ids after the context, from all scores of one window. */
    private static double bits(CausalLm model, int[] ids, int context) {
        try (Scope scope = Scope.open()) {
            Tensor logProbs = model.logits(TokenBatch.of(ids)).logSoftmax(2);
            double sum = 0;
            for (int t = context; t < ids.length; t++) {
                sum -= logProbs.select(1, t - 1).select(1, ids[t]).item() / LN2;
            }
            return sum;
        }
    }

    private int[] withStart(String text) {
        int[] ids = tokenizer.encode(text, false);
        int[] all = new int[ids.length + 1];
        all[0] = tokenizer.bosId().getAsInt();
        System.arraycopy(ids, 0, all, 1, ids.length);
        return all;
    }

    @Test
    void shortDocumentsEqualAStraightforwardSumOverAllScores() {
        DocumentScores scores = score(texts, model.spec().maxPositions());
        double all = 0;
        long bytes = 0;
        for (int d = 0; d < texts.size(); d++) {
            int[] ids = withStart(texts.get(d));
            assertThat(ids).hasSizeLessThanOrEqualTo(model.spec().maxPositions());
            double expected = bits(model, ids, 1);
            assertThat(scores.bits()[d]).isCloseTo(expected, within(1e-5 * expected));
            all += expected;
            bytes += scores.bytes()[d];
        }
        assertThat(scores.bitsPerByte()).isCloseTo(all / bytes, within(1e-6));
        assertThat(scores.bytePerplexity()).isCloseTo(Math.pow(2, all / bytes), within(1e-5));
    }

    @Test
    void storiesArePredictedWellAndNonsenseIsNot() {
        assertThat(score(texts.subList(0, 4), 512).bitsPerByte()).isBetween(0.3, 1.5);
        assertThat(score(List.of("qzjx vkwq ggqx zzk pqj"), 512).bitsPerByte()).isGreaterThan(4);
    }

    @Test
    void neitherWindowNorNeighboursMatterToShortDocuments() {
        DocumentScores together = score(texts, 512);
        int longest = texts.stream().mapToInt(text -> withStart(text).length).max().getAsInt();
        DocumentScores tight = score(texts, longest);
        for (int d = 0; d < texts.size(); d++) {
            double bits = together.bits()[d];
            assertThat(score(List.of(texts.get(d)), 512).bits()[0])
                    .isCloseTo(bits, within(1e-6 * bits));
            assertThat(tight.bits()[d]).isCloseTo(bits, within(1e-6 * bits));
        }
    }

    @Test
    void documentsKeepTheirPlaces() {
        DocumentScores forward = score(texts, 128);
        List<String> reversed = new ArrayList<>(texts);
        Collections.reverse(reversed);
        DocumentScores backward = score(reversed, 128);
        for (int d = 0; d < texts.size(); d++) {
            int mirrored = texts.size() - 1 - d;
            assertThat(backward.bits()[mirrored])
                    .isCloseTo(forward.bits()[d], within(1e-6 * forward.bits()[d]));
            assertThat(backward.bytes()[mirrored]).isEqualTo(forward.bytes()[d]);
        }
    }

    /** The rule of lm_eval.utils.get_rolling_token_windows with make_disjoint_window. */
    private static double rolling(CausalLm model, int[] all, int maxLength) {
        double sum = 0;
        int predicted = Math.min(maxLength, all.length - 1);
        sum += bits(model, Arrays.copyOfRange(all, 0, predicted + 1), 1);
        while (predicted < all.length - 1) {
            int count = Math.min(maxLength, all.length - 1 - predicted);
            int end = predicted + count + 1;
            int[] window = Arrays.copyOfRange(all, end - maxLength - 1, end);
            sum += bits(model, window, window.length - count);
            predicted += count;
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 16, 61, 128})
    void longDocumentsRollLikeTheReference(int window) {
        String text = texts.get(0).substring(0, 300);
        int[] all = withStart(text);
        assertThat(all).hasSizeGreaterThan(window);
        BitsPerByte metric = BitsPerByte.of(List.of(text), tokenizer, window);
        double expected = rolling(model, all, window - 1);
        assertThat(metric.score(model).bits()[0]).isCloseTo(expected, within(1e-5 * expected));
        int windows = (all.length - 2) / (window - 1) + 1;
        assertThat(metric.tokens()).isEqualTo((long) windows * window);
    }

    @Test
    void aDocumentThatJustFitsIsOneWindow() {
        String text = texts.get(1).substring(0, 200);
        int length = withStart(text).length;
        assertThat(BitsPerByte.of(List.of(text), tokenizer, length).tokens()).isEqualTo(length);
        assertThat(BitsPerByte.of(List.of(text), tokenizer, length - 1).tokens())
                .isEqualTo(2L * (length - 1));
        assertThat(BitsPerByte.of(List.of(text), tokenizer, length + 1).tokens()).isEqualTo(length);
    }

    @Test
    void logLikelihoodsEqualThoseOfTheHarness(@TempDir Path folder) throws IOException {
        JsonNode expected = new ObjectMapper().readTree(GOLDEN.resolve("rolling.json").toFile());
        int window = expected.get("max_length").asInt() + 1;
        try (CausalLm llama = Pretrained.load(withMorePositions(folder))) {
            String start = llama.tokenizer().idToToken(llama.tokenizer().bosId().getAsInt());
            List<String> documents = new ArrayList<>();
            for (JsonNode document : expected.get("documents")) {
                // the reference predicts a start token too
                documents.add(start + document.get("text").asText());
            }
            BitsPerByte metric = BitsPerByte.of(documents, llama.tokenizer(), window);
            long tokens = 0;
            for (JsonNode document : expected.get("documents")) {
                for (JsonNode sizes : document.get("windows")) {
                    tokens += sizes.get(0).asLong() + sizes.get(1).asLong();
                }
            }
            assertThat(metric.tokens()).isEqualTo(tokens);
            DocumentScores scores = metric.score(llama);
            for (int d = 0; d < documents.size(); d++) {
                double reference =
                        expected.get("documents").get(d).get("log_likelihood").asDouble();
                assertThat(-scores.bits()[d] * LN2).isCloseTo(reference, within(1e-3));
            }
        }
    }

    /** The last id of a full window is not read by the reference and needs no position there. */
    private static Path withMorePositions(Path folder) throws IOException {
        try (var files = Files.list(GOLDEN.resolve("models/llama"))) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        Path config = folder.resolve("config.json");
        String text = Files.readString(config);
        String wider =
                text.replace(
                        "\"max_position_embeddings\": 128", "\"max_position_embeddings\": 256");
        assertThat(wider).isNotEqualTo(text);
        Files.writeString(config, wider);
        return folder;
    }

    @Test
    void charactersOfSeveralBytesCountTheirBytes() {
        assertThat(score(List.of("Ä€\uD83D\uDE00", "abc"), 64).bytes()).containsExactly(9, 3);
    }

    @Test
    void emptyInputIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BitsPerByte.of(List.of("one", ""), tokenizer, 64))
                .withMessageContaining("document 2 is empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BitsPerByte.of(List.of(), tokenizer, 64));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BitsPerByte.of(List.of("one"), tokenizer, 1))
                .withMessageContaining("window");
    }

    @Test
    void measuringLeavesNothingBehind() {
        BitsPerByte metric = BitsPerByte.of(texts, tokenizer, 64);
        long live = Scope.liveTensors();
        double first = metric.score(model).bitsPerByte();
        assertThat(Scope.liveTensors()).isEqualTo(live);
        assertThat(metric.score(model).bitsPerByte()).isEqualTo(first);
    }
}
