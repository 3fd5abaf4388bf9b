package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Standard errors against lm-evaluation-harness; origin in golden/tasks/README.md. */
class GoldenStatisticsTest {

    private JsonNode wanted;

    @BeforeEach
    void read() throws IOException {
        wanted =
                new ObjectMapper()
                        .readTree(Path.of("src/test/resources/golden/tasks/metrics.json").toFile())
                        .get("statistics");
    }

    private double[] doubles(String name) {
        JsonNode node = wanted.get(name);
        return IntStream.range(0, node.size()).mapToDouble(i -> node.get(i).asDouble()).toArray();
    }

    @Test
    void meansHaveTheErrorsOfTheHarness() {
        assertThat(StandardError.ofMean(doubles("values")))
                .isCloseTo(wanted.get("mean_stderr").asDouble(), within(1e-12));
        assertThat(StandardError.ofMean(doubles("bits")))
                .isCloseTo(wanted.get("bits_stderr").asDouble(), within(1e-12));
        assertThat(StandardError.ofMean(1)).isNaN();
    }

    @Test
    void bootstrapsDrawTheSamplesOfTheHarness() {
        double[] minus = DoubleStream.of(doubles("values")).map(x -> -x).toArray();
        JsonNode perplexity = wanted.get("bootstrap_perplexity_stderr");
        assertThat(
                        StandardError.bootstrap(
                                x -> Math.exp(-DoubleStream.of(x).sum() / x.length),
                                minus,
                                perplexity.get("iters").asInt()))
                .isCloseTo(perplexity.get("value").asDouble(), within(1e-12));
        JsonNode median = wanted.get("bootstrap_median_stderr");
        assertThat(
                        StandardError.bootstrap(
                                x -> {
                                    double[] sorted = x.clone();
                                    Arrays.sort(sorted);
                                    return sorted[sorted.length / 2];
                                },
                                doubles("values"),
                                median.get("iters").asInt()))
                .isCloseTo(median.get("value").asDouble(), within(1e-12));
    }

    @Test
    void groupsArePooled() {
        JsonNode pooled = wanted.get("pooled");
        double[] errors = new double[3];
        int[] sizes = new int[3];
        for (int i = 0; i < 3; i++) {
            errors[i] = pooled.get("stderrs").get(i).asDouble();
            sizes[i] = pooled.get("sizes").get(i).asInt();
        }
        assertThat(StandardError.pooled(errors, sizes))
                .isCloseTo(pooled.get("value").asDouble(), within(1e-15));
    }
}
