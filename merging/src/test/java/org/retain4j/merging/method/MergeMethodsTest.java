package org.retain4j.merging.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Properties of methods that do not need a reference. */
class MergeMethodsTest {

    private final List<String> warnings = new ArrayList<>();
    private float[] result = new float[0];

    private static FloatSource source(float... values) {
        return (at, target, count) -> System.arraycopy(values, (int) at, target, 0, count);
    }

    private TensorMerge tensor(float @Nullable [] base, float[]... models) {
        int size = models[0].length;
        result = new float[0];
        FloatSink sink =
                (values, count) -> {
                    float[] longer = Arrays.copyOf(result, result.length + count);
                    System.arraycopy(values, 0, longer, result.length, count);
                    result = longer;
                };
        return new TensorMerge(
                        "x",
                        List.of((long) size),
                        base == null ? null : source(base),
                        Arrays.stream(models).map(MergeMethodsTest::source).toList(),
                        sink)
                .warnings(warnings::add);
    }

    private static MergeMethod method(String name) {
        return Objects.requireNonNull(MergeMethods.find(name));
    }

    private static float[] random(int seed, int size) {
        Random random = new Random(seed);
        float[] values = new float[size];
        for (int k = 0; k < size; k++) {
            values[k] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void ramKeepsUniqueChangesAndAveragesSharedOnes() throws IOException {
        float[] base = {1, 1, 1, 1};
        TensorMerge tensor =
                tensor(base, new float[] {3, 1, 2, 1}, new float[] {1, 5, 4, 1.000001f});
        method("ram").merge(tensor);
        assertThat(result).containsExactly(3, 5, 3, 1);
    }

    @Test
    void tiesKeepsTheFirstOfEqualMagnitudes() throws IOException {
        TensorMerge tensor = tensor(new float[4], new float[] {1, -1, 1, -1});
        method("ties").merge(tensor.set("density", 0.5).set("weight", 1));
        assertThat(result).containsExactly(1, -1, 0, 0);
    }

    @Test
    void breadcrumbsKeepsSmallTensorsUnlessParityIsAskedFor() throws IOException {
        float[] change = {1, 2, 3, 4};
        TensorMerge ours = tensor(new float[4], change);
        method("breadcrumbs").merge(ours.set("weight", 1).set("density", 0.5));
        assertThat(result).containsExactly(change);
        assertThat(warnings).singleElement().asString().contains("no outliers");
        TensorMerge parity = tensor(new float[4], change);
        method("breadcrumbs").merge(parity.set("weight", 1).set("density", 0.5).parity(true));
        assertThat(result).containsExactly(0, 0, 0, 0);
    }

    @Test
    void modelStockWarnsOfChangesThatPointApart() throws IOException {
        float[][] models = {{1, 0.1f}, {-1, 0.1f}};
        method("model_stock").merge(tensor(new float[2], models));
        assertThat(warnings).singleElement().asString().contains("point apart");
        method("model_stock").merge(tensor(new float[2], models).set("clamp", 1));
        assertThat(result).containsExactly(0, 0);
    }

    @Test
    void dareKeepsItsShareAndTheSumOfMagnitudes() throws IOException {
        float[] change = random(1, 200_000);
        TensorMerge tensor = tensor(new float[change.length], change);
        method("dare_linear").merge(tensor.set("weight", 1).set("density", 0.3));
        double kept = 0;
        double before = 0;
        double after = 0;
        for (int k = 0; k < change.length; k++) {
            kept += result[k] == 0 ? 0 : 1;
            before += Math.abs(change[k]);
            after += Math.abs(result[k]);
        }
        double deviation = Math.sqrt(0.3 * 0.7 / change.length);
        assertThat(kept / change.length).isCloseTo(0.3, within(4 * deviation));
        assertThat(after / before).isCloseTo(1, within(1e-6));
    }

    @Test
    void randomNumbersDependOnSeedNameModelAndPlaceOnly() {
        Draws draws = Draws.of(1, "a");
        assertThat(draws.at(2, 7)).isEqualTo(Draws.of(1, "a").at(2, 7)).isBetween(0.0, 1.0);
        assertThat(draws.at(2, 7))
                .isNotEqualTo(Draws.of(2, "a").at(2, 7))
                .isNotEqualTo(Draws.of(1, "b").at(2, 7))
                .isNotEqualTo(draws.at(1, 7))
                .isNotEqualTo(draws.at(2, 8));
    }

    @Test
    void selectsRanksAsSortingDoes() throws IOException {
        float[] values = random(3, 150_000);
        for (int k = 0; k < values.length; k++) {
            values[k] = Math.abs(Math.round(values[k] * 5000) / 5000f);
        }
        float[] sorted = values.clone();
        Arrays.sort(sorted);
        long[] ranks = {0, 1, 70_000, 70_001, sorted.length - 1};
        RankSelection.Ranked[] found =
                RankSelection.find(consumer -> consumer.accept(values, values.length), ranks);
        for (int r = 0; r < ranks.length; r++) {
            float expected = sorted[(int) ranks[r]];
            assertThat(found[r].value()).isEqualTo(expected);
            assertThat(found[r].less())
                    .isEqualTo(Arrays.stream(toDoubles(values)).filter(v -> v < expected).count());
            assertThat(found[r].equal())
                    .isEqualTo(Arrays.stream(toDoubles(values)).filter(v -> v == expected).count());
        }
    }

    private static double[] toDoubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int k = 0; k < values.length; k++) {
            doubles[k] = values[k];
        }
        return doubles;
    }

