package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.DType;

/**
 * Model folders with a damaged index or shard are refused by name or can be read completely.
 *
 * <p>{@code -Dretain4j.fuzz.inputs=50000} tries more than the usual number.
 */
class SafetensorsFuzzTest {

    private static final int INPUTS = Integer.getInteger("retain4j.fuzz.inputs", 2_000);

    private static final List<String> SNIPPETS =
            List.of(
                    "\"",
                    "{",
                    "}",
                    "[",
                    "]",
                    ":",
                    ",",
                    "null",
                    "-1",
                    "1e999",
                    "\\u0000",
                    "\\ud800",
                    "../",
                    "/",
                    "..",
                    "C:\\\\x",
                    "model-00001-of-00002.safetensors",
                    "b",
                    "\u0000",
                    "",
                    "[".repeat(40),
                    "99999999999999999999",
                    "{\"a\":{}}",
                    "config.json");

    @TempDir Path folder;

    @Test
    void isRefusedOrRead() throws IOException {
        List<TensorSpec> specs =
                List.of(
                        TensorSpec.of("a", DType.FLOAT32, 2),
                        TensorSpec.of("b", DType.INT64, 1),
                        TensorSpec.of("c", DType.BOOL, 3));
        try (ShardedWriter writer =
                ShardedWriter.create(folder, specs, Map.of("format", "pt"), 12)) {
            for (TensorSpec spec : specs) {
                writer.write(spec.name(), ByteBuffer.allocate((int) spec.byteCount()));
            }
            writer.commit();
        }
        Path index = folder.resolve("model.safetensors.index.json");
        Path shard = folder.resolve("model-00001-of-00002.safetensors");
        byte[] goodIndex = Files.readAllBytes(index);
        byte[] goodShard = Files.readAllBytes(shard);
        int read = 0;
        for (int i = 0; i < INPUTS; i++) {
            Random random = new Random(i);
            boolean atIndex = random.nextInt(3) > 0;
            Files.write(index, atIndex ? damaged(goodIndex, random) : goodIndex);
            Files.write(shard, atIndex ? goodShard : damaged(goodShard, random));
            try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
                for (TensorInfo info : model.tensors().values()) {
                    ByteBuffer bytes = ByteBuffer.allocate((int) info.byteCount());
                    model.read(info.name(), 0, bytes);
                    assertThat(bytes.hasRemaining()).isFalse();
                }
                read++;
            } catch (SafetensorsException refused) {
                assertThat(refused.getMessage())
                        .as("input %s", i)
                        .contains(folder.toString())
                        .hasSizeLessThan(2000);
            } catch (RuntimeException e) {
                throw new AssertionError("input " + i, e);
            }
        }
        assertThat(read).isBetween(INPUTS / 50, INPUTS * 9 / 10);
    }

    private static byte[] damaged(byte[] good, Random random) {
        byte[] bytes = good.clone();
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = random.nextInt(Math.max(1, bytes.length));
            switch (random.nextInt(3)) {
                case 0 -> {
                    if (bytes.length > 0) {
                        bytes[at] ^= (byte) (1 << random.nextInt(8));
                    }
                }
                case 1 -> bytes = Arrays.copyOf(bytes, at);
                default -> {
                    byte[] snippet =
                            SNIPPETS.get(random.nextInt(SNIPPETS.size()))
                                    .getBytes(java.nio.charset.StandardCharsets.UTF_8);
                    int end = Math.min(bytes.length, at + random.nextInt(20));
                    ByteBuffer joined =
                            ByteBuffer.allocate(at + snippet.length + bytes.length - end);
                    joined.put(bytes, 0, at).put(snippet).put(bytes, end, bytes.length - end);
                    bytes = joined.array();
                }
            }
        }
        return bytes;
    }
}
