package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.tensor.DType;

class SafetensorsFileTest {

    @TempDir Path folder;

    static byte[] file(String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + json.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .array();
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("model.safetensors"), bytes);
    }

    private void assertRefused(byte[] bytes, String... messageParts) throws IOException {
        Path path = write(bytes);
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContainingAll(messageParts);
    }

    @Test
    void readsTensorsMetadataAndBytes() throws IOException {
        byte[] bytes =
                file(
                        """
                        {"__metadata__":{"format":"pt"},
                         "b":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},
                         "a":{"shape":[],"data_offsets":[0,2],"dtype":"BF16"},
                         "none":{"dtype":"I64","shape":[3,0],"data_offsets":[10,10]}}   \
                        """,
                        10);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, 2.5f);
        try (SafetensorsFile file = SafetensorsFile.open(write(bytes))) {
            assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(file.tensors().keySet()).containsExactly("a", "b", "none");
            assertThat(file.tensor("a"))
                    .isEqualTo(new TensorInfo("a", DType.BFLOAT16, List.of(), 0, 2));
            assertThat(file.tensor("none").elementCount()).isZero();
            assertThat(file.map("b", 0, 8).getFloat(4)).isEqualTo(2.5f);
            assertThat(file.map("b", 4, 4).isReadOnly()).isTrue();
            assertThat(file.map("none", 0, 0).remaining()).isZero();
            ByteBuffer last = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
            file.read("b", 4, last);
            assertThat(last.flip().getFloat()).isEqualTo(2.5f);
            assertThatThrownBy(() -> file.map("b", 5, 4))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> file.read("b", -1, ByteBuffer.allocate(1)))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> file.tensor("c"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("'c'");
        }
    }

    @Test
    void mapsAcrossRegionsAndStaysValidAfterClose() throws IOException {
        byte[] bytes =
                file("{\"a\":{\"dtype\":\"U8\",\"shape\":[300],\"data_offsets\":[0,300]}}", 300);
        int start = bytes.length - 300;
        for (int i = 0; i < 300; i++) {
            bytes[start + i] = (byte) (i * 7);
        }
        Path path = write(bytes);
        ByteBuffer kept;
        try (SafetensorsFile file = SafetensorsFile.open(path, 16)) {
            for (int offset = 0; offset < 300; offset++) {
                for (int length : new int[] {0, 1, 15, 16, 17, 31, 32, 100}) {
                    if (offset + length <= 300) {
                        byte[] part = new byte[length];
                        file.map("a", offset, length).get(part);
                        assertThat(part)
                                .isEqualTo(
                                        Arrays.copyOfRange(
                                                bytes, start + offset, start + offset + length));
                    }
                }
            }
            kept = file.map("a", 290, 10);
        }
        assertThat(kept.get(9)).isEqualTo((byte) (299 * 7));
    }

    @Test
    void noticesThatTheFileBecameShorter() throws IOException {
        Path path =
                write(file("{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}", 9));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
                channel.truncate(20);
            }
            assertThatThrownBy(() -> file.map("a", 0, 9))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("shorter");
            assertThatThrownBy(() -> file.read("a", 0, ByteBuffer.allocate(9)))
                    .isInstanceOf(SafetensorsException.class);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 9 | behind its last",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 7 | 'a'",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | 8 | expected 12",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | 8 | ascending",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}} | 8 | hole",
                "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}} | 1 | supported are F32",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}} | 1 | negative",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}} | 1 | whole numbers",
                "{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}} | 0 | 2^63",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}} | 0 | out of range",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0,0]}} | 0 | more than 2",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0]}} | 0 | two data_offsets",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}} | 0 | needs dtype",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}} | 0 | key 'x'",
                "{\"a\":7} | 0 | a JSON object",
                "{\"__metadata__\":{\"a\":1}} | 0 | texts only",
                "{\"__metadata__\":{},\"__metadata__\":{}} | 0 | Duplicate",
                "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}} | 0 | Duplicate",
                "{} {} | 0 | after the header",
                "{\"a\": | 0 | not the expected JSON",
                "[] | 0 | does not start with"
            })
    void refusesInvalidHeaders(String header, int dataBytes, String part) throws IOException {
        assertRefused(file(header.strip(), dataBytes), part);
    }

    @Test
    void refusesOverlap() throws IOException {
        assertRefused(
                file(
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                                + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
                        6),
                "'b'",
                "overlaps");
    }

    @Test
    void refusesWrongLengthsAndEncodings() throws IOException {
        assertRefused(new byte[7], "7 bytes");
        assertRefused(new byte[8], "declares a header of 0 bytes");
        byte[] huge = file("{}", 0);
        ByteBuffer.wrap(huge).order(ByteOrder.LITTLE_ENDIAN).putLong(0, -1);
        assertRefused(huge, "18446744073709551615");
        byte[] latin1 = file("{\"?\":{}}", 0);
        latin1[10] = (byte) 0xe9;
        assertRefused(latin1, "UTF-8");
        assertRefused(file("{\"a\":" + "[".repeat(5000), 0), "'a'");
    }

    @Test
    void refusesMoreEntriesThanItsLimits() throws IOException {
        StringBuilder texts = new StringBuilder("{\"__metadata__\":{\"k\":\"\"");
        for (int i = 0; i < 100_000; i++) {
            texts.append(",\"").append(i).append("\":\"\"");
        }
        assertRefused(file(texts.append("}}").toString(), 0), "more than 100000 entries");
        String shape = "0,".repeat(64) + "0";
        assertRefused(
                file(
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":["
                                + shape
                                + "],\"data_offsets\":[0,0]}}",
                        0),
                "more than 64 numbers in shape");
    }

    @Test
    void shortensHostileNamesInMessages() throws IOException {
        Path path = write(file("{\"" + "x\\u0007".repeat(9000) + "\":1}", 0));
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(SafetensorsException.class)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(600))
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\u0007"));
    }

    @Test
    void refusesWhatIsNotAFile() {
        assertThatThrownBy(() -> SafetensorsFile.open(folder))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("not a plain file");
        assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("none")))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("does not exist");
    }
}
