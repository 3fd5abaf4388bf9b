package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;

/** Conversion of a folder; that of GGUF files is tested beside their reader. */
class ConvertCommandTest {

    private static final Path SOURCE = Path.of("../core/src/test/resources/golden/models/llama");

    @TempDir Path temp;

    @Test
    void aSmallerTypeAndShardsGiveARoundedModelWithAllItsFiles() throws IOException {
        Path target = temp.resolve("a/b");
        Invocation run =
                Invocation.of(
                        "convert",
                        SOURCE.toString(),
                        target.toString(),
                        "--dtype",
                        "bf16",
                        "--max-shard-size",
                        "60KB");
        assertThat(run.exit()).as(run.err()).isZero();
        try (Stream<Path> files = Files.list(target)) {
            assertThat(files.map(f -> String.valueOf(f.getFileName())))
                    .contains(
                            "config.json",
                            "tokenizer.json",
                            "tokenizer_config.json",
                            "generation_config.json",
                            "model.safetensors.index.json")
                    .anyMatch(name -> name.startsWith("model-00001-of-0000"))
                    .noneMatch(name -> name.endsWith(".tmp") || name.equals("model.safetensors"));
        }
        assertThat(
                        new ObjectMapper()
                                .readTree(target.resolve("config.json").toFile())
                                .get("dtype")
                                .asText())
                .isEqualTo("bfloat16");
        try (CausalLm before = Pretrained.load(SOURCE);
                CausalLm after = Pretrained.load(target);
                Scope scope = Scope.open()) {
            for (Parameter parameter : before.parameters()) {
                assertThat(after.parameter(parameter.name()).value().toFloatArray())
                        .isEqualTo(
                                parameter
                                        .value()
                                        .to(DType.BFLOAT16)
                                        .to(DType.FLOAT32)
                                        .toFloatArray());
            }
        }
    }

    @Test
    void withoutOptionsWeightsAreCopiedBitForBit() throws IOException {
        Path target = temp.resolve("copy");
        assertThat(Invocation.of("convert", SOURCE.toString(), target.toString()).exit()).isZero();
        assertThat(target.resolve("config.json"))
                .hasSameTextualContentAs(SOURCE.resolve("config.json"));
        try (CausalLm before = Pretrained.load(SOURCE);
                CausalLm after = Pretrained.load(target);
                Scope scope = Scope.open()) {
            for (Parameter parameter : before.parameters()) {
                assertThat(after.parameter(parameter.name()).value().toFloatArray())
                        .isEqualTo(parameter.value().toFloatArray());
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--dtype int8|--dtype",
                "--max-shard-size 5XB|--max-shard-size",
                "--max-shard-size 0|--max-shard-size",
                "--dtpye bf16|--dtype"
            })
    void aMistakeInAnOptionIsNamedAndNothingIsWritten(String option, String reason) {
        Path target = temp.resolve("none");
        String[] words = option.split(" ");
        Invocation run =
                Invocation.of("convert", SOURCE.toString(), target.toString(), words[0], words[1]);
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains(reason);
        assertThat(target).doesNotExist();
    }

    @Test
    void aTargetThatHoldsSomethingIsLeftAlone() throws IOException {
        Files.writeString(temp.resolve("mine.txt"), "mine");
        Invocation run = Invocation.of("convert", SOURCE.toString(), temp.toString());
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains("not empty");
        assertThat(temp.resolve("mine.txt")).hasContent("mine");
    }

    @Test
    void aPickleIsRefusedWithAWayOut() throws IOException {
        Path folder = Files.createDirectory(temp.resolve("pickle"));
        Files.copy(SOURCE.resolve("config.json"), folder.resolve("config.json"));
        Files.write(folder.resolve("pytorch_model.bin"), new byte[] {1, 2, 3});
        Invocation run = Invocation.of("convert", folder.toString(), temp.resolve("x").toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("pickle").contains("safe_serialization=True");
    }
}
