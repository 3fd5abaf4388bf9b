package org.retain4j.cli.usage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** Suggestions are near or absent. */
class DidYouMeanTest {

    private static final List<String> NAMES = List.of("ewc", "replay", "--seeds", "--steps");

    @Test
    void findsSlipsOfTheHand() {
        assertThat(DidYouMean.nearest("ecw", NAMES)).contains("ewc");
        assertThat(DidYouMean.nearest("REPLY", NAMES)).contains("replay");
        assertThat(DidYouMean.nearest("--sed", NAMES)).contains("--seeds");
        assertThat(DidYouMean.nearest("--step", NAMES)).contains("--steps");
        assertThat(DidYouMean.nearest("xyzzy", NAMES)).isEmpty();
        assertThat(DidYouMean.nearest("", NAMES)).isEmpty();
        assertThat(DidYouMean.nearest("e".repeat(100_000), NAMES)).isEmpty();
    }

    @Property(tries = 200)
    void distanceIsSymmetricAndZeroOnlyForEqualTexts(
            @ForAll @AlphaChars @StringLength(max = 8) String first,
            @ForAll @AlphaChars @StringLength(max = 8) String second) {
        int distance = DidYouMean.distance(first, second);

        assertThat(distance).isEqualTo(DidYouMean.distance(second, first));
        assertThat(distance == 0).isEqualTo(first.equals(second));
        assertThat(distance)
                .isBetween(
                        Math.abs(first.length() - second.length()),
                        Math.max(first.length(), second.length()));
    }
}
