package org.retain4j.cli.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.cli.usage.UsageException;

class CachedDatasetsTest {

    private static final String REVISION = "0123456789abcdef0123456789abcdef01234567";

    @TempDir Path cache;

    private Path put(String repo, String file, String text) throws IOException {
        Path own = cache.resolve("datasets--" + repo);
        Files.createDirectories(own.resolve("refs"));
        Files.writeString(own.resolve("refs/main"), REVISION);
        Path path = own.resolve("snapshots").resolve(REVISION).resolve(file);
        Files.createDirectories(path.getParent());
        return Files.writeString(path, text);
    }

    private EvaluationPlan.Step step(String task) throws IOException {
        return EvaluationPlan.of(
                        List.of(task), List.of(), Optional.empty(), new CachedDatasets(cache))
                .steps()
                .get(0);
    }

    @Test
    void findsTheSplitsOfTheConfiguration() throws IOException {
        put("allenai--ai2_arc", "ARC-Challenge/test.jsonl", "{}");
        Path easy = put("allenai--ai2_arc", "ARC-Easy/test.jsonl", "{\"question\":\"q\"}");
        Path train = put("allenai--ai2_arc", "ARC-Easy/train.jsonl", "{}");
        EvaluationPlan.Step step = step("arc_easy");
        assertThat(step.place()).isEqualTo(easy);
        assertThat(step.shots()).contains(train);
        Path words = put("EleutherAI--lambada_openai", "data/lambada_test.jsonl", "{}");
        assertThat(step("lambada_openai").place()).isEqualTo(words);
    }

    @Test
    void whatIsNotThereOrIsParquetIsTold() throws IOException {
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> step("lambada_openai"))
                .withMessageContaining("no data for lambada_openai, give --data");
        put("EleutherAI--lambada_openai", "data/test-00000-of-00001.parquet", "PAR1");
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> step("lambada_openai"))
                .withMessageContaining("Parquet in the hub's cache")
                .withMessageContaining("--data lambada_openai=FILE.jsonl");
        Files.writeString(
                cache.resolve("datasets--EleutherAI--lambada_openai/refs/main"), "../../..");
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> step("lambada_openai"))
                .withMessageContaining("no data for lambada_openai, give --data");
    }
}
