package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/** Interpolation along the arc from the base to a model: Shoemake, SIGGRAPH 1985. */
record Slerp() implements MergeMethod {

    private static final double COLINEAR = 0.9995;
    private static final double SMALLEST_NORM = 1e-8;

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "slerp",
                "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
                MethodInfo.Base.REQUIRED,
                1,
                1,
                List.of(Setting.required("t")));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double t = tensor.number(this, "t");
        double[] sums = new double[3];
        tensor.parts(
                (at, count) -> {
                    float[] start = tensor.buffer(0, count);
                    float[] end = tensor.buffer(1, count);
                    tensor.base(at, start, count);
                    tensor.model(0, at, end, count);
                    sums[0] += Gram.dot(start, start, 0, count);
                    sums[1] += Gram.dot(end, end, 0, count);
                    sums[2] += Gram.dot(start, end, 0, count);
                });
        double dot = sums[2] / (length(sums[0]) * length(sums[1]));
        double first = 1 - t;
        double second = t;
        if (Math.abs(dot) <= COLINEAR) {
            double angle = Math.acos(dot);
            first = Math.sin((1 - t) * angle) / Math.sin(angle);
            second = Math.sin(t * angle) / Math.sin(angle);
        } else if (dot < 0) {
            tensor.warn("the models point in opposite directions, so slerp is a straight line");
        } else if (sums[0] > 0 && sums[1] > 0) {
            tensor.warn(
                    "the models are colinear (cosine "
                            + (float) dot
                            + "), so slerp is a straight line as linear is");
        }
        double a = first;
        double b = second;
        tensor.parts(
                (at, count) -> {
                    float[] start = tensor.buffer(0, count);
                    float[] end = tensor.buffer(1, count);
                    tensor.base(at, start, count);
                    tensor.model(0, at, end, count);
                    for (int k = 0; k < count; k++) {
                        start[k] = (float) (a * start[k] + b * end[k]);
                    }
                    tensor.write(start, count);
                });
    }

    private static double length(double square) {
        double norm = Math.sqrt(square);
        return norm > SMALLEST_NORM ? norm : 1;
    }
}
