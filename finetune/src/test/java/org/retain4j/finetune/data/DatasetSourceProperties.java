package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.retain4j.finetune.TrainRow;

class DatasetSourceProperties {

    private static SourceOptions options(int kind, long seed) {
        return switch (kind) {
            case 0 -> SourceOptions.ordered();
            case 1 -> SourceOptions.shuffled(seed);
            case 2 -> SourceOptions.shuffled(seed).groupedByLength(4);
            case 3 -> SourceOptions.shuffled(seed).packed(24);
            default -> SourceOptions.ordered().packed(24);
        };
    }

    @Property(tries = 150)
    void anyPartOfTheStreamIsTheSameHoweverItIsAskedFor(
            @ForAll @IntRange(max = 4) int kind,
            @ForAll @IntRange(min = 1, max = 60) int examples,
            @ForAll @IntRange(max = 300) int before,
            @ForAll @IntRange(max = 60) int count,
            @ForAll long seed) {
        DatasetSource source =
                DatasetSource.of(DatasetSourceTest.data(examples), options(kind, seed));
        List<String> all = DatasetSourceTest.texts(source.rows(0, before + count));
        DatasetSource resumed =
                DatasetSource.of(DatasetSourceTest.data(examples), options(kind, seed));
        assertThat(DatasetSourceTest.texts(resumed.rows(before, count)))
                .isEqualTo(all.subList(before, before + count));
    }

    @Property(tries = 150)
    void everyEpochHoldsEveryExampleOnceWithItsWeights(
            @ForAll @IntRange(max = 4) int kind,
            @ForAll @IntRange(min = 1, max = 60) int examples,
            @ForAll @LongRange(max = 1000) long epoch,
            @ForAll long seed) {
        EncodedDataset data = DatasetSourceTest.data(examples);
        DatasetSource source = DatasetSource.of(data, options(kind, seed));
        int inEpoch = source.epochRows();
        List<Integer> seen = new ArrayList<>();
        for (TrainRow row : source.rows(epoch * inEpoch, inEpoch)) {
            assertThat(row.ids().length).isLessThanOrEqualTo(24);
            for (int e = 0; e < row.starts().length; e++) {
                int from = row.starts()[e];
                int to = e + 1 < row.starts().length ? row.starts()[e + 1] : row.ids().length;
                int example = row.ids()[from];
                seen.add(example);
                assertThat(Arrays.copyOfRange(row.ids(), from, to))
                        .isEqualTo(data.row(example).ids());
                assertThat(Arrays.copyOfRange(row.weights(), from, to))
                        .isEqualTo(data.row(example).weights());
            }
        }
        assertThat(seen)
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, examples).boxed().toList());
    }
}
