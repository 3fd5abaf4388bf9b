package org.retain4j.merging.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Fisher merging and RegMean against their formulas. */
class StatisticsMethodsTest {

    private static final int OUT = 37;
    private static final int IN = 9;

    private static float[] random(long seed, int n, boolean positive) {
        Random random = new Random(seed);
        float[] values = new float[n];
        for (int k = 0; k < n; k++) {
            float value = (float) random.nextGaussian();
            values[k] = positive ? value * value : value;
        }
        return values;
    }

    /** Returns the mean of x xᵀ over random inputs. */
    private static float[] gram(long seed) {
        Random random = new Random(seed);
        double[] sum = new double[IN * IN];
        for (int sample = 0; sample < 40; sample++) {
            double[] x = random.doubles(IN, -1, 1).toArray();
            for (int i = 0; i < IN; i++) {
                for (int j = 0; j < IN; j++) {
                    sum[i * IN + j] += x[i] * x[j] / 40;
                }
            }
        }
        float[] rounded = new float[IN * IN];
        for (int k = 0; k < sum.length; k++) {
            rounded[k] = (float) sum[k];
        }
        return rounded;
    }

    private static FloatSource source(float[] values) {
        return (at, target, count) -> System.arraycopy(values, (int) at, target, 0, count);
    }

    private static float[] merge(
            String method,
            List<float[]> models,
            List<float[]> statistics,
            double[] weights,
            double alpha)
            throws IOException {
        MergeMethod found = MergeMethods.find(method);
        assertThat(found).isNotNull();
        float[] result = new float[OUT * IN];
        int[] done = new int[1];
        TensorMerge tensor =
                new TensorMerge(
                        "w",
                        List.of((long) OUT, (long) IN),
                        null,
                        models.stream().map(StatisticsMethodsTest::source).toList(),
                        (values, count) -> {
                            System.arraycopy(values, 0, result, done[0], count);
                            done[0] += count;
                        });
        if (!statistics.isEmpty()) {
            tensor.statistics(statistics.stream().map(StatisticsMethodsTest::source).toList());
        }
        for (int i = 0; i < weights.length; i++) {
            tensor.set(i, "weight", weights[i]);
        }
        if (method.equals("regmean")) {
            tensor.set("alpha", alpha);
        }
        found.merge(tensor);
        assertThat(done[0]).isEqualTo(OUT * IN);
        return result;
    }

    @Test
    void fisherIsTheFormula() throws IOException {
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        List<float[]> fisher = List.of(random(3, OUT * IN, true), random(4, OUT * IN, true));
        float[] merged = merge("fisher", models, fisher, new double[] {0.3, 2}, 0);
        for (int k = 0; k < merged.length; k++) {
            double first = 0.3 * (fisher.get(0)[k] + 1e-6);
            double second = 2 * (fisher.get(1)[k] + 1e-6);
            double expected =
                    (first * models.get(0)[k] + second * models.get(1)[k]) / (first + second);
            assertThat((double) merged[k]).isCloseTo(expected, within(2e-6));
        }
    }

    @Test
    void equalFisherIsLinearAndNoneIsToo() throws IOException {
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        float[] same = random(3, OUT * IN, true);
        double[] weights = {1, 3};
        float[] merged = merge("fisher", models, List.of(same, same), weights, 0);
        float[] without = merge("fisher", models, List.of(), weights, 0);
        for (int k = 0; k < merged.length; k++) {
            float mean = (models.get(0)[k] + 3 * models.get(1)[k]) / 4;
            assertThat(merged[k]).isCloseTo(mean, within(2e-6f));
            assertThat(without[k]).isCloseTo(mean, within(2e-6f));
        }
    }

