package org.retain4j.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Linear layers on few rows, which take another way than many, give the same numbers. */
class LinearRowsTest {

    private static double[] product(float[] x, float[] w, float[] b, int m, int k, int n) {
        double[] y = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = b[j];
                for (int l = 0; l < k; l++) {
                    sum += (double) x[i * k + l] * w[j * k + l];
                }
                y[i * n + j] = sum;
            }
        }
        return y;
    }

    @ParameterizedTest
    @CsvSource({
        "5, 8, false",
        "7, 16, false",
        "64, 48, false",
        "1, 8, false",
        "9, 12, false",
        "33, 1, false",
        "16, 24, true",
        "11, 7, true"
    })
    void productsOfOneToTwentyRowsAreRight(int k, int n, boolean transposed) {
        for (int m = 1; m <= 20; m++) {
            try (Scope scope = Scope.open()) {
                Random random = Random.at(m, k, "w" + n);
                Tensor stored = transposed ? random.normal(1, k, n) : random.normal(1, n, k);
                Tensor weight = transposed ? stored.transpose(0, 1) : stored;
                Tensor x = Random.at(m, k, "x").normal(1, m, k);
                Tensor bias = Random.at(m, k, "b").normal(1, n);
                double[] expected =
                        product(
                                x.toFloatArray(),
                                weight.contiguous().toFloatArray(),
                                bias.toFloatArray(),
                                m,
                                k,
                                n);
                // the same rows as [m, k], as one token of m sequences and as m tokens of one
                for (long[] shape : new long[][] {{m, k}, {m, 1, k}, {1, m, k}}) {
                    long[] out = shape.clone();
                    out[out.length - 1] = n;
                    for (boolean recording : new boolean[] {false, true}) {
                        try (Autograd.Mode mode =
                                recording ? Autograd.enableGrad() : Autograd.noGrad()) {
                            Tensor y = linear(x.reshape(shape), weight, bias, DType.FLOAT32);
                            assertThat(y.shape()).isEqualTo(out);
                            assertClose(y, expected, 1e-5 * Math.sqrt(k));
                        }
                    }
                    Tensor half = linear(x.reshape(shape), weight, bias, DType.BFLOAT16);
                    assertThat(half.dtype()).isEqualTo(DType.BFLOAT16);
                    assertThat(half.shape()).isEqualTo(out);
                    assertClose(half.to(DType.FLOAT32), expected, 0.05 * Math.sqrt(k));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1", "4", "16", "17"})
    void gradientsOfFewRowsAreRight(int m) {
        int k = 6;
        int n = 16;
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.enableGrad()) {
            Tensor weight = Random.at(m, 1, "w").normal(1, n, k).requiresGrad(true);
            Tensor bias = Random.at(m, 1, "b").normal(1, n).requiresGrad(true);
            Tensor x = Random.at(m, 1, "x").normal(1, m, k).requiresGrad(true);
            Tensor upstream = Random.at(m, 1, "u").normal(1, m, n);
            List<Tensor> found =
                    Autograd.grad(
                            linear(x, weight, bias, DType.FLOAT32),
                            upstream,
                            List.of(weight, bias, x));
            Tensor u = upstream.transpose(0, 1);
            assertClose(found.get(0), doubles(u.matmul(x.detach())), 1e-5);
            assertClose(found.get(1), doubles(upstream.sum(0, false)), 1e-5);
            assertClose(found.get(2), doubles(upstream.matmul(weight.detach())), 1e-5);
        }
    }

    private static Tensor linear(Tensor x, Tensor weight, Tensor bias, DType type) {
        return Kernels.call("linear", x, weight, List.of(bias), type.scalarType());
    }

    private static double[] doubles(Tensor x) {
        return x.to(DType.FLOAT64).toDoubleArray();
    }

    private static void assertClose(Tensor found, double[] expected, double tolerance) {
        float[] values = found.toFloatArray();
        assertThat(values).hasSize(expected.length);
        for (int i = 0; i < values.length; i++) {
            assertThat((double) values[i])
                    .as("element %d", i)
                    .isCloseTo(expected[i], within(tolerance));
        }
    }
}
