package org.retain4j.regularization.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.retain4j.core.tensor.Random;

class BoundedQuadraticProperties {

    /** Meets the conditions that only the minimum meets. */
    @Property(tries = 300)
    void isTheMinimum(
            @ForAll @IntRange(min = 1, max = 6) int n,
            @ForAll @IntRange(min = 1, max = 8) int length,
            @ForAll @LongRange(min = 0, max = 1_000_000) long seed) {
        Random random = Random.at(seed, 0, "problem");
        double[][] g = new double[n][length];
        double[] q = new double[n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < length; k++) {
                g[i][k] = 2 * random.nextDouble() - 1;
            }
            q[i] = 4 * random.nextDouble() - 3;
        }
        double[][] p = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < length; k++) {
                    p[i][j] += g[i][k] * g[j][k];
                }
            }
            p[i][i] += 1e-3;
        }
        double bound = random.nextDouble();
        double[] v = BoundedQuadratic.minimum(p, q, bound);
        for (double value : v) {
            assertThat(value).isGreaterThanOrEqualTo(bound);
        }
        // the conditions of Karush, Kuhn and Tucker, which a strictly convex problem meets once
        for (int i = 0; i < n; i++) {
            double slope = q[i];
            for (int j = 0; j < n; j++) {
                slope += p[i][j] * v[j];
            }
            assertThat(slope).isGreaterThan(-1e-8);
            if (v[i] > bound) {
                assertThat(slope).isCloseTo(0, within(1e-8));
            }
        }
    }
}