    @Test
    void identicalModelsComeOutUnchanged() throws IOException {
        float[] model = random(1, OUT * IN, false);
        double[] weights = {0.7, 1.9, 0.2};
        List<float[]> models = List.of(model, model.clone(), model.clone());
        List<float[]> fisher = new ArrayList<>();
        List<float[]> grams = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            fisher.add(random(5 + i, OUT * IN, true));
            grams.add(gram(8 + i));
        }
        assertThat(merge("fisher", models, fisher, weights, 0)).containsExactly(model);
        assertThat(merge("regmean", models, grams, weights, 0.9)).containsExactly(model);
        assertThat(merge("regmean", models, List.of(), weights, 0.9)).containsExactly(model);
        assertThat(merge("regmean", List.of(model), List.of(gram(1)), new double[] {2}, 0.5))
                .containsExactly(model);
    }

    @Test
    void regMeanSolvesTheNormalEquations() throws IOException {
        double alpha = 0.9;
        double[] weights = {0.4, 1.5};
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        List<float[]> grams = List.of(gram(3), gram(4));
        float[] merged = merge("regmean", models, grams, weights, alpha);
        double most = 0;
        for (int r = 0; r < OUT; r++) {
            for (int j = 0; j < IN; j++) {
                double left = 0;
                double right = 0;
                for (int i = 0; i < 2; i++) {
                    for (int k = 0; k < IN; k++) {
                        double g = weights[i] * grams.get(i)[k * IN + j] * (j == k ? 1 : alpha);
                        left += merged[r * IN + k] * g;
                        right += models.get(i)[r * IN + k] * g;
                    }
                }
                most = Math.max(most, Math.abs(left - right));
            }
        }
        assertThat(most).isLessThan(1e-5);
    }

    @Test
    void withoutEntriesOffTheDiagonalRegMeanWeighsTheInputs() throws IOException {
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        List<float[]> grams = List.of(gram(3), gram(4));
        float[] merged = merge("regmean", models, grams, new double[] {1, 1}, 0);
        for (int r = 0; r < OUT; r++) {
            for (int k = 0; k < IN; k++) {
                double a = grams.get(0)[k * IN + k];
                double b = grams.get(1)[k * IN + k];
                double x = models.get(0)[r * IN + k];
                double y = models.get(1)[r * IN + k];
                assertThat((double) merged[r * IN + k])
                        .isCloseTo((a * x + b * y) / (a + b), within(1e-5));
            }
        }
    }

    @Test
    void regMeanIsNearerToTheOutputsThanTheMean() throws IOException {
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        List<float[]> grams = List.of(gram(3), gram(4));
        double[] weights = {1, 1};
        float[] merged = merge("regmean", models, grams, weights, 1);
        float[] mean = merge("regmean", models, List.of(), weights, 1);
        assertThat(loss(merged, models, grams)).isLessThan(loss(mean, models, grams));
    }

    /** Returns Σ tr((W − Wᵢ) Gᵢ (W − Wᵢ)ᵀ), the squared distance of the outputs. */
    private static double loss(float[] merged, List<float[]> models, List<float[]> grams) {
        double sum = 0;
        for (int i = 0; i < models.size(); i++) {
            for (int r = 0; r < OUT; r++) {
                for (int j = 0; j < IN; j++) {
                    for (int k = 0; k < IN; k++) {
                        double a = merged[r * IN + j] - models.get(i)[r * IN + j];
                        double b = merged[r * IN + k] - models.get(i)[r * IN + k];
                        sum += a * b * grams.get(i)[j * IN + k];
                    }
                }
            }
        }
        return sum;
    }

    @Test
    void weightsThatLeaveNoSolutionAreRefused() {
        List<float[]> models = List.of(random(1, OUT * IN, false), random(2, OUT * IN, false));
        List<float[]> grams = List.of(gram(3), gram(4));
        assertThatThrownBy(() -> merge("regmean", models, grams, new double[] {1, -1}, 1))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("weights");
        assertThatThrownBy(() -> merge("regmean", models, grams, new double[] {1, -3}, 1))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("statistics");
    }
}
