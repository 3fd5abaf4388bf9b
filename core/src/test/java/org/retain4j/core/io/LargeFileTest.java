package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.DType;

/** Offsets beyond 2^31, on a sparse file that takes hardly any disk. */
class LargeFileTest {

    private static final long LARGE = 5L << 30;

    private static final Set<OpenOption> SPARSE =
            Set.of(
                    StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.SPARSE);

    @TempDir Path folder;

    private static void put(FileChannel channel, long position, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
        while (bytes.hasRemaining()) {
            position += channel.write(bytes, position);
        }
    }

    private static String text(ByteBuffer bytes) {
        return StandardCharsets.US_ASCII.decode(bytes).toString();
    }

    private Path sparseFile(String header, long length) throws IOException {
        Path probe = folder.resolve("probe");
        long free = Files.getFileStore(folder).getUsableSpace();
        try (FileChannel channel = FileChannel.open(probe, SPARSE)) {
            put(channel, 256L << 20, "x");
            channel.force(true);
        } catch (IOException e) {
            Assumptions.abort("the file system does not take sparse files: " + e);
        }
        boolean sparse =
                free - Files.getFileStore(folder).getUsableSpace() < 128L << 20 || free > 50L << 30;
        Files.delete(probe);
        Assumptions.assumeTrue(sparse, "the file system does not take sparse files");
        Path file = folder.resolve("model.safetensors");
        try (FileChannel channel = FileChannel.open(file, SPARSE)) {
            ByteBuffer size = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(size.putLong(header.length()).flip(), 0);
            put(channel, 8, header);
            put(channel, 8 + header.length() + length - 4, "last");
        } catch (IOException e) {
            Assumptions.abort("the file system does not take a file of 5 GB: " + e);
        }
        return file;
    }

    @Test
    void readsAndMapsBehind2GiB() throws IOException {
        String header =
                "{\"large\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                                .formatted(LARGE, LARGE)
                        + "\"small\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[%d,%d]}}"
                                .formatted(LARGE, LARGE + 8);
        Path file = sparseFile(header, LARGE + 8);
        long[] places = {
            0,
            (1L << 30) - 2,
            (1L << 31) - 3,
            (1L << 31) + 1,
            (1L << 32) - 3,
            (1L << 32) + 5,
            LARGE - 4
        };
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (int i = 0; i < places.length; i++) {
                put(channel, 8 + header.length() + places[i], "at-" + i);
            }
            put(channel, 8 + header.length() + LARGE, "smal");
        }
        try (SafetensorsFolder model = SafetensorsFolder.open(folder)) {
            assertThat(model.tensor("large").byteCount()).isEqualTo(LARGE);
            assertThat(model.tensor("small").begin()).isEqualTo(LARGE);
            for (int i = 0; i < places.length; i++) {
                ByteBuffer read = ByteBuffer.allocate(4);
                model.read("large", places[i], read);
                assertThat(text(read.flip())).isEqualTo("at-" + i);
                assertThat(text(model.map("large", places[i], 4))).isEqualTo("at-" + i);
            }
            assertThat(text(model.map("small", 0, 8))).isEqualTo("smallast");
            ByteBuffer half = model.map("large", (1L << 31) - 3, Integer.MAX_VALUE);
            assertThat(text(half.slice(0, 4))).isEqualTo("at-2");
            assertThat(text(half.slice(4, 4))).isEqualTo("at-3");
        }
    }

    @Test
    void plansOffsetsBehind2GiB() throws IOException {
        List<TensorSpec> specs =
                List.of(
                        TensorSpec.of("a", DType.BFLOAT16, 1L << 16, 1L << 16),
                        TensorSpec.of("b", DType.BFLOAT16, 3, 1L << 31),
                        TensorSpec.of("c", DType.INT8, 7));
        SafetensorsHeader header =
                SafetensorsHeader.plan(folder.resolve("x"), specs, Map.of("format", "pt"));
        assertThat(header.tensors().get("b").begin()).isEqualTo(1L << 33);
        assertThat(header.tensors().get("c").begin()).isEqualTo((1L << 33) + (3L << 32));
        String json =
                new String(header.encode(folder.resolve("x")), 8, 264, StandardCharsets.UTF_8);
        assertThat(json)
                .contains("\"data_offsets\":[0,8589934592]")
                .contains("\"shape\":[3,2147483648],\"data_offsets\":[8589934592,21474836480]")
                .contains("\"data_offsets\":[21474836480,21474836487]");
        assertThat(ShardPlan.of(specs, ByteSize.parse("10GB")).files().values())
                .extracting(List::size)
                .containsExactly(1, 2);
    }

    /** The header of the writer, filled up to its length without writing what lies between. */
    @Test
    void readsWhatTheWriterPlanned() throws IOException {
        List<TensorSpec> specs =
                List.of(
                        TensorSpec.of("a", DType.FLOAT32, 1L << 10, (1L << 20) + 1),
                        TensorSpec.of("b", DType.FLOAT16, 2));
        byte[] encoded =
                SafetensorsHeader.plan(folder.resolve("x"), specs, Map.of()).encode(folder);
        String header = new String(encoded, 8, encoded.length - 8, StandardCharsets.UTF_8);
        Path file = sparseFile(header, (1L << 32) + 4096 + 4);
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.tensors().values().stream().map(TensorInfo::spec))
                    .containsExactlyElementsOf(specs);
            assertThat(text(opened.map("b", 0, 4))).isEqualTo("last");
        }
    }
}
