package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

class MixtureProperties {

    /** A source whose rows tell its number and theirs. */
    private static BatchSource source(int number) {
        return (first, count) -> {
            List<TrainRow> rows = new ArrayList<>();
            for (long row = first; row < first + count; row++) {
                rows.add(TrainRow.of(number, (int) row));
            }
            return rows;
        };
    }

    private static Mixture mixture(List<Double> weights) {
        List<BatchSource> sources = new ArrayList<>();
        for (int i = 0; i < weights.size(); i++) {
            sources.add(source(i));
        }
        return Mixture.of(sources, weights);
    }

    private static List<Long> pairs(List<TrainRow> rows) {
        return rows.stream().map(row -> ((long) row.ids()[0] << 32) + row.ids()[1]).toList();
    }

    @Property(tries = 200)
    void everySourceGivesItsShareOfAnyStart(
            @ForAll @Size(min = 1, max = 5) List<@DoubleRange(min = 0.01, max = 10) Double> weights,
            @ForAll @LongRange(min = 1, max = 1L << 50) long rows) {
        Mixture mixture = mixture(weights);
        long[] counts = mixture.counts(rows);
        long sum = 0;
        for (int i = 0; i < counts.length; i++) {
            sum += counts[i];
            // the shares are rounded to one in 2^30
            assertThat((double) counts[i])
                    .isCloseTo(mixture.weights()[i] * rows, within(weights.size() + 2e-8 * rows));
        }
        assertThat(sum).isEqualTo(rows);
        long[] next = mixture.counts(rows + 1);
        next[mixture.sourceOf(rows)]--;
        assertThat(next).isEqualTo(counts);
    }

    @Property(tries = 100)
    void rowsAreAFunctionOfTheirNumberAndNoneIsLeftOut(
            @ForAll @Size(min = 1, max = 4) List<@DoubleRange(min = 0.05, max = 1) Double> weights,
            @ForAll @IntRange(max = 500) int before,
            @ForAll @IntRange(max = 100) int count) {
        Mixture mixture = mixture(weights);
        List<TrainRow> all = mixture.rows(0, before + count);
        assertThat(pairs(mixture.rows(before, count)))
                .isEqualTo(pairs(all).subList(before, before + count));
        int[] next = new int[weights.size()];
        for (TrainRow row : all) {
            assertThat(row.ids()[1]).isEqualTo(next[row.ids()[0]]++);
        }
    }

    @Example
    void sourcesAlternateEvenly() {
        Mixture mixture = mixture(List.of(3.0, 1.0));
        List<Integer> sources = mixture.rows(0, 12).stream().map(row -> row.ids()[0]).toList();
        assertThat(sources).containsExactly(0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0);
        assertThat(mixture.weights()).containsExactly(0.75, 0.25);
        assertThat(mixture.counts(12)).containsExactly(9, 3);
    }

    @Example
    void impossibleWeightsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> mixture(List.of()))
                .withMessageContaining("at least one source");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Mixture.of(List.of(source(0)), List.of(1.0, 2.0)))
                .withMessageContaining("1 sources but 2 weights");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> mixture(List.of(1.0, 0.0)))
                .withMessageContaining("expected a positive number");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> mixture(List.of(1.0, Double.NaN)))
                .withMessageContaining("NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> mixture(List.of(1.0, 1e-12)))
                .withMessageContaining("differ too much");
    }
}
