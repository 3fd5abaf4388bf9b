package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.tensor.DType;

class ShardedWriterTest {

    private static final Map<String, String> PT = Map.of("format", "pt");

    @TempDir Path folder;

    private static Path resource(String name) throws Exception {
        return Path.of(ShardedWriterTest.class.getResource("/golden/" + name).toURI());
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private static TensorSpec bytes(String name, long size) {
        return TensorSpec.of(name, DType.UINT8, size);
    }

    private static List<List<String>> plan(long limit, long... sizes) {
        List<TensorSpec> specs = new ArrayList<>();
        for (long size : sizes) {
            specs.add(bytes("" + (char) ('a' + specs.size()), size));
        }
        return ShardPlan.of(specs, limit).files().values().stream()
                .map(tensors -> tensors.stream().map(TensorSpec::name).toList())
                .toList();
    }

    /** Writes tensors a, b, … of one byte each in shards of so many, all bytes being the value. */
    private void save(int tensors, int perShard, int value) throws IOException {
        List<TensorSpec> specs = new ArrayList<>();
        for (int i = 0; i < tensors; i++) {
            specs.add(bytes("t" + i, 1));
        }
        try (ShardedWriter writer = ShardedWriter.create(folder, specs, PT, perShard)) {
            for (TensorSpec spec : specs) {
                writer.write(spec.name(), ByteBuffer.wrap(new byte[] {(byte) value}));
            }
            writer.commit();
        }
    }

    private void assertHolds(int tensors, int value) throws IOException {
        try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
            assertThat(model.tensors()).hasSize(tensors);
            for (String name : model.tensors().keySet()) {
                assertThat(model.map(name, 0, 1).get()).isEqualTo((byte) value);
            }
        }
    }

    @Test
    void distributesAsSavePretrainedDoes() {
        assertThat(plan(10, 4, 6, 1)).isEqualTo(List.of(List.of("a", "b"), List.of("c")));
        assertThat(plan(10, 4, 7, 3, 1))
                .isEqualTo(List.of(List.of("a"), List.of("b", "c"), List.of("d")));
        // One above the limit comes before the file that was begun, and that goes on.
        assertThat(plan(10, 4, 11, 6, 1))
                .isEqualTo(List.of(List.of("b"), List.of("a", "c"), List.of("d")));
        assertThat(plan(10, 11)).isEqualTo(List.of(List.of("a")));
        assertThat(plan(10, 0, 10, 0, 0)).isEqualTo(List.of(List.of("a", "b", "c", "d")));
        assertThat(plan(10)).isEqualTo(List.of(List.of()));
        assertThat(plan(Long.MAX_VALUE, 1L << 62, 1L << 61)).hasSize(1);
        assertThat(plan(5_000_000_000L, 3_000_000_000L, 3_000_000_000L)).hasSize(2);
    }

