package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.tensor.DType;

class SafetensorsWriterTest {

    @TempDir Path folder;

    private List<String> names() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).toList();
        }
    }

    private static void copy(SafetensorsFile from, Path to, int part) throws IOException {
        List<TensorSpec> specs =
                new ArrayList<>(from.tensors().values().stream().map(TensorInfo::spec).toList());
        Collections.reverse(specs);
        try (SafetensorsWriter writer = SafetensorsWriter.create(to, specs, from.metadata())) {
            for (TensorSpec spec : specs) {
                for (long at = 0; at < spec.byteCount(); at += part) {
                    int length = (int) Math.min(part, spec.byteCount() - at);
                    writer.write(spec.name(), from.map(spec.name(), at, length));
                }
            }
            writer.commit();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "models/llama/model.safetensors",
                "models/llama/expected.safetensors",
                "safetensors/adapter_with_metadata.safetensors",
                "safetensors/f64_and_i64.safetensors"
            })
    void writesTheSameBytesAsThePythonLibrary(String name) throws IOException {
        Path original = folder.resolve("original");
        try (InputStream in = getClass().getResourceAsStream("/golden/" + name)) {
            Files.copy(in, original);
        }
        Path again = folder.resolve("again");
        try (SafetensorsFile file = SafetensorsFile.open(original)) {
            assertThat(file.tensors()).isNotEmpty();
            copy(file, again, 1000);
        }
        assertThat(again).hasSameBinaryContentAs(original);
    }

    @Test
    void ordersByTypeThenByBytesOfTheName() throws IOException {
        List<TensorSpec> specs = new ArrayList<>();
        for (DType dtype : DType.values()) {
            specs.add(TensorSpec.of("z." + dtype, dtype, 1));
        }
        // In UTF-16 order the emoji, a surrogate pair, would come before U+FF5E.
        specs.add(TensorSpec.of("😀", DType.BOOL, 1));
        specs.add(TensorSpec.of("\uff5e", DType.BOOL, 1));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve("x"), specs, Map.of())) {
            assertThat(writer.tensors().keySet())
                    .containsExactly(
                            "z.int64",
                            "z.float64",
                            "z.float32",
                            "z.int32",
                            "z.bfloat16",
                            "z.float16",
                            "z.int8",
                            "z.uint8",
                            "z.bool",
                            "\uff5e",
                            "😀");
        }
        assertThat(names()).isEmpty();
    }

    @Test
    void escapesNamesAsThePythonLibraryDoes() throws IOException {
        Path target = folder.resolve("x");
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        target,
                        List.of(TensorSpec.of("a\"\\/\u001f\n\u007fé😀", DType.BOOL, 0)),
                        Map.of("b", "2", "a", "1"))) {
            writer.commit();
        }
        String text = Files.readString(target).substring(8);
        assertThat(text)
                .startsWith(
                        "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},"
                                + "\"a\\\"\\\\/\\u001f\\n\u007fé😀\":{\"dtype\":\"BOOL\",\"shape\":[0],"
                                + "\"data_offsets\":[0,0]}}");
        assertThat(Files.size(target) % 8).isZero();
        try (SafetensorsFile file = SafetensorsFile.open(target)) {
            assertThat(file.tensors()).containsOnlyKeys("a\"\\/\u001f\n\u007fé😀");
        }
    }

    @Test
    void leavesNothingBehindWithoutCommit() throws IOException {
        Path target = Files.writeString(folder.resolve("x"), "before");
        SafetensorsWriter writer =
                SafetensorsWriter.create(
                        target, List.of(TensorSpec.of("a", DType.UINT8, 4)), Map.of());
        writer.write("a", ByteBuffer.allocate(3));
        assertThatThrownBy(writer::commit)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("'a' has 3 of 4 bytes");
        writer.close();
        writer.close();
        assertThat(names()).containsExactly("x");
        assertThat(target).hasContent("before");
    }

    @Test
    void refusesWrongUse() throws IOException {
        Path target = folder.resolve("x");
        TensorSpec a = TensorSpec.of("a", DType.UINT8, 4);
        assertThatThrownBy(() -> SafetensorsWriter.create(target, List.of(a, a), Map.of()))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("'a'");
        TensorSpec reserved = TensorSpec.of("__metadata__", DType.UINT8, 1);
        assertThatThrownBy(() -> SafetensorsWriter.create(target, List.of(reserved), Map.of()))
                .isInstanceOf(SafetensorsException.class);
        TensorSpec half = TensorSpec.of("\ud83d", DType.UINT8, 1);
        assertThatThrownBy(() -> SafetensorsWriter.create(target, List.of(half), Map.of()))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("Unicode");
        assertThatThrownBy(() -> TensorSpec.of("a", DType.UINT8, -1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TensorSpec.of("a", DType.INT64, 1L << 40, 1L << 40))
                .isInstanceOf(IllegalArgumentException.class);
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, List.of(a), Map.of())) {
            assertThatThrownBy(() -> writer.write("b", ByteBuffer.allocate(1)))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> writer.write("a", ByteBuffer.allocate(5)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("do not fit");
        }
        assertThat(names()).isEmpty();
    }
}
