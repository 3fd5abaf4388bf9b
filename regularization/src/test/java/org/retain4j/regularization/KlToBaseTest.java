package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.regularization.KlToBase.Direction;

/** Values and gradients on scores, against the formula in double. */
class KlToBaseTest {

    private static final int POSITIONS = 3;
    private static final int VOCABULARY = 7;
    private static final float[] WEIGHTS = {0.5f, 0, 0.25f};
    private static final double STEP = 1e-4;

    private CausalLm base;
    private Scope scope;

    @BeforeEach
    void load() throws IOException {
        base = GoldenPenalties.model();
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
        base.close();
    }

    private static Tensor scores(String site) {
        return Random.at(9, 0, site).normal(2, POSITIONS, VOCABULARY);
    }

    private static LogitChunk chunk(Tensor student) {
        return new LogitChunk(
                student,
                Tensor.zerosLike(student),
                Tensor.of(new long[] {1, -100, 4}, POSITIONS),
                Tensor.of(WEIGHTS, POSITIONS));
    }

    private static double[] logSoftmax(double[] scores, int position, double temperature) {
        double[] row = new double[VOCABULARY];
        double sum = 0;
        for (int v = 0; v < VOCABULARY; v++) {
            row[v] = scores[position * VOCABULARY + v] / temperature;
            sum += Math.exp(row[v]);
        }
        for (int v = 0; v < VOCABULARY; v++) {
            row[v] -= Math.log(sum);
        }
        return row;
    }

    /** β T² Σ w KL. */
    private static double value(
            double[] student,
            double[] teacher,
            double beta,
            Direction direction,
            double temperature) {
        double sum = 0;
        for (int p = 0; p < POSITIONS; p++) {
            double[] s = logSoftmax(student, p, temperature);
            double[] t = logSoftmax(teacher, p, temperature);
            double[] from = direction == Direction.FORWARD ? t : s;
            double[] to = direction == Direction.FORWARD ? s : t;
            for (int v = 0; v < VOCABULARY; v++) {
                sum += WEIGHTS[p] * Math.exp(from[v]) * (from[v] - to[v]);
            }
        }
        return beta * temperature * temperature * sum;
    }

    @ParameterizedTest
    @CsvSource({
        "FORWARD,1,1",
        "FORWARD,2,0.3",
        "FORWARD,0.5,1",
        "REVERSE,1,1",
        "REVERSE,3,0.3",
        "REVERSE,0.5,1"
    })
    void valueAndGradientFollowTheFormula(Direction direction, double temperature, double beta) {
        Tensor student = scores("student");
        Tensor teacher = scores("teacher");
        LogitChunk chunk = chunk(student);
        double value =
                new KlToBase(base, beta, direction, temperature).accumulate(chunk, teacher).item();
        double[] s = student.toDoubleArray();
        double[] t = teacher.toDoubleArray();
        assertThat(value)
                .isCloseTo(value(s, t, beta, direction, temperature), within(1e-5))
                .isPositive();
        double[] gradient = chunk.gradient().toDoubleArray();
        for (int i = 0; i < s.length; i++) {
            double[] up = s.clone();
            double[] down = s.clone();
            up[i] += STEP;
            down[i] -= STEP;
            double slope =
                    (value(up, t, beta, direction, temperature)
                                    - value(down, t, beta, direction, temperature))
                            / (2 * STEP);
            assertThat(gradient[i]).isCloseTo(slope, within(1e-5));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"FORWARD", "REVERSE"})
    void equalPredictionsCostNothing(Direction direction) {
        Tensor student = scores("same");
        LogitChunk chunk = chunk(student);
        // a shift of all scores of a position changes no prediction
        double value = new KlToBase(base, 1, direction, 1).accumulate(chunk, student.add(5)).item();
        assertThat(value).isCloseTo(0, within(1e-6));
        assertThat(chunk.gradient().abs().max().item()).isLessThan(1e-6);
    }

    @Test
    void theDirectionsPunishDifferentMistakes() {
        // the teacher has two modes of which the student knows one
        float[] student = new float[POSITIONS * VOCABULARY];
        float[] teacher = new float[POSITIONS * VOCABULARY];
        for (int p = 0; p < POSITIONS; p++) {
            student[p * VOCABULARY] = 8;
            teacher[p * VOCABULARY] = 8;
            teacher[p * VOCABULARY + 1] = 8;
        }
        Tensor s = Tensor.of(student, POSITIONS, VOCABULARY);
        Tensor t = Tensor.of(teacher, POSITIONS, VOCABULARY);
        double forward = new KlToBase(base, 1, Direction.FORWARD, 1).accumulate(chunk(s), t).item();
        double reverse = new KlToBase(base, 1, Direction.REVERSE, 1).accumulate(chunk(s), t).item();
        assertThat(forward).isGreaterThan(3 * reverse);
    }

    @Test
    void theGradientIsAddedToWhatIsThereAndTheScoresStay() {
        Tensor student = scores("student");
        double[] before = student.toDoubleArray();
        LogitChunk chunk = chunk(student);
        KlToBase method = new KlToBase(base, 1);
        method.accumulate(chunk, scores("teacher"));
        double[] once = chunk.gradient().toDoubleArray();
        method.accumulate(chunk, scores("teacher"));
        double[] twice = chunk.gradient().toDoubleArray();
        for (int i = 0; i < once.length; i++) {
            assertThat(twice[i]).isCloseTo(2 * once[i], within(1e-6));
        }
        assertThat(student.toDoubleArray()).isEqualTo(before);
        assertThat(List.of(once[VOCABULARY], once[VOCABULARY + 3])).containsOnly(0.0);
    }

    @Test
    void strengthZeroChangesNothing() {
        LogitChunk chunk = chunk(scores("student"));
        assertThat(new KlToBase(base, 0).accumulate(chunk, scores("teacher")).item()).isZero();
        assertThat(chunk.gradient().abs().max().item()).isZero();
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        for (double wrong : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new KlToBase(base, wrong))
                    .withMessageContaining("beta");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new KlToBase(base, 1, Direction.FORWARD, wrong))
                    .withMessageContaining("temperature");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new KlToBase(base, 1, Direction.FORWARD, 0));
    }
}
