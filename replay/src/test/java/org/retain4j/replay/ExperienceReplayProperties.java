package org.retain4j.replay;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.BigRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Scale;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.TextBlocks;

class ExperienceReplayProperties {

    /** Rows that hold their own number. */
    private static final BatchSource NUMBERED =
            (first, count) ->
                    IntStream.range(0, count)
                            .mapToObj(i -> TrainRow.of((int) (first + i), 0))
                            .toList();

    private static BatchSource mixed(BigDecimal ratio) {
        return new ExperienceReplay(NUMBERED, ratio.doubleValue()).mix(NUMBERED);
    }

    private static long old(List<TrainRow> rows) {
        return rows.stream().filter(TrainRow::replayed).count();
    }

    @Property(tries = 300)
    void theShareOfOldRowsIsExact(
            @ForAll @BigRange(min = "0", max = "0.999") @Scale(3) BigDecimal ratio,
            @ForAll @IntRange(max = 400) int count) {
        long expected =
                ratio.multiply(BigDecimal.valueOf(count))
                        .setScale(0, RoundingMode.FLOOR)
                        .longValue();
        List<TrainRow> rows = mixed(ratio).rows(0, count);
        assertThat(rows).hasSize(count);
        assertThat(old(rows)).isEqualTo(expected);
    }

    @Property(tries = 300)
    void anyWindowHoldsTheShareUpToOneRow(
            @ForAll @BigRange(min = "0", max = "0.999") @Scale(3) BigDecimal ratio,
            @ForAll @LongRange(max = 1_000_000) long first,
            @ForAll @IntRange(max = 100) int count) {
        double share = ratio.doubleValue() * count;
        assertThat((double) old(mixed(ratio).rows(first, count))).isBetween(share - 1, share + 1);
    }

    @Property(tries = 200)
    void rowsAreAFunctionOfTheirNumber(
            @ForAll @BigRange(min = "0", max = "0.999") @Scale(3) BigDecimal ratio,
            @ForAll @LongRange(max = 100_000) long first,
            @ForAll @IntRange(max = 60) int count) {
        BatchSource source = mixed(ratio);
        List<String> together = source.rows(first, count).stream().map(this::name).toList();
        List<String> single = new ArrayList<>();
        for (long row = first; row < first + count; row++) {
            single.add(name(source.rows(row, 1).get(0)));
        }
        assertThat(together).isEqualTo(single);
    }

    private String name(TrainRow row) {
        return (row.replayed() ? "old " : "new ") + row.ids()[0];
    }

    @Property(tries = 200)
    void bothSourcesAreReadInOrderWithoutGaps(
            @ForAll @BigRange(min = "0", max = "0.999") @Scale(3) BigDecimal ratio,
            @ForAll @IntRange(max = 200) int count) {
        int nextOld = 0;
        int nextNew = 0;
        for (TrainRow row : mixed(ratio).rows(0, count)) {
            assertThat(row.ids()[0]).isEqualTo(row.replayed() ? nextOld++ : nextNew++);
        }
    }

    @Property(tries = 50)
    void noOldRowComesTwiceBeforeAllHaveCome(
            @ForAll @BigRange(min = "0.05", max = "0.999") @Scale(3) BigDecimal ratio,
            @ForAll @IntRange(min = 1, max = 15) int blocks,
            @ForAll long seed) {
        int[] stream = IntStream.range(0, 2 * blocks).map(i -> i / 2).toArray();
        BatchSource old = TextBlocks.ofTokens(List.of(stream), 2, seed);
        BatchSource source = new ExperienceReplay(old, ratio.doubleValue()).mix(NUMBERED);
        int needed = (int) Math.ceil(blocks / ratio.doubleValue()) + 1;
        List<Integer> seen = new ArrayList<>();
        for (TrainRow row : source.rows(0, needed)) {
            if (row.replayed() && seen.size() < blocks) {
                seen.add(row.ids()[0]);
            }
        }
        assertThat(seen).hasSize(blocks).doesNotHaveDuplicates();
    }
}
