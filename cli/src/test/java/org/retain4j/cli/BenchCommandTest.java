package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The benchmark runs real steps of a tiny model; mistakes are refused before. */
class BenchCommandTest {

    @TempDir Path folder;
    private String config;

    @BeforeEach
    void writeTinyConfiguration() throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(
                file,
                "{\"model_type\":\"llama\",\"vocab_size\":32,\"hidden_size\":8,"
                        + "\"intermediate_size\":16,\"num_hidden_layers\":2,"
                        + "\"num_attention_heads\":2,\"tie_word_embeddings\":true}");
        config = file.toString();
    }

    @Test
    void oneLineOfJsonHoldsTheFigures() throws IOException {
        Invocation run =
                Invocation.of(
                        "bench",
                        "--config",
                        config,
                        "--max-length",
                        "8",
                        "--steps",
                        "3",
                        "--gradient-checkpointing",
                        "--json");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out().lines()).hasSize(1);
        JsonNode figures = new ObjectMapper().readTree(run.out());
        assertThat(figures.get("wall_seconds").asDouble()).isNotNegative();
        assertThat(figures.get("cpu_seconds").asDouble()).isNotNegative();
        assertThat(figures.get("tokens_per_second").asDouble()).isPositive();
        double shares = 0;
        for (JsonNode share : figures.get("shares")) {
            assertThat(share.asDouble()).isBetween(0.0, 1.0);
            shares += share.asDouble();
        }
        assertThat(shares).isCloseTo(1, within(0.01));
        assertThat(figures.get("shares").fieldNames())
                .toIterable()
                .containsExactly(
                        "data",
                        "forward",
                        "loss_head",
                        "backward",
                        "clipping",
                        "optimizer",
                        "everything_else");
        // random weights: about as good as guessing among 32 tokens
        assertThat(figures.get("loss").asDouble()).isBetween(3.0, 4.0);
    }

    @Test
    void theTableNamesTheShape() {
        Invocation run =
                Invocation.of(
                        "bench",
                        "--config",
                        config,
                        "--max-length",
                        "8",
                        "--batch-size",
                        "3",
                        "--steps",
                        "2");
        assertThat(run.exit()).as(run.err()).isZero();
        // 32x8 embedding, 2 blocks of 4x8x8 + 3x8x16 + 2x8, final norm
        assertThat(run.out()).contains("trained parameters    1,576").contains("3 x 8");
        assertThat(run.out()).contains("share of the time", "  backward  ", "  everything else  ");
    }

    @Test
    void aModelIsMeasuredWithItsOwnWeights() throws IOException {
        Invocation run =
                Invocation.of(
                        "bench",
                        "--model",
                        "embedded:stories260K",
                        "--max-length",
                        "8",
                        "--steps",
                        "2",
                        "--json");
        assertThat(run.exit()).as(run.err()).isZero();
        // trained weights on random tokens: worse than guessing among its 512
        assertThat(new ObjectMapper().readTree(run.out()).get("loss").asDouble())
                .isGreaterThan(Math.log(512));
        Invocation both = Invocation.of("bench", "--model", "x", "--config", config);
        assertThat(both.exit()).isEqualTo(2);
        assertThat(both.err()).contains("--model and --config");
    }

    @Test
    void stepsWithMethodsAreComparedWithStepsWithout() throws IOException {
        Invocation run =
                Invocation.of(
                        "bench",
                        "--config",
                        config,
                        "--methods",
                        "l2sp,ewc,kl-lora,replay:0.5,agem,sam,fisher",
                        "--max-length",
                        "8",
                        "--steps",
                        "2",
                        "--rounds",
                        "1",
                        "--json");
        assertThat(run.exit()).as(run.err()).isZero();
        JsonNode lines = new ObjectMapper().readTree(run.out()).get("methods");
        assertThat(lines.findValuesAsText("method"))
                .containsExactly(
                        "plain",
                        "l2sp",
                        "ewc",
                        "lora",
                        "kl-lora",
                        "replay:0.5",
                        "agem",
                        "sam",
                        "plain, 1 row",
                        "fisher");
        assertThat(lines.get(0).get("ratio").isNull()).isTrue();
        assertThat(lines.get(4).get("reference").asText()).isEqualTo("lora");
        assertThat(lines.get(6).get("samples").asInt()).isEqualTo(1);
        assertThat(lines.get(9).get("reference").asText()).isEqualTo("plain, 1 row");
        assertThat(lines.get(9).get("samples").asInt()).isEqualTo(16);
    }

    @ParameterizedTest
    @CsvSource({
        "--steps,1,2 steps",
        "--methods,l2spp,unknown method l2spp",
        "--methods,replay:2,no share",
        "--batch-size,0,at least 1 row",
        "--max-length,x,whole number",
        "--precision,f8,unknown precision"
    })
    void aMistakeIsWrongUsage(String option, String value, String reason) {
        Invocation run = Invocation.of("bench", "--config", config, option, value);
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).contains(reason);
    }

    @Test
    void aConfigurationOfAnotherFamilyIsRefusedByName() throws IOException {
        Path other = folder.resolve("other.json");
        Files.writeString(other, "{\"model_type\":\"resnet\"}");
        Invocation run = Invocation.of("bench", "--config", other.toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("resnet").contains("supported are gemma2");
    }
}
