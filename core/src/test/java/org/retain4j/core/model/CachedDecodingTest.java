package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.tensor.Scope;

/** Reading rows through a cache in parts gives the scores of one pass over the whole rows. */
class CachedDecodingTest {

    private static final int TOKENS = 26;
    private static final int[][] CHUNKS = {
        {26}, {11, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {12, 3, 1, 5, 1, 4}, {20, 6}
    };

    static Stream<String> families() {
        return ModelFolders.FAMILIES.stream();
    }

    private static int[] row(int length, int seed) {
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = (seed * 37 + i * i * 11 + i * 5) % 384;
        }
        return ids;
    }

    @ParameterizedTest
    @MethodSource("families")
    void everyWayToCutRowsGivesTheSameScores(String name) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name))) {
            for (int[] lengths : new int[][] {{26}, {26, 26}, {17, 26, 21}}) {
                List<int[]> rows = new ArrayList<>();
                for (int i = 0; i < lengths.length; i++) {
                    rows.add(row(lengths[i], i + 1));
                }
                float[][][] whole = new float[rows.size()][][];
                for (int r = 0; r < rows.size(); r++) {
                    whole[r] = scores(model, rows.get(r));
                }
                for (int[] chunks : CHUNKS) {
                    check(model, rows, chunks, whole);
                }
            }
        }
    }

    private static void check(CausalLm model, List<int[]> rows, int[] chunks, float[][][] whole) {
        TokenBatch all = TokenBatch.padded(rows, 0, true);
        try (Scope scope = Scope.open();
                KvCache cache = model.newCache(rows.size(), TOKENS)) {
            int start = 0;
            for (int chunk : chunks) {
                compare(model, cache, rows, start, chunk, whole);
                start += chunk;
            }
            assertThat(cache.position()).isEqualTo(all.tokens());
            // back to the middle and on again
            cache.truncate(15);
            compare(model, cache, rows, 15, 1, whole);
            compare(model, cache, rows, 16, 7, whole);
        }
    }

    private static void compare(
            CausalLm model,
            KvCache cache,
            List<int[]> rows,
            int start,
            int length,
            float[][][] whole) {
        try (Scope scope = Scope.open()) {
            List<int[]> parts = new ArrayList<>();
            for (int[] row : rows) {
                int pad = TOKENS - row.length;
                parts.add(Arrays.copyOfRange(row, Math.max(0, start - pad), start + length - pad));
            }
            TokenBatch batch =
                    start == 0 ? TokenBatch.padded(parts, 0, true) : TokenBatch.of(parts);
            float[] found = model.head(model.hidden(batch, cache)).toFloatArray();
            int vocabulary = model.spec().vocabularySize();
            for (int r = 0; r < rows.size(); r++) {
                int pad = TOKENS - rows.get(r).length;
                for (int t = Math.max(start, pad); t < start + length; t++) {
                    int from = (r * length + t - start) * vocabulary;
                    assertRow(found, from, whole[r][t - pad]);
                }
            }
        }
    }

    private static void assertRow(float[] found, int from, float[] expected) {
        double square = 0;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            square += expected[i] * expected[i];
            double difference = Math.abs(found[from + i] - expected[i]);
            // a comparison that NaN fails
            assertThat(difference).isGreaterThanOrEqualTo(0);
            worst = Math.max(worst, difference);
        }
        assertThat(worst / Math.sqrt(square / expected.length)).isLessThan(5e-5);
    }

    private static float[][] scores(CausalLm model, int[] row) {
        try (Scope scope = Scope.open()) {
            float[] flat = model.logits(TokenBatch.of(row)).toFloatArray();
            float[][] scores = new float[row.length][];
            int vocabulary = flat.length / row.length;
            for (int t = 0; t < row.length; t++) {
                scores[t] = Arrays.copyOfRange(flat, t * vocabulary, (t + 1) * vocabulary);
            }
            return scores;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void narrowWindows(int window, @TempDir Path folder) throws IOException {
        ModelFolders.copy("mistral", folder, root -> root.put("sliding_window", window));
        List<int[]> rows = List.of(row(26, 4), row(19, 5));
        try (CausalLm model = Pretrained.load(folder)) {
            float[][][] whole = {scores(model, rows.get(0)), scores(model, rows.get(1))};
            for (int[] chunks : CHUNKS) {
                check(model, rows, chunks, whole);
            }
        }
    }
}
