package org.retain4j.evaluation.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Metrics against numbers computed in Python; origin in golden/tasks/README.md. */
class GoldenMetricsTest {

    private static JsonNode wanted(String part) throws IOException {
        return new ObjectMapper()
                .readTree(Path.of("src/test/resources/golden/tasks/metrics.json").toFile())
                .get(part);
    }

    private static double[] doubles(JsonNode node) {
        return IntStream.range(0, node.size()).mapToDouble(i -> node.get(i).asDouble()).toArray();
    }

    @Test
    void passAtKIsTheUnbiasedEstimate() throws IOException {
        for (JsonNode row : wanted("pass_at_k")) {
            assertThat(PassAtK.of(row.get("n").asInt(), row.get("c").asInt(), row.get("k").asInt()))
                    .isCloseTo(row.get("pass_at_k").asDouble(), within(1e-12));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> PassAtK.of(5, 6, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> PassAtK.of(5, 2, 6));
    }

    @Test
    void aScoreMatrixHasTheMeasuresOfTheLiterature() throws IOException {
        JsonNode wanted = wanted("continual");
        double[][] scores = new double[wanted.get("scores").size()][];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = doubles(wanted.get("scores").get(i));
        }
        ScoreMatrix matrix = new ScoreMatrix(scores);
        assertValue(matrix.averageAccuracy(), wanted, "ACC");
        assertValue(matrix.backwardTransfer(), wanted, "BWT");
        assertValue(matrix.forwardTransfer(doubles(wanted.get("base"))), wanted, "FWT");
        assertValue(matrix.forgetting(), wanted, "forgetting");
        assertValue(
                matrix.forgettingSinceLearned(),
                wanted,
                "forgetting_max_over_stages_since_learned");
        assertValue(matrix.forgettingFirstMinusLast(), wanted, "forgetting_first_minus_last");
        assertValue(matrix.intransigence(doubles(wanted.get("joint"))), wanted, "intransigence");
        assertValue(matrix.learningAccuracy(), wanted, "learning_accuracy");
        assertThat(matrix.forgettingPerTask())
                .containsExactly(doubles(wanted.get("forgetting_per_task")), within(1e-12));
        assertThat(matrix.averageOfSeenTasks())
                .containsExactly(
                        doubles(wanted.get("average_accuracy_per_stage_seen_tasks")),
                        within(1e-12));
        assertThat(matrix.averageOfAllTasks())
                .containsExactly(
                        doubles(wanted.get("average_accuracy_per_stage_all_tasks")), within(1e-12));
    }

    private static void assertValue(double found, JsonNode wanted, String name) {
        assertThat(found).as(name).isCloseTo(wanted.get(name).asDouble(), within(1e-12));
    }

    /** A lucky score before a task was learned separates the two definitions of forgetting. */
    @Test
    void definitionsOfForgettingDiffer() {
        ScoreMatrix matrix =
                new ScoreMatrix(new double[][] {{0.9, 0.8, 0}, {0.5, 0.6, 0}, {0.4, 0.5, 0.7}});
        assertThat(matrix.forgettingPerTask())
                .containsExactly(new double[] {0.5, 0.3}, within(1e-12));
        assertThat(matrix.forgettingSinceLearned()).isCloseTo((0.5 + 0.1) / 2, within(1e-12));
        assertThat(matrix.areaUnderAverageAccuracy())
                .isCloseTo((0.9 + 0.55 + 1.6 / 3) / 3, within(1e-12));
    }

    @Test
    void oneTaskForgetsNothingAndWrongShapesAreRefused() {
        ScoreMatrix one = new ScoreMatrix(new double[][] {{0.5}});
        assertThat(one.forgetting()).isZero();
        assertThat(one.backwardTransfer()).isZero();
        assertThat(one.forgettingFirstMinusLast()).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ScoreMatrix(new double[][] {{1, 2}, {1}}))
                .withMessageContaining("stage 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ScoreMatrix(new double[][] {{Double.NaN}}));
        assertThatIllegalArgumentException().isThrownBy(() -> new ScoreMatrix(new double[0][]));
        assertThatIllegalArgumentException().isThrownBy(() -> one.forwardTransfer(1, 2));
    }
}
