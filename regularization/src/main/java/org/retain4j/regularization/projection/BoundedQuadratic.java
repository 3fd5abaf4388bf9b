package org.retain4j.regularization.projection;

import java.util.Arrays;

/**
 * The minimum of vᵀPv / 2 + qᵀv with v ≥ bound, P positive definite, by an active-set method
 * (Lawson and Hanson 1974, "Solving Least Squares Problems", chapter 23).
 */
final class BoundedQuadratic {

    private static final double TOLERANCE = 1e-12;

    private BoundedQuadratic() {}

    static double[] minimum(double[][] p, double[] q, double bound) {
        int n = q.length;
        // u = v - bound is to be non-negative
        double[] shifted = new double[n];
        double scale = 0;
        for (int i = 0; i < n; i++) {
            shifted[i] = q[i];
            for (int j = 0; j < n; j++) {
                shifted[i] += p[i][j] * bound;
                scale = Math.max(scale, Math.abs(p[i][j]));
            }
            scale = Math.max(scale, Math.abs(shifted[i]));
        }
        boolean[] free = new boolean[n];
        double[] u = new double[n];
        // each pass frees one variable; a cycle can only come from rounding
        for (int pass = 0; pass < 3 * n * n + 10; pass++) {
            int best = -1;
            double steepest = TOLERANCE * scale;
            for (int i = 0; i < n; i++) {
                double slope = -shifted[i];
                for (int j = 0; j < n; j++) {
                    slope -= p[i][j] * u[j];
                }
                if (!free[i] && slope > steepest) {
                    steepest = slope;
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            free[best] = true;
            u = feasible(p, shifted, u, free);
        }
        double[] v = new double[n];
        for (int i = 0; i < n; i++) {
            v[i] = u[i] + bound;
        }
        return v;
    }

    /** Goes to the minimum over the free variables, fixing those that would become negative. */
    private static double[] feasible(double[][] p, double[] q, double[] start, boolean[] free) {
        double[] u = start.clone();
        while (true) {
            double[] goal = solve(p, q, free);
            double step = 1;
            for (int i = 0; i < u.length; i++) {
                if (free[i] && goal[i] <= 0 && u[i] - goal[i] > 0) {
                    step = Math.min(step, u[i] / (u[i] - goal[i]));
                }
            }
            boolean inside = true;
            for (int i = 0; i < u.length; i++) {
                if (free[i]) {
                    inside &= goal[i] > 0;
                }
            }
            if (inside) {
                return goal;
            }
            for (int i = 0; i < u.length; i++) {
                if (free[i]) {
                    u[i] += step * (goal[i] - u[i]);
                    if (goal[i] <= 0 && u[i] <= TOLERANCE * Math.max(1, Math.abs(goal[i]))) {
                        u[i] = 0;
                        free[i] = false;
                    }
                }
            }
        }
    }

    /** Returns the minimum with the variables that are not free at 0, by Gaussian elimination. */
    private static double[] solve(double[][] p, double[] q, boolean[] free) {
        int n = q.length;
        int[] index = new int[n];
        int m = 0;
        for (int i = 0; i < n; i++) {
            if (free[i]) {
                index[m++] = i;
            }
        }
        double[][] a = new double[m][m + 1];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < m; j++) {
                a[i][j] = p[index[i]][index[j]];
            }
            a[i][m] = -q[index[i]];
        }
        for (int k = 0; k < m; k++) {
            int pivot = k;
            for (int i = k + 1; i < m; i++) {
                pivot = Math.abs(a[i][k]) > Math.abs(a[pivot][k]) ? i : pivot;
            }
            double[] row = a[k];
            a[k] = a[pivot];
            a[pivot] = row;
            for (int i = k + 1; i < m; i++) {
                double factor = a[i][k] / a[k][k];
                for (int j = k; j <= m; j++) {
                    a[i][j] -= factor * a[k][j];
                }
            }
        }
        double[] u = new double[n];
        Arrays.fill(u, 0);
        for (int i = m - 1; i >= 0; i--) {
            double value = a[i][m];
            for (int j = i + 1; j < m; j++) {
                value -= a[i][j] * u[index[j]];
            }
            u[index[i]] = value / a[i][i];
        }
        return u;
    }
}
