package org.retain4j.replay.buffer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Choices by hand, on a line. */
class HerdingTest {

    @Test
    void everyFirstPartHasAMeanNearThatOfAll() {
        // the mean is 4: 3.5 is nearest alone, 5 goes best with it, and then 1
        float[][] points = {{0}, {1}, {3.5f}, {5}, {10.5f}};
        assertThat(Herding.choose(points, 3)).containsExactly(2, 3, 1);
        assertThat(Herding.choose(points, 9)).hasSize(5).doesNotHaveDuplicates();
        assertThat(Herding.choose(new float[0][], 2)).isEmpty();
    }
}