    /** The reference is what transformers wrote with max_shard_size="80KB". */
    @Test
    void writesTheSameFilesAsTransformers() throws Exception {
        Map<String, String> sha256 = new TreeMap<>();
        try (SafetensorsFile source =
                SafetensorsFile.open(resource("models/llama/model.safetensors"))) {
            List<TensorSpec> specs =
                    source.tensors().values().stream().map(TensorInfo::spec).toList();
            try (ShardedWriter writer =
                    ShardedWriter.create(folder, specs, PT, ByteSize.parse("80KB"))) {
                for (TensorSpec spec : specs) {
                    for (long at = 0; at < spec.byteCount(); at += 1000) {
                        int length = (int) Math.min(1000, spec.byteCount() - at);
                        writer.write(spec.name(), source.map(spec.name(), at, length));
                    }
                }
                writer.commit();
            }
        }
        assertThat(folder.resolve("model.safetensors.index.json"))
                .hasSameBinaryContentAs(resource("safetensors/llama_in_5_shards.index.json"));
        for (String name : names()) {
            if (name.endsWith(".safetensors")) {
                byte[] hash =
                        MessageDigest.getInstance("SHA-256")
                                .digest(Files.readAllBytes(folder.resolve(name)));
                sha256.put(name, HexFormat.of().formatHex(hash).substring(0, 16));
            }
        }
        assertThat(sha256)
                .containsExactly(
                        Map.entry("model-00001-of-00005.safetensors", "6b3455d79639e055"),
                        Map.entry("model-00002-of-00005.safetensors", "1f55b1d403a50ff7"),
                        Map.entry("model-00003-of-00005.safetensors", "32055a8091cd5890"),
                        Map.entry("model-00004-of-00005.safetensors", "5fee4f775131b59d"),
                        Map.entry("model-00005-of-00005.safetensors", "c370c652487ba248"));
        assertThat(names()).hasSize(6);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 7, 64, 100, 333, 100_000})
    void anyOrderOfWritingGivesAValidFolder(long limit) throws IOException {
        Random random = new Random(limit);
        Map<TensorSpec, byte[]> tensors = new LinkedHashMap<>();
        for (int i = 0; i < 40; i++) {
            DType dtype = DType.values()[random.nextInt(DType.values().length)];
            TensorSpec spec =
                    TensorSpec.of("layer." + i, dtype, random.nextInt(4), 1 + random.nextInt(5));
            byte[] bytes = new byte[(int) spec.byteCount()];
            random.nextBytes(bytes);
            tensors.put(spec, bytes);
        }
        List<TensorSpec> order = new ArrayList<>(tensors.keySet());
        try (ShardedWriter writer = ShardedWriter.create(folder, order, PT, limit)) {
            Collections.shuffle(order, random);
            for (TensorSpec spec : order) {
                byte[] bytes = tensors.get(spec);
                int cut = bytes.length / 3;
                writer.write(spec.name(), ByteBuffer.wrap(bytes, 0, cut));
                writer.write(spec.name(), ByteBuffer.wrap(bytes, cut, bytes.length - cut));
            }
            assertThat(names()).hasSize(1).allMatch(name -> name.startsWith(".retain4j-"));
            writer.commit();
        }
        Map<String, IndependentCheck.Found> found =
                Files.exists(folder.resolve("model.safetensors"))
                        ? IndependentCheck.file(folder.resolve("model.safetensors"))
                        : IndependentCheck.folder(folder);
        assertThat(found).hasSize(40);
        tensors.forEach(
                (spec, bytes) -> {
                    assertThat(found.get(spec.name()).bytes()).isEqualTo(bytes);
                    assertThat(found.get(spec.name()).dtype())
                            .isEqualTo(spec.dtype().safetensorsName());
                });
        assertThat(names()).noneMatch(name -> name.startsWith("."));
    }

    @Test
    void replacesAnEarlierSaveOfAnyForm() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{}");
        save(4, 1, 1);
        assertHolds(4, 1);
        save(3, 2, 2);
        assertThat(names())
                .containsExactly(
                        "config.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "model.safetensors.index.json");
        assertHolds(3, 2);
        save(2, 9, 3);
        assertThat(names()).containsExactly("config.json", "model.safetensors");
        assertHolds(2, 3);
        save(5, 3, 4);
        assertThat(names()).hasSize(4).doesNotContain("model.safetensors");
        assertHolds(5, 4);
        save(5, 3, 5);
        assertHolds(5, 5);
    }

    @Test
    void keepsAnEarlierSaveUntilCommit() throws IOException {
        save(4, 2, 1);
        List<String> before = names();
        List<TensorSpec> specs = List.of(bytes("t0", 1), bytes("t1", 1), bytes("t2", 1));
        try (ShardedWriter writer = ShardedWriter.create(folder, specs, PT, 2)) {
            writer.write("t0", ByteBuffer.wrap(new byte[] {2}));
            writer.write("t1", ByteBuffer.wrap(new byte[] {2}));
            assertHolds(4, 1);
            assertThatThrownBy(writer::commit)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("model-00002-of-00002.safetensors");
        }
        assertHolds(4, 1);
        assertThat(names()).isEqualTo(before);
    }

    /** The state in which a kill between two renames leaves the folder. */
    @Test
    void aFolderWithoutItsIndexIsRefused() throws IOException {
        save(4, 2, 1);
        Files.delete(folder.resolve("model.safetensors.index.json"));
        assertThatThrownBy(() -> SafetensorsFolder.open(folder))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("has neither");
    }

    @Test
    void failureToPutInPlaceIsOneSentence() throws IOException {
        Path blocked = Files.createDirectory(folder.resolve("model.safetensors"));
        Files.writeString(blocked.resolve("file"), "");
        assertThatThrownBy(() -> save(2, 9, 1))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(folder.toString(), "save again");
        assertThat(names()).containsExactly("model.safetensors");
    }

    @Test
    void refusesWrongUse() throws IOException {
        TensorSpec a = bytes("a", 2);
        assertThatThrownBy(() -> ShardedWriter.create(folder, List.of(a, a), PT, 2))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("'a'");
        assertThatThrownBy(() -> ShardedWriter.create(folder, List.of(a), PT, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(
                        () ->
                                ShardedWriter.create(
                                        folder, List.of(bytes("__metadata__", 1)), PT, 9))
                .isInstanceOf(SafetensorsException.class);
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThatThrownBy(() -> ShardedWriter.create(file, List.of(a), PT, 9))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not a folder");
        ShardedWriter closed;
        try (ShardedWriter writer =
                ShardedWriter.create(folder, List.of(a, bytes("b", 2)), PT, 9)) {
            closed = writer;
            assertThatThrownBy(() -> writer.write("c", ByteBuffer.allocate(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'c'");
            assertThatThrownBy(() -> writer.write("a", ByteBuffer.allocate(3)))
                    .isInstanceOf(IllegalArgumentException.class);
            writer.write("a", ByteBuffer.allocate(2));
            writer.write("b", ByteBuffer.allocate(2));
            assertThatThrownBy(() -> writer.write("b", ByteBuffer.allocate(1)))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        closed.close();
        assertThatThrownBy(() -> closed.write("a", ByteBuffer.allocate(1)))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(closed::commit).isInstanceOf(IllegalStateException.class);
        assertThat(names()).containsExactly("file");
    }

    @Test
    void indexEscapesAndSortsAsPythonDoes() throws IOException {
        List<TensorSpec> specs =
                List.of(bytes("😀", 1), bytes("\uff5e", 1), bytes("é\"\u007f\n\u0001/", 1));
        String index = ShardIndex.of(ShardPlan.of(specs, 1));
        assertThat(index)
                .isEqualTo(
                        """
                        {
                          "metadata": {
                            "total_parameters": 3,
                            "total_size": 3
                          },
                          "weight_map": {
                            "\\u00e9\\"\\u007f\\n\\u0001/": "model-00003-of-00003.safetensors",
                            "\\uff5e": "model-00002-of-00003.safetensors",
                            "\\ud83d\\ude00": "model-00001-of-00003.safetensors"
                          }
                        }
                        """);
    }
}
