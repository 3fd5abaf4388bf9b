package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.retain4j.finetune.TrainRow;

class TextBlocksProperties {

    private static TextBlocks blocks(int count, long seed) {
        // one id a block, so that a block can be told by its first token
        int[] stream = IntStream.range(0, 3 * count).map(i -> i / 3).toArray();
        return TextBlocks.ofTokens(List.of(stream), 3, seed);
    }

    private static List<Integer> firstIds(List<TrainRow> rows) {
        return rows.stream().map(row -> row.ids()[0]).toList();
    }

    @Property(tries = 100)
    void rowsAreAFunctionOfTheirNumber(
            @ForAll @IntRange(min = 1, max = 20) int count,
            @ForAll @LongRange(max = 1000) long first,
            @ForAll @IntRange(max = 50) int length,
            @ForAll long seed) {
        TextBlocks blocks = blocks(count, seed);
        List<Integer> one = new ArrayList<>();
        for (long row = first; row < first + length; row++) {
            one.addAll(firstIds(blocks.rows(row, 1)));
        }
        assertThat(firstIds(blocks.rows(first, length))).isEqualTo(one);
        assertThat(firstIds(blocks(count, seed).rows(first, length))).isEqualTo(one);
    }

    @Property(tries = 100)
    void eachPassHoldsEveryBlockOnce(
            @ForAll @IntRange(min = 1, max = 20) int count,
            @ForAll @IntRange(max = 5) int epoch,
            @ForAll long seed) {
        List<TrainRow> pass = blocks(count, seed).rows((long) epoch * count, count);
        assertThat(firstIds(pass))
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, count).boxed().toList());
    }

    @Property(tries = 50)
    void passesAndSeedsHaveOrdersOfTheirOwn(@ForAll @LongRange(max = 1L << 40) long seed) {
        List<Integer> first = firstIds(blocks(50, seed).rows(0, 50));
        assertThat(firstIds(blocks(50, seed).rows(50, 50))).isNotEqualTo(first);
        assertThat(firstIds(blocks(50, seed + 1).rows(0, 50))).isNotEqualTo(first);
    }
}
