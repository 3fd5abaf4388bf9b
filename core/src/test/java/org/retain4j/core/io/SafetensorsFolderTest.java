package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.tensor.DType;

class SafetensorsFolderTest {

    @TempDir Path folder;

    private void shard(Path path, String tensor, int value) throws IOException {
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        path,
                        List.of(TensorSpec.of(tensor, DType.UINT8, 2)),
                        Map.of("format", "pt"))) {
            writer.write(tensor, ByteBuffer.wrap(new byte[] {(byte) value, 9}));
            writer.commit();
        }
    }

    private void index(String weightMap) throws IOException {
        Files.writeString(
                folder.resolve("model.safetensors.index.json"),
                "{\"metadata\":{\"total_size\":4},\"weight_map\":" + weightMap + "}");
    }

    private void assertRefused(String... parts) {
        assertThatThrownBy(() -> SafetensorsFolder.open(folder))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContainingAll(parts);
    }

    @Test
    void readsShards() throws IOException {
        shard(folder.resolve("one.safetensors"), "a", 1);
        shard(folder.resolve("two.safetensors"), "b", 2);
        index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
        try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
            assertThat(model.tensors()).containsOnlyKeys("a", "b");
            assertThat(model.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(model.map("b", 0, 1).get()).isEqualTo((byte) 2);
            ByteBuffer buffer = ByteBuffer.allocate(2);
            model.read("a", 0, buffer);
            assertThat(buffer.array()).containsExactly(1, 9);
            assertThatThrownBy(() -> model.tensor("c"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("'c'");
        }
    }

    @Test
    void prefersTheSingleFile() throws IOException {
        shard(folder.resolve("model.safetensors"), "a", 1);
        index("{\"a\":\"gone.safetensors\"}");
        try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
            assertThat(model.files()).containsOnlyKeys("model.safetensors");
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void followsLinksAsInTheHubCache(@TempDir Path blobs) throws IOException {
        shard(blobs.resolve("0123abcd"), "a", 1);
        Files.createSymbolicLink(folder.resolve("one.safetensors"), blobs.resolve("0123abcd"));
        index("{\"a\":\"one.safetensors\"}");
        try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
            assertThat(model.map("a", 0, 1).get()).isEqualTo((byte) 1);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../one.safetensors",
                "/etc/passwd",
                "sub/one.safetensors",
                "sub\\\\one.safetensors",
                "..",
                ".",
                "",
                "C:one.safetensors",
                "one\\u0000.safetensors"
            })
    void refusesShardsOutsideTheFolder(String name) throws IOException {
        shard(folder.resolve("one.safetensors"), "a", 1);
        Path model = Files.createDirectories(folder.resolve("model/sub")).getParent();
        shard(model.resolve("sub/one.safetensors"), "a", 1);
        Files.writeString(
                model.resolve("model.safetensors.index.json"),
                "{\"weight_map\":{\"a\":\"" + name + "\"}}");
        assertThatThrownBy(() -> SafetensorsFolder.open(model))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("plain file name");
    }

    @Test
    void refusesIndexesThatDoNotFitTheShards() throws IOException {
        shard(folder.resolve("one.safetensors"), "a", 1);
        shard(folder.resolve("two.safetensors"), "a", 2);
        index("{\"a\":\"gone.safetensors\"}");
        assertRefused("gone.safetensors", "is missing");
        index("{\"x\":\"one.safetensors\"}");
        assertRefused("one.safetensors", "no tensor 'x'");
        index("{\"a\":\"one.safetensors\",\"a\":\"two.safetensors\"}");
        assertRefused("not valid JSON", "Duplicate");
        index("{\"a\":7}");
        assertRefused("'a'");
        index("[]");
        assertRefused("weight_map");
    }

    @Test
    void refusesTensorsInTwoShards() throws IOException {
        shard(folder.resolve("one.safetensors"), "a", 1);
        Path two = folder.resolve("two.safetensors");
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        two,
                        List.of(
                                TensorSpec.of("a", DType.UINT8, 0),
                                TensorSpec.of("b", DType.UINT8, 0)),
                        Map.of())) {
            writer.commit();
        }
        index("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
        assertRefused("'a'", "one.safetensors", "two.safetensors");
    }

    @Test
    void refusesPickleAndEmptyFolders() throws IOException {
        assertRefused("neither model.safetensors");
        Files.createFile(folder.resolve("pytorch_model.bin"));
        assertRefused("pickle", "safe_serialization=True");
    }
}
