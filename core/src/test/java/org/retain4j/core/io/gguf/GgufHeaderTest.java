package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufHeaderTest {

    @TempDir Path folder;

    private GgufFile open(GgufWriter writer) throws IOException {
        return GgufFile.open(writer.write(folder.resolve("a.gguf")));
    }

    private void refused(GgufWriter writer, String... parts) {
        assertThatThrownBy(() -> open(writer).close())
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("a.gguf")
                .hasMessageContainingAll(parts);
    }

    private static byte[] numbers(Object... pairs) {
        ByteBuffer all = ByteBuffer.allocate(256);
        for (int i = 0; i < pairs.length; i += 2) {
            all.put(GgufWriter.number(((Number) pairs[i]).longValue(), (Integer) pairs[i + 1]));
        }
        return Arrays.copyOf(all.array(), all.position());
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void readsAllKindsOfValues(int version) throws IOException {
        GgufWriter writer =
                new GgufWriter()
                        .raw("u8", 0, new byte[] {-1})
                        .raw("i8", 1, new byte[] {-1})
                        .raw("u16", 2, new byte[] {-1, -1})
                        .raw("i16", 3, new byte[] {-1, -1})
                        .put("u32", -1)
                        .raw("i32", GgufWriter.INT32, numbers(-1, 4))
                        .put("f32", 1e-5f)
                        .put("yes", true)
                        .put("text", "naïve")
                        .put("u64", 1L << 40)
                        .raw("i64", 11, numbers(-7, 8))
                        .put("f64", 0.1)
                        .put("integers", List.of(1, 2))
                        .put("reals", List.of(0.5f, 2f))
                        .put("texts", List.of("a", ""))
                        .put("nested", List.of(List.of(1, 2), List.of(3)));
        writer.version = version;
        GgufHeader header;
        try (var channel = Files.newByteChannel(writer.write(folder.resolve("a.gguf")))) {
            header = GgufHeader.read(Path.of("a.gguf"), (java.nio.channels.FileChannel) channel);
        }
        assertThat(header.version()).isEqualTo(version);
        assertThat(header.values())
                .containsEntry("u8", 255L)
                .containsEntry("i8", -1L)
                .containsEntry("u16", 65535L)
                .containsEntry("i16", -1L)
                .containsEntry("u32", 4294967295L)
                .containsEntry("i32", -1L)
                .containsEntry("f32", (double) 1e-5f)
                .containsEntry("yes", true)
                .containsEntry("text", "naïve")
                .containsEntry("u64", 1L << 40)
                .containsEntry("i64", -7L)
                .containsEntry("f64", 0.1)
                .containsEntry("integers", new long[] {1, 2})
                .containsEntry("reals", new double[] {0.5, 2})
                .containsEntry("texts", new String[] {"a", ""});
        assertThat(header.values().get("nested"))
                .isEqualTo(new Object[] {new long[] {1, 2}, new long[] {3}});
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 32, 64})
    void placesTensorsAtTheAlignment(int alignment) throws IOException {
        GgufWriter writer = new GgufWriter().put("general.alignment", alignment);
        writer.alignment = alignment;
        writer.tensor("one", 0, new long[] {3}, TinyGguf.bytes(new float[] {1, 2, 3}))
                .tensor("two", 0, new long[] {2, 1}, TinyGguf.bytes(new float[] {4, 5}));
        try (GgufFile file = open(writer)) {
            float[] values = new float[4];
            file.readFloats(file.tensors().get("two"), 0, values, 1, 2);
            assertThat(values).containsExactly(0, 4, 5, 0);
            assertThat(file.tensors().get("two").dimensions()).containsExactly(2L, 1L);
            assertThat(file.tensors().get("one").elementCount()).isEqualTo(3);
        }
    }

    @Test
    void refusesOtherFilesAndVersions() throws IOException {
        GgufWriter magic = new GgufWriter();
        magic.magic = 0x12345678;
        refused(magic, "does not start with \"GGUF\"");
        for (int version : new int[] {0, 1, 4, -1}) {
            GgufWriter other = new GgufWriter();
            other.version = version;
            refused(other, "GGUF version " + Integer.toUnsignedString(version), "2 and 3");
        }
        GgufWriter swapped = new GgufWriter();
        swapped.version = 3 << 24;
        refused(swapped, "big-endian");
        assertThatThrownBy(() -> GgufFile.open(folder.resolve("none.gguf")))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> GgufFile.open(folder))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("not a plain file");
        byte[] whole = GgufModelTest.tinyLlama().bytes();
        for (int length = 0; length < whole.length; length++) {
            Path cut = Files.write(folder.resolve("cut.gguf"), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> GgufFile.open(cut).close()).isInstanceOf(GgufException.class);
        }
    }

    @Test
    void refusesCountsThatTheFileCannotHold() throws IOException {
        byte[] bytes = new GgufWriter().put("k", 1).bytes();
        for (long count : new long[] {-1, 1000, 1L << 31, Long.MAX_VALUE}) {
            for (int place : new int[] {8, 16}) {
                byte[] changed = bytes.clone();
                System.arraycopy(GgufWriter.number(count, 8), 0, changed, place, 8);
                Path path = Files.write(folder.resolve("b.gguf"), changed);
                assertThatThrownBy(() -> GgufFile.open(path).close())
                        .isInstanceOf(GgufException.class)
                        .hasMessageContaining(Long.toUnsignedString(count));
            }
        }
        refused(new GgufWriter().raw("k", 8, numbers(1L << 40, 8)), "the length of", "\"k\"");
        refused(new GgufWriter().raw("k", 9, numbers(4, 4, 1L << 33, 8)), "elements of \"k\"");
        refused(new GgufWriter().raw("k", 9, numbers(13, 4, 1, 8)), "type number 13");
        refused(new GgufWriter().raw("k", 77, numbers(0, 8)), "type number 77");
        refused(new GgufWriter().put("k", 1).put("k", 2), "\"k\" twice");
        refused(
                new GgufWriter().put("k", List.of(List.of(List.of(List.of(List.of(1)))))),
                "nested deeper than 4");
        refused(
                new GgufWriter().raw("tokenizer.x", 8, numbers(1, 8, 0xFF, 1)),
                "\"tokenizer.x\" is not valid UTF-8");
    }

    @Test
    void replacesBrokenCharactersOfDescriptions() throws IOException {
        try (GgufFile file =
                open(new GgufWriter().raw("general.name", 8, numbers(2, 8, 0xFF41, 2)))) {
            assertThat(file.metadata().text("general.name")).isEqualTo("A\uFFFD");
        }
        String strange = "tensor\u0000\n" + "x".repeat(300);
        byte[] key = strange.getBytes(StandardCharsets.UTF_8);
        assertThat(GgufHeader.quote(strange)).hasSizeLessThan(key.length).doesNotContain("\n");
    }

    @ParameterizedTest
    @CsvSource({
        "9, Q8_1",
        "10, Q2_K",
        "11, Q3_K",
        "16, IQ2_XXS",
        "23, IQ4_XS",
        "34, TQ1_0",
        "26, I32",
        "39, MXFP4",
        "99, number 99"
    })
    void refusesOtherElementTypesByName(int type, String name) {
        refused(
                new GgufWriter().tensor("t", type, new long[] {256}, new byte[512]),
                "\"t\" has the type " + name,
                "supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K");
    }

    @Test
    void refusesTensorsThatDoNotFit() {
        byte[] four = new byte[16];
        refused(new GgufWriter().tensor("t", 0, new long[] {1, 1, 1, 1, 1}, four), "5 dimensions");
        refused(new GgufWriter().tensor("t", 0, new long[] {0}, four), "impossible size 0");
        refused(new GgufWriter().tensor("t", 0, new long[] {-4}, four), "impossible size");
        refused(
                new GgufWriter().tensor("t", 0, new long[] {1L << 31, 1L << 31}, four),
                "impossible size");
        refused(new GgufWriter().tensor("t", 2, new long[] {16, 2}, four), "rows of 16 elements");
        refused(new GgufWriter().tensor("t", 0, new long[] {400}, four), "needs 1600 bytes");
        refused(
                new GgufWriter().tensorAt("t", 0, new long[] {4}, four, 16),
                "16, which is not a multiple of the alignment 32");
        refused(
                new GgufWriter().tensorAt("t", 0, new long[] {4}, four, Long.MAX_VALUE - 31),
                "the data part of the file has only");
        refused(
                new GgufWriter().tensorAt("t", 0, new long[] {4}, four, Long.MIN_VALUE),
                "needs 16 bytes from 9223372036854775808");
        refused(
                new GgufWriter()
                        .tensor("t", 0, new long[] {4}, four)
                        .tensor("t", 0, new long[] {4}, four),
                "tensor \"t\" twice");
        refused(
                new GgufWriter()
                        .tensor("t", 0, new long[] {16}, new byte[64])
                        .tensorAt("u", 0, new long[] {4}, four, 32),
                "\"t\" and \"u\" overlap");
        for (Object alignment : List.of(0, 3, 1 << 21, "x", -8)) {
            refused(new GgufWriter().put("general.alignment", alignment), "power of two");
        }
    }

    @Test
    void saysWhenTheFileShrinks() throws IOException {
        GgufWriter writer = new GgufWriter().tensor("t", 0, new long[] {4}, new byte[16]);
        try (GgufFile file = open(writer)) {
            Files.write(folder.resolve("a.gguf"), new byte[10]);
            assertThatThrownBy(
                            () -> file.readFloats(file.tensors().get("t"), 0, new float[4], 0, 4))
                    .isInstanceOf(GgufException.class)
                    .hasMessageContaining("become shorter");
        }
    }
}
