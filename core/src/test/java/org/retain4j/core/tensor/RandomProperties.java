package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.StringLength;

/** Bounds and orders hold for any place in a run. */
class RandomProperties {

    @Property
    void integersStayBelowTheirBound(
            @ForAll long seed,
            @ForAll long step,
            @ForAll @StringLength(max = 20) String site,
            @ForAll @IntRange(min = 1, max = Integer.MAX_VALUE) int bound) {
        Random random = Random.at(seed, step, site);
        for (int i = 0; i < 10; i++) {
            assertThat(random.nextInt(bound)).isBetween(0, bound - 1);
            assertThat(random.nextDouble()).isGreaterThanOrEqualTo(0).isLessThan(1);
        }
    }

    @Property(tries = 100)
    void boundsThatAreNotPositiveAreRefused(
            @ForAll @IntRange(min = Integer.MIN_VALUE, max = 0) int bound) {
        assertThatThrownBy(() -> Random.at(0, 0, "").nextInt(bound))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("" + bound);
    }

    @Property(tries = 200)
    void permutationsHoldEveryNumberOnce(@ForAll long seed, @ForAll @IntRange(max = 300) int size) {
        int[] order = Random.at(seed, 0, "order").permutation(size);
        int[] sorted = order.clone();
        Arrays.sort(sorted);
        assertThat(sorted).isEqualTo(IntStream.range(0, size).toArray());
        assertThat(Random.at(seed, 0, "order").permutation(size)).isEqualTo(order);
    }
}
