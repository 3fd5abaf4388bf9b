package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.retain4j.finetune.TrainRow;

class DatasetSourceTest {

    /** Rows of 2 to 17 tokens, each of which is told by its first id. */
    static EncodedDataset data(int count) {
        List<TrainRow> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int length = 2 + i * 7 % 16;
            int[] ids = new int[length];
            float[] weights = new float[length];
            Arrays.fill(ids, i);
            for (int t = 1; t < length; t++) {
                weights[t] = (i + t) % 3 * 0.5f;
            }
            rows.add(new TrainRow(ids, weights, false));
        }
        return EncodedDataset.of(rows);
    }

    static List<String> texts(List<TrainRow> rows) {
        return rows.stream()
                .map(
                        row ->
                                Arrays.toString(row.ids())
                                        + Arrays.toString(row.weights())
                                        + Arrays.toString(row.starts()))
                .toList();
    }

    @Test
    void withoutShufflingTheOrderIsThatOfTheData() {
        DatasetSource plain = DatasetSource.of(data(50), SourceOptions.ordered());
        assertThat(plain.rows(0, 50).stream().map(row -> row.ids()[0]))
                .containsExactlyElementsOf(IntStream.range(0, 50).boxed().toList());
        DatasetSource packed = DatasetSource.of(data(50), SourceOptions.ordered().packed(24));
        List<Integer> starts = new ArrayList<>();
        for (TrainRow row : packed.rows(0, packed.epochRows())) {
            for (int start : row.starts()) {
                starts.add(row.ids()[start]);
            }
        }
        assertThat(starts).containsExactlyElementsOf(IntStream.range(0, 50).boxed().toList());
        assertThat(packed.size()).isEqualTo(50);
        assertThat(packed.epochRows()).isLessThan(50);
    }

    @Test
    void epochsAndSeedsHaveOrdersOfTheirOwn() {
        DatasetSource source = DatasetSource.of(data(50), SourceOptions.shuffled(1));
        assertThat(texts(source.rows(50, 50))).isNotEqualTo(texts(source.rows(0, 50)));
        assertThat(texts(DatasetSource.of(data(50), SourceOptions.shuffled(2)).rows(0, 50)))
                .isNotEqualTo(texts(source.rows(0, 50)));
    }

    @Test
    void groupedBatchesNeedLessPadding() {
        EncodedDataset data = data(200);
        assertThat(padding(DatasetSource.of(data, SourceOptions.shuffled(3).groupedByLength(8))))
                .isLessThan(padding(DatasetSource.of(data, SourceOptions.shuffled(3))) / 2);
    }

    private static int padding(DatasetSource source) {
        int padding = 0;
        for (int first = 0; first < 200; first += 8) {
            List<TrainRow> batch = source.rows(first, 8);
            int longest = batch.stream().mapToInt(row -> row.ids().length).max().getAsInt();
            padding += batch.stream().mapToInt(row -> longest - row.ids().length).sum();
        }
        return padding;
    }

    @Test
    void optionsThatDoNotGoTogetherAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SourceOptions.shuffled(1).packed(8).groupedByLength(4))
                .withMessageContaining("exclude each other");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SourceOptions.ordered().groupedByLength(4))
                .withMessageContaining("leave shuffle on");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SourceOptions.ordered().packed(-1))
                .withMessageContaining("negative");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetSource.of(data(20), SourceOptions.ordered().packed(8)))
                .withMessageContaining("more than the packed length of 8")
                .withMessageContaining("max_length");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EncodedDataset.of(List.of()))
                .withMessageContaining("at least one row");
    }
}
