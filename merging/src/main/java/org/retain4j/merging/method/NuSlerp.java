package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Interpolation along the arc between two models, or between their changes against a base, for the
 * whole tensor or for each of its rows or columns.
 */
record NuSlerp() implements MergeMethod {

    private static final double SMALLEST_NORM = 1e-7;
    private static final double COLINEAR = 1e-8;
    private static final double NO_WEIGHT = 1e-6;

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "nuslerp",
                "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
                MethodInfo.Base.OPTIONAL,
                2,
                2,
                List.of(
                        Setting.ofModel("weight", null),
                        Setting.flag("nuslerp_flatten", true),
                        Setting.flag("nuslerp_row_wise", false)));
    }

    /** Which vector an element belongs to: the index divided and taken modulo. */
    private record Groups(int count, long divisor, int modulus) {

        int of(long index) {
            return (int) (index / divisor % modulus);
        }

        static Groups of(TensorMerge tensor, boolean flatten, boolean rowWise) {
            if (flatten || tensor.shape().size() < 2) {
                return new Groups(1, Long.MAX_VALUE, 1);
            }
            if (rowWise) {
                int across = Math.toIntExact(tensor.size() / Math.max(1, tensor.shape().get(0)));
                return new Groups(across, 1, Math.max(1, across));
            }
            int row = Math.max(1, tensor.rowLength());
            int rows = Math.toIntExact(tensor.size() / row);
            return new Groups(rows, row, Math.max(1, rows));
        }
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        double sum = weights[0] + weights[1];
        double t = Math.abs(sum) < NO_WEIGHT ? 0.5 : weights[1] / sum;
        boolean flatten = tensor.flag(this, "nuslerp_flatten");
        Groups groups = Groups.of(tensor, flatten, tensor.flag(this, "nuslerp_row_wise"));
        boolean deltas = tensor.hasBase();
        double[] first = new double[groups.count()];
        double[] second = new double[groups.count()];
        double[] dots = new double[groups.count()];
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, deltas, at, count);
                    if (groups.count() == 1) {
                        first[0] += Gram.dot(x[0], x[0], 0, count);
                        second[0] += Gram.dot(x[1], x[1], 0, count);
                        dots[0] += Gram.dot(x[0], x[1], 0, count);
                        return;
                    }
                    for (int k = 0; k < count; k++) {
                        int g = groups.of(at + k);
                        first[g] += (double) x[0][k] * x[0][k];
                        second[g] += (double) x[1][k] * x[1][k];
                        dots[g] += (double) x[0][k] * x[1][k];
                    }
                });
        for (int g = 0; g < groups.count(); g++) {
            double lengths =
                    Math.max(Math.sqrt(first[g]), SMALLEST_NORM)
                            * Math.max(Math.sqrt(second[g]), SMALLEST_NORM);
            double angle = Math.acos(Math.max(-1, Math.min(1, dots[g] / lengths)));
            double sine = Math.sin(angle);
            boolean line = Math.abs(sine) < COLINEAR;
            first[g] = line ? 1 - t : Math.sin((1 - t) * angle) / sine;
            second[g] = line ? t : Math.sin(t * angle) / sine;
        }
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, deltas, at, count);
                    float[] result = x[0];
                    for (int k = 0; k < count; k++) {
                        int g = groups.of(at + k);
                        double value = first[g] * x[0][k] + second[g] * x[1][k];
                        result[k] = (float) (deltas ? x[2][k] + value : value);
                    }
                    tensor.write(result, count);
                });
    }
}
