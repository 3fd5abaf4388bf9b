package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.DType;

class TensorCopyTest {

    @TempDir Path folder;

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private Path source() throws IOException {
        Path source = Files.createDirectory(folder.resolve("source"));
        List<TensorSpec> specs =
                List.of(
                        TensorSpec.of("single", DType.FLOAT32, 2, 2),
                        TensorSpec.of("half", DType.FLOAT16, 1),
                        TensorSpec.of("ids", DType.INT64, 1),
                        TensorSpec.of("mask", DType.BOOL, 3),
                        TensorSpec.of("empty", DType.FLOAT32, 0, 7),
                        TensorSpec.of("large", DType.FLOAT32, 1, 600_001));
        ByteBuffer large = little(2_400_004);
        for (int i = 0; i < 600_001; i++) {
            large.putFloat(i);
        }
        try (ShardedWriter writer =
                ShardedWriter.create(source, specs, Map.of("format", "pt"), 1000)) {
            writer.write("large", large.flip());
            writer.write(
                    "single",
                    little(16).putFloat(1).putFloat(-0.1f).putFloat(1e9f).putFloat(3).flip());
            writer.write("half", little(2).putShort((short) 0x3c00).flip());
            writer.write("ids", little(8).putLong(-5).flip());
            writer.write("mask", ByteBuffer.wrap(new byte[] {1, 0, 1}));
            writer.commit();
        }
        return source;
    }

    @Test
    void convertsNumbersAndKeepsTheRest() throws IOException {
        Path target = folder.resolve("a/target");
        List<Long> progress = new ArrayList<>();
        try (SafetensorsFolder source = SafetensorsFolder.open(source())) {
            assertThat(source.files()).hasSize(2);
            List<TensorSpec> written =
                    TensorCopy.copy(
                            source,
                            target,
                            DType.BFLOAT16,
                            1 << 30,
                            (done, total) -> {
                                assertThat(total).isEqualTo(8 + 2 + 8 + 3 + 1_200_002);
                                progress.add(done);
                            });
            assertThat(written).hasSize(6);
        }
        assertThat(progress).isSorted().endsWith(1_200_023L).hasSizeGreaterThan(6);
        Map<String, IndependentCheck.Found> found =
                IndependentCheck.file(target.resolve("model.safetensors"));
        assertThat(found.get("single").dtype()).isEqualTo("BF16");
        assertThat(found.get("single").bytes())
                .containsExactly(0x80, 0x3f, 0xcd, 0xbd, 0x6e, 0x4e, 0x40, 0x40);
        assertThat(found.get("half").bytes()).containsExactly(0x80, 0x3f);
        assertThat(found.get("ids").dtype()).isEqualTo("I64");
        assertThat(found.get("ids").bytes()).startsWith(0xfb, 0xff);
        assertThat(found.get("mask").bytes()).containsExactly(1, 0, 1);
        assertThat(found.get("empty").shape()).isEqualTo("[0,7]");
        byte[] large = found.get("large").bytes();
        for (int i = 0; i < 600_001; i += 997) {
            short bits = ElementConversion.bfloatOfFloat(Float.floatToRawIntBits(i));
            assertThat(large[2 * i]).isEqualTo((byte) bits);
            assertThat(large[2 * i + 1]).isEqualTo((byte) (bits >> 8));
        }
    }

    @Test
    void withoutATypeAllBytesStay() throws IOException {
        Path sourceFolder = source();
        Path target = folder.resolve("target");
        try (SafetensorsFolder source = SafetensorsFolder.open(sourceFolder)) {
            TensorCopy.copy(source, target, null, 20, (done, total) -> {});
            Map<String, IndependentCheck.Found> before = IndependentCheck.folder(sourceFolder);
            Map<String, IndependentCheck.Found> after = IndependentCheck.folder(target);
            assertThat(after).containsOnlyKeys(before.keySet());
            before.forEach(
                    (name, found) -> {
                        assertThat(after.get(name).bytes()).isEqualTo(found.bytes());
                        assertThat(after.get(name).dtype()).isEqualTo(found.dtype());
                        assertThat(after.get(name).shape()).isEqualTo(found.shape());
                    });
        }
    }

    @Test
    void refusesOtherTypesAndItsOwnFolder() throws IOException {
        Path sourceFolder = source();
        try (SafetensorsFolder source = SafetensorsFolder.open(sourceFolder)) {
            for (DType dtype : List.of(DType.INT8, DType.FLOAT64, DType.BOOL)) {
                assertThatThrownBy(
                                () ->
                                        TensorCopy.copy(
                                                source,
                                                folder.resolve("x"),
                                                dtype,
                                                100,
                                                (done, total) -> {}))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(dtype.toString());
            }
            assertThatThrownBy(
                            () ->
                                    TensorCopy.copy(
                                            source,
                                            sourceFolder.resolve("../source"),
                                            null,
                                            100,
                                            (done, total) -> {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another target");
        }
        assertThat(folder.resolve("x")).doesNotExist();
    }

    @Test
    void aFailingCallbackLeavesNothing() throws IOException {
        Path target = folder.resolve("target");
        try (SafetensorsFolder source = SafetensorsFolder.open(source())) {
            assertThatThrownBy(
                            () ->
                                    TensorCopy.copy(
                                            source,
                                            target,
                                            null,
                                            100,
                                            (done, total) -> {
                                                throw new IllegalStateException("stop");
                                            }))
                    .hasMessage("stop");
        }
        assertThat(target).isEmptyDirectory();
    }
}