    @Test
    void tiesKeepsTheLargestAcrossParts() throws IOException {
        float[] change = random(4, 200_000);
        TensorMerge tensor = tensor(new float[change.length], change);
        method("ties").merge(tensor.set("weight", 1).set("density", 0.25));
        float[] sizes = change.clone();
        for (int k = 0; k < sizes.length; k++) {
            sizes[k] = Math.abs(sizes[k]);
        }
        Arrays.sort(sizes);
        float smallest = sizes[150_000];
        for (int k = 0; k < change.length; k++) {
            assertThat(result[k]).isEqualTo(Math.abs(change[k]) >= smallest ? change[k] : 0);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linear",
                "slerp",
                "nuslerp",
                "multislerp",
                "karcher",
                "task_arithmetic",
                "ties",
                "dare_linear",
                "dare_ties",
                "della",
                "della_linear",
                "breadcrumbs_ties",
                "model_stock",
                "nearswap",
                "sce",
                "arcee_fusion"
            })
    void mergingCopiesOfAModelGivesTheModel(String name) throws IOException {
        MergeMethod method = method(name);
        float[] x = random(5, 300);
        boolean base = method.info().base() == MethodInfo.Base.REQUIRED;
        float[][] models = new float[Math.max(1, method.info().minModels())][];
        Arrays.fill(models, x);
        TensorMerge tensor = tensor(base ? x : null, models).set("weight", 0.7).set("t", 0.3);
        method.merge(tensor);
        for (int k = 0; k < x.length; k++) {
            assertThat(result[k]).as(name + " " + k).isCloseTo(x[k], within(1e-6f));
        }
    }

    @Test
    void notANumberStaysVisible() throws IOException {
        for (String name : List.of("ties", "task_arithmetic", "ram")) {
            TensorMerge tensor = tensor(new float[2], new float[] {Float.NaN, 1});
            method(name).merge(tensor.set("weight", 1));
            assertThat(result[0]).as(name).isNaN();
            assertThat(result[1]).as(name).isEqualTo(1);
        }
    }

    @Test
    void refusesWhatIsNotDefined() {
        float[] x = {1, 0};
        float[] y = {-1, 0};
        assertThatThrownBy(
                        () ->
                                method("linear")
                                        .merge(
                                                tensor(null, x, y)
                                                        .set(0, "weight", 1)
                                                        .set(1, "weight", -1)))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("add up to 0");
        assertThatThrownBy(() -> method("linear").merge(tensor(null, x)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("needs a value for weight");
        assertThatThrownBy(
                        () ->
                                method("ties")
                                        .merge(tensor(x, y).set("weight", 1).set("density", 1.5)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("from 0 to 1");
        assertThatThrownBy(
                        () -> method("multislerp").merge(tensor(null, x, y, x, y).set("weight", 1)))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("cancel out");
    }

    @Test
    void tensorsWithoutElementsAndScalarsAreMerged() throws IOException {
        for (String name : MergeMethods.names()) {
            MergeMethod method = method(name);
            boolean base = method.info().base() == MethodInfo.Base.REQUIRED;
            float[][] empty = new float[Math.max(1, method.info().minModels())][0];
            TensorMerge tensor =
                    tensor(base ? new float[0] : null, empty).set("weight", 1).set("t", 0.5);
            method.merge(tensor);
            assertThat(result).as(name).isEmpty();
        }
    }
}
