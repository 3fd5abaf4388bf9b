package org.retain4j.replay.buffer;

import java.util.ArrayList;
import java.util.List;

/**
 * Chooses points whose mean stays nearest to the mean of all, one after the other, so that every
 * first part of the choice is itself a good one (iCaRL, Rebuffi et al. 2017, arXiv:1611.07725,
 * algorithm 4). Costs points · dimensions for each choice. Stateless.
 */
public final class Herding {

    private Herding() {}

    /**
     * Returns the indices of chosen points in the order of choice.
     *
     * @param features {@code [points][dimensions]}
     * @param count how many; all points when these are fewer
     */
    public static List<Integer> choose(float[][] features, int count) {
        int n = features.length;
        List<Integer> chosen = new ArrayList<>();
        if (n == 0) {
            return chosen;
        }
        int dimensions = features[0].length;
        double[] mean = new double[dimensions];
        for (float[] point : features) {
            for (int d = 0; d < dimensions; d++) {
                mean[d] += point[d] / n;
            }
        }
        double[] sum = new double[dimensions];
        boolean[] used = new boolean[n];
        for (int k = 1; k <= Math.min(count, n); k++) {
            int best = -1;
            double least = Double.POSITIVE_INFINITY;
            for (int i = 0; i < n; i++) {
                if (used[i]) {
                    continue;
                }
                double distance = 0;
                for (int d = 0; d < dimensions; d++) {
                    double off = mean[d] - (sum[d] + features[i][d]) / k;
                    distance += off * off;
                }
                if (best < 0 || distance < least) {
                    least = distance;
                    best = i;
                }
            }
            used[best] = true;
            chosen.add(best);
            for (int d = 0; d < dimensions; d++) {
                sum[d] += features[best][d];
            }
        }
        return chosen;
    }
}
