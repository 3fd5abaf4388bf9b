package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.retain4j.core.tensor.Random;

class PackingProperties {

    private static final int CAPACITY = 40;

    private static void assertEveryItemOnceWithinCapacity(Packing packing, int[] lengths) {
        assertThat(Arrays.stream(packing.items()).sorted().toArray())
                .isEqualTo(IntStream.range(0, lengths.length).toArray());
        int items = 0;
        for (int bin = 0; bin < packing.bins(); bin++) {
            int[] bins = packing.bin(bin);
            items += bins.length;
            assertThat(bins).isNotEmpty();
            assertThat(Arrays.stream(bins).map(item -> lengths[item]).sum())
                    .isLessThanOrEqualTo(CAPACITY);
        }
        assertThat(items).isEqualTo(lengths.length);
    }

    @Property(tries = 200)
    void bestFitLosesNothingAndIsTight(
            @ForAll @Size(min = 1, max = 300)
                    List<@IntRange(min = 2, max = CAPACITY) Integer> sizes,
            @ForAll long seed) {
        int[] lengths = sizes.stream().mapToInt(Integer::intValue).toArray();
        int[] order = Random.at(seed, 0, "test").permutation(lengths.length);
        Packing packing = Packing.bestFit(order, item -> lengths[item], CAPACITY);
        assertEveryItemOnceWithinCapacity(packing, lengths);
        double least = Math.ceil(Arrays.stream(lengths).sum() / (double) CAPACITY);
        // two rows that are both at most half full would have been one
        assertThat((double) packing.bins()).isLessThanOrEqualTo(2 * least);
        Packing again = Packing.bestFit(order, item -> lengths[item], CAPACITY);
        assertThat(again.items()).isEqualTo(packing.items());
        assertThat(again.starts()).isEqualTo(packing.starts());
    }

    @Property(tries = 200)
    void packingInOrderKeepsTheOrder(
            @ForAll @Size(min = 1, max = 300)
                    List<@IntRange(min = 2, max = CAPACITY) Integer> sizes) {
        int[] lengths = sizes.stream().mapToInt(Integer::intValue).toArray();
        int[] order = IntStream.range(0, lengths.length).toArray();
        Packing packing = Packing.inOrder(order, item -> lengths[item], CAPACITY);
        assertEveryItemOnceWithinCapacity(packing, lengths);
        assertThat(packing.items()).isEqualTo(order);
    }

    @Property(tries = 100)
    void lengthGroupsHoldEveryRowWithTheLongestFirst(
            @ForAll @Size(min = 1, max = 400) List<@IntRange(min = 2, max = 1000) Integer> sizes,
            @ForAll @IntRange(min = 1, max = 16) int batch,
            @ForAll long seed) {
        int[] lengths = sizes.stream().mapToInt(Integer::intValue).toArray();
        int[] order = Random.at(seed, 0, "test").permutation(lengths.length);
        int[] grouped = LengthGroups.group(order, row -> lengths[row], batch);
        assertThat(Arrays.stream(grouped).sorted().toArray())
                .isEqualTo(IntStream.range(0, lengths.length).toArray());
        assertThat(lengths[grouped[0]]).isEqualTo(Arrays.stream(lengths).max().getAsInt());
    }
}
