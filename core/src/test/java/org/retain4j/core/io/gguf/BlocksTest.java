package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlocksTest {

    private static float[] decode(GgufType type, byte[] bytes) {
        int blocks = bytes.length / type.blockBytes();
        float[] values = new float[blocks * type.blockElements()];
        type.decoder().decode(bytes, values, blocks);
        return values;
    }

    private static int[] random(Random random, int count, int bound) {
        return random.ints(count, 0, bound).toArray();
    }

    @ParameterizedTest
    @EnumSource(value = GgufType.class, mode = EnumSource.Mode.EXCLUDE, names = "F32")
    void decodesWhatTheReferenceDecodes(GgufType type) throws IOException {
        JsonNode reference;
        try (InputStream in = BlocksTest.class.getResourceAsStream("blocks.json")) {
            reference = new ObjectMapper().readTree(in).get(type.name());
        }
        byte[] blocks = HexFormat.of().parseHex(reference.get("blocks").asText());
        byte[] values = HexFormat.of().parseHex(reference.get("values").asText());
        float[] expected = new float[values.length / 4];
        ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(expected);
        assertThat(expected).hasSizeGreaterThan(60);
        assertThat(decode(type, blocks)).isEqualTo(expected);
    }

    @Test
    void decodesBlocksWorkedOutByHand() {
        HexFormat hex = HexFormat.of();
        // d = 0.5 (0x3800); the first byte 0xF1 holds q = 1 of element 0 and q = 15 of element 16.
        float[] q40 = decode(GgufType.Q4_0, hex.parseHex("0038f1" + "88".repeat(15)));
        assertThat(q40[0]).isEqualTo(-3.5f);
        assertThat(q40[16]).isEqualTo(3.5f);
        assertThat(q40[1]).isZero();
        // d = 2 (0x4000), m = -1 (0xBC00).
        float[] q41 = decode(GgufType.Q4_1, hex.parseHex("004000bc" + "00".repeat(15) + "3a"));
        assertThat(q41[0]).isEqualTo(-1f);
        assertThat(q41[15]).isEqualTo(19f);
        assertThat(q41[31]).isEqualTo(5f);
        // d = 1; fifth bits of elements 0 and 31 only.
        float[] q50 = decode(GgufType.Q5_0, hex.parseHex("003c01000080" + "00".repeat(16)));
        assertThat(q50[0]).isEqualTo(0f);
        assertThat(q50[1]).isEqualTo(-16f);
        assertThat(q50[31]).isEqualTo(0f);
        float[] q51 = decode(GgufType.Q5_1, hex.parseHex("003c003c01000080" + "11".repeat(16)));
        assertThat(q51[0]).isEqualTo(18f);
        assertThat(q51[1]).isEqualTo(2f);
        assertThat(q51[31]).isEqualTo(18f);
        float[] q80 = decode(GgufType.Q8_0, hex.parseHex("0038807f" + "00".repeat(30)));
        assertThat(q80[0]).isEqualTo(-64f);
        assertThat(q80[1]).isEqualTo(63.5f);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void decodesEveryPlaceOfABlock(long seed) {
        Random random = new Random(seed);
        float d = 0.25f;
        float m = -1.5f;
        int[] four = random(random, 32, 16);
        int[] five = random(random, 32, 32);
        int[] bytes = random.ints(32, -128, 128).toArray();
        check(GgufType.Q4_0, BlockPacker.small(4, d, null, four));
        check(GgufType.Q4_1, BlockPacker.small(4, d, m, four));
        check(GgufType.Q5_0, BlockPacker.small(5, d, null, five));
        check(GgufType.Q5_1, BlockPacker.small(5, d, m, five));
        check(GgufType.Q8_0, BlockPacker.small(8, d, null, bytes));
        int[] scales = random(random, 8, 64);
        int[] minima = random(random, 8, 64);
        check(GgufType.Q4_K, BlockPacker.k45(4, d, 0.5f, scales, minima, random(random, 256, 16)));
        check(GgufType.Q5_K, BlockPacker.k45(5, d, 0.5f, scales, minima, random(random, 256, 32)));
        int[] signed = random.ints(16, -128, 128).toArray();
        check(GgufType.Q6_K, BlockPacker.k6(d, signed, random(random, 256, 64)));
    }

    private static void check(GgufType type, BlockPacker block) {
        assertThat(block.bytes()).hasSize(type.blockBytes());
        assertThat(decode(type, block.bytes())).isEqualTo(block.values);
    }

    @Test
    void widensEveryHalfPrecisionNumber() {
        byte[] all = new byte[2 << 16];
        for (int bits = 0; bits < 1 << 16; bits++) {
            all[2 * bits] = (byte) bits;
            all[2 * bits + 1] = (byte) (bits >> 8);
        }
        float[] values = decode(GgufType.F16, all);
        for (int bits = 0; bits < 1 << 15; bits++) {
            int exponent = bits >> 10;
            int fraction = bits & 1023;
            double expected =
                    exponent == 31
                            ? fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN
                            : exponent == 0
                                    ? Math.scalb((double) fraction, -24)
                                    : Math.scalb(1 + fraction / 1024.0, exponent - 15);
            assertThat((double) values[bits]).isEqualTo(Double.valueOf(expected));
            assertThat((double) values[bits | 1 << 15]).isEqualTo(Double.valueOf(-expected));
        }
    }
}
