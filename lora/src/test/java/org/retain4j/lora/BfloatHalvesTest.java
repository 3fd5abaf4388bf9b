package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.tensor.DType;

class BfloatHalvesTest {

    private static final int ROWS = 61;
    private static final int COLUMNS = 34;
    private static final int COUNT = ROWS * COLUMNS;

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void readsAllNumbersAsTheGeneralConversionDoesButInTheOrderOfHalves() {
        ByteBuffer in = buffer(2 * COUNT);
        Random random = new Random(1);
        for (int i = 0; i < COUNT; i++) {
            in.putShort(2 * i, (short) random.nextInt());
        }
        float[] values = new float[COUNT];
        BfloatHalves.read(
                in, ROWS, COLUMNS, new int[COLUMNS], buffer(Float.BYTES * COLUMNS), values);
        ByteBuffer floats = buffer(4 * COUNT);
        ElementConversion.convert(DType.BFLOAT16, in, DType.FLOAT32, floats);
        float[] plain = new float[COUNT];
        floats.flip().asFloatBuffer().get(plain);
        assertThat(values).containsExactly(BfloatHalves.ordered(plain, COLUMNS));
        assertThat(values[COLUMNS / 2]).isEqualTo(plain[1]);
    }

    @Test
    void roundsAllNumbersAsTheGeneralConversionDoesAlsoTiesInfinityAndNan() {
        int[] special = {
            0,
            0x80000000,
            0x7f800000,
            0xff800000,
            0x7f800001,
            0xffc00000,
            0x7fffffff,
            0x7f7fffff,
            0x3f808000,
            0x3f818000,
            0x3f808001,
            0x00008000,
            0x00018000,
            0x807fffff,
            0xff80ffff
        };
        Random random = new Random(2);
        ByteBuffer bits = buffer(4 * COUNT);
        for (int i = 0; i < COUNT; i++) {
            boolean chosen = i >= COLUMNS && random.nextInt(8) == 0;
            bits.putInt(4 * i, chosen ? special[random.nextInt(special.length)] : random.nextInt());
        }
        ByteBuffer expected = buffer(2 * COUNT);
        ElementConversion.convert(
                DType.FLOAT32, bits.duplicate().order(bits.order()), DType.BFLOAT16, expected);
        float[] plain = new float[COUNT];
        bits.asFloatBuffer().get(plain);
        ByteBuffer out = buffer(2 * COUNT);
        BfloatHalves.write(
                BfloatHalves.ordered(plain, COLUMNS),
                ROWS,
                COLUMNS,
                new int[COLUMNS],
                buffer(Float.BYTES * COLUMNS),
                out);
        assertThat(out).isEqualTo(expected.flip());
    }
}
