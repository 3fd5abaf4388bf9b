package org.retain4j.finetune.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** The steps are those of the formulas, computed here in double precision. */
class AdafactorTest {

    private static final int ROWS = 3;
    private static final int COLUMNS = 4;
    private static final int STEPS = 6;

    @ParameterizedTest
    @CsvSource({
        "false, false, 0, 1",
        "true, false, 0.1, 0.05",
        "false, true, 0.1, 1",
        "true, true, 0, 0.5"
    })
    void matricesAndVectorsFollowTheFormulas(
            boolean scaled, boolean relative, double decay, double clip) {
        Adafactor.Options options =
                new Adafactor.Options(1e-30, 1e-3, clip, -0.8, decay, scaled, relative);
        try (Scope scope = Scope.open()) {
            double[] matrix = values(1, ROWS * COLUMNS);
            double[] vector = values(2, COLUMNS);
            Tensor matrixTensor = tensor(matrix, ROWS, COLUMNS);
            Tensor vectorTensor = tensor(vector, COLUMNS);
            double[] rows = new double[ROWS];
            double[] columns = new double[COLUMNS];
            double[] whole = new double[COLUMNS];
            try (Adafactor optimizer =
                    options.create(
                            List.of(
                                    new Parameter("m", matrixTensor),
                                    new Parameter("v", vectorTensor)))) {
                for (int t = 1; t <= STEPS; t++) {
                    double[] gm = values(10 + t, ROWS * COLUMNS);
                    double[] gv = values(50 + t, COLUMNS);
                    optimizer.step(List.of(tensor(gm, ROWS, COLUMNS), tensor(gv, COLUMNS)), 0.02);
                    double beta = 1 - Math.pow(t, -0.8);
                    double rate = relative ? 0.02 * Math.min(0.01, 1 / Math.sqrt(t)) : 0.02;
                    for (int r = 0; r < ROWS; r++) {
                        double mean = 0;
                        for (int c = 0; c < COLUMNS; c++) {
                            mean += square(gm[r * COLUMNS + c]) / COLUMNS;
                        }
                        rows[r] = beta * rows[r] + (1 - beta) * mean;
                    }
                    double rowMean = 0;
                    for (double row : rows) {
                        rowMean += row / ROWS;
                    }
                    for (int c = 0; c < COLUMNS; c++) {
                        double mean = 0;
                        for (int r = 0; r < ROWS; r++) {
                            mean += square(gm[r * COLUMNS + c]) / ROWS;
                        }
                        columns[c] = beta * columns[c] + (1 - beta) * mean;
                        whole[c] = beta * whole[c] + (1 - beta) * square(gv[c]);
                    }
                    double[] um = new double[gm.length];
                    for (int i = 0; i < um.length; i++) {
                        double second = rows[i / COLUMNS] * columns[i % COLUMNS] / rowMean;
                        um[i] = gm[i] / Math.sqrt(second);
                    }
                    double[] uv = new double[gv.length];
                    for (int i = 0; i < uv.length; i++) {
                        uv[i] = gv[i] / Math.sqrt(whole[i]);
                    }
                    apply(matrix, um, rate, clip, scaled, decay);
                    apply(vector, uv, rate, clip, scaled, 0);
                }
            }
            assertThat(matrixTensor.to(org.retain4j.core.tensor.DType.FLOAT64).toDoubleArray())
                    .containsExactly(matrix, within(2e-6));
            assertThat(vectorTensor.to(org.retain4j.core.tensor.DType.FLOAT64).toDoubleArray())
                    .containsExactly(vector, within(2e-6));
        }
    }

    private static void apply(
            double[] x, double[] update, double rate, double clip, boolean scaled, double decay) {
        double step = scaled ? rate * Math.max(1e-3, rms(x)) : rate;
        double shrink = Math.max(1, rms(update) / clip);
        for (int i = 0; i < x.length; i++) {
            x[i] = x[i] - decay * step * x[i] - step * update[i] / shrink;
        }
    }

    private static double square(double x) {
        return x * x;
    }

    private static double rms(double[] x) {
        double sum = 0;
        for (double value : x) {
            sum += square(value);
        }
        return Math.sqrt(sum / x.length);
    }

    private static double[] values(int site, int count) {
        Random random = Random.at(3, site, "adafactor");
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static Tensor tensor(double[] values, long... shape) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return Tensor.of(floats, shape);
    }

    @Test
    void aMatrixCostsARowAndAColumn() {
        try (Scope scope = Scope.open();
                Adafactor optimizer =
                        Adafactor.Options.defaults()
                                .create(
                                        List.of(
                                                new Parameter(
                                                        "m", Tensor.of(new float[12], 3, 4))))) {
            List<Long> sizes = new ArrayList<>();
            optimizer.save().tensors().values().forEach(t -> sizes.add(t.elements()));
            assertThat(sizes).containsExactly(3L, 4L);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Adafactor.Options(1e-30, 1e-3, 1, 0.8, 0, false, false))
                .withMessageContaining("decay_rate");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Adafactor.Options(1e-30, 1e-3, 0, -0.8, 0, false, false))
                .withMessageContaining("clip_threshold");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Adafactor.Options.defaults().withWeightDecay(-1))
                .withMessageContaining("weight_decay");
    }
}
