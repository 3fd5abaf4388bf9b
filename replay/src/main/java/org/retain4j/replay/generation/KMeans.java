package org.retain4j.replay.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.retain4j.core.tensor.Random;

/**
 * Lloyd's algorithm with the starts of k-means++ (Arthur and Vassilvitskii 2007), in double
 * precision; a function of data and seed. Stateless.
 */
final class KMeans {

    private static final int ROUNDS = 100;

    private final double[][] centres;
    private final int[] nearest;
    private final double[] distances;

    private KMeans(double[][] centres, int[] nearest, double[] distances) {
        this.centres = centres;
        this.nearest = nearest;
        this.distances = distances;
    }

    /**
     * Groups points.
     *
     * @param points {@code [points][dimensions]}, at least one
     * @param k groups; as many as there are points when these are fewer
     */
    static KMeans of(float[][] points, int k, long seed) {
        int n = points.length;
        int groups = Math.min(k, n);
        Random random = Random.at(seed, 0, "k-means");
        double[][] centres = starts(points, groups, random);
        int[] nearest = new int[n];
        double[] distances = new double[n];
        Arrays.fill(nearest, -1);
        for (int round = 0; round < ROUNDS; round++) {
            if (!assign(points, centres, nearest, distances)) {
                break;
            }
            move(points, nearest, centres);
        }
        assign(points, centres, nearest, distances);
        return new KMeans(centres, nearest, distances);
    }

    private static double[][] starts(float[][] points, int groups, Random random) {
        double[][] centres = new double[groups][];
        centres[0] = wide(points[random.nextInt(points.length)]);
        double[] least = new double[points.length];
        Arrays.fill(least, Double.POSITIVE_INFINITY);
        for (int c = 1; c < groups; c++) {
            double sum = 0;
            for (int i = 0; i < points.length; i++) {
                least[i] = Math.min(least[i], distance(points[i], centres[c - 1]));
                sum += least[i];
            }
            double draw = random.nextDouble() * sum;
            int chosen = 0;
            while (chosen < points.length - 1 && (draw -= least[chosen]) >= 0) {
                chosen++;
            }
            centres[c] = wide(points[chosen]);
        }
        return centres;
    }

    private static boolean assign(
            float[][] points, double[][] centres, int[] nearest, double[] distances) {
        boolean changed = false;
        for (int i = 0; i < points.length; i++) {
            int best = 0;
            double least = Double.POSITIVE_INFINITY;
            for (int c = 0; c < centres.length; c++) {
                double distance = distance(points[i], centres[c]);
                if (distance < least) {
                    least = distance;
                    best = c;
                }
            }
            changed |= nearest[i] != best;
            nearest[i] = best;
            distances[i] = least;
        }
        return changed;
    }

    private static void move(float[][] points, int[] nearest, double[][] centres) {
        double[][] sums = new double[centres.length][centres[0].length];
        int[] counts = new int[centres.length];
        for (int i = 0; i < points.length; i++) {
            counts[nearest[i]]++;
            for (int d = 0; d < points[i].length; d++) {
                sums[nearest[i]][d] += points[i][d];
            }
        }
        for (int c = 0; c < centres.length; c++) {
            for (int d = 0; counts[c] > 0 && d < centres[c].length; d++) {
                centres[c][d] = sums[c][d] / counts[c];
            }
        }
    }

    private static double[] wide(float[] point) {
        double[] wide = new double[point.length];
        for (int d = 0; d < wide.length; d++) {
            wide[d] = point[d];
        }
        return wide;
    }

    private static double distance(float[] point, double[] centre) {
        double sum = 0;
        for (int d = 0; d < centre.length; d++) {
            double difference = point[d] - centre[d];
            sum += difference * difference;
        }
        return sum;
    }

    int[] groups() {
        return nearest.clone();
    }

    /**
     * Chooses points: of each group a number in proportion to its size, those nearest to its
     * centre.
     *
     * @param quota how many in all
     * @return their indices, ascending
     */
    List<Integer> representatives(int quota) {
        int n = nearest.length;
        if (quota >= n) {
            List<Integer> all = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                all.add(i);
            }
            return all;
        }
        int[] sizes = new int[centres.length];
        for (int group : nearest) {
            sizes[group]++;
        }
        int[] shares = shares(sizes, quota, n);
        List<Integer> chosen = new ArrayList<>();
        for (int c = 0; c < centres.length; c++) {
            int group = c;
            List<Integer> own = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                if (nearest[i] == group) {
                    own.add(i);
                }
            }
            own.sort(Comparator.comparingDouble(i -> distances[i]));
            chosen.addAll(own.subList(0, Math.min(shares[c], own.size())));
        }
        chosen.sort(Comparator.naturalOrder());
        return chosen;
    }

    /** Returns whole shares of a quota with the largest remainders rounded up. */
    static int[] shares(int[] sizes, int quota, int all) {
        int[] shares = new int[sizes.length];
        List<Integer> order = new ArrayList<>();
        int given = 0;
        for (int c = 0; c < sizes.length; c++) {
            shares[c] = (int) ((long) quota * sizes[c] / all);
            given += shares[c];
            order.add(c);
        }
        order.sort(Comparator.comparingLong(c -> -((long) quota * sizes[c] % all)));
        for (int i = 0; given < quota; i++, given++) {
            shares[order.get(i)]++;
        }
        return shares;
    }
}
