package org.retain4j.core.io.gguf;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The element types of GGUF tensors that can be read, with the layout of their blocks. */
enum GgufType {
    F32(0, 1, 4, Blocks::f32),
    F16(1, 1, 2, Blocks::f16),
    BF16(30, 1, 2, Blocks::bf16),
    Q8_0(8, 32, 34, Blocks::q8v0),
    Q4_0(2, 32, 18, Blocks::q4v0),
    Q4_1(3, 32, 20, Blocks::q4v1),
    Q5_0(6, 32, 22, Blocks::q5v0),
    Q5_1(7, 32, 24, Blocks::q5v1),
    Q4_K(12, 256, 144, KBlocks::q4k),
    Q5_K(13, 256, 176, KBlocks::q5k),
    Q6_K(14, 256, 210, KBlocks::q6k);

    private static final Map<Integer, String> OTHERS =
            Map.ofEntries(
                    Map.entry(9, "Q8_1"),
                    Map.entry(10, "Q2_K"),
                    Map.entry(11, "Q3_K"),
                    Map.entry(15, "Q8_K"),
                    Map.entry(16, "IQ2_XXS"),
                    Map.entry(17, "IQ2_XS"),
                    Map.entry(18, "IQ3_XXS"),
                    Map.entry(19, "IQ1_S"),
                    Map.entry(20, "IQ4_NL"),
                    Map.entry(21, "IQ3_S"),
                    Map.entry(22, "IQ2_S"),
                    Map.entry(23, "IQ4_XS"),
                    Map.entry(24, "I8"),
                    Map.entry(25, "I16"),
                    Map.entry(26, "I32"),
                    Map.entry(27, "I64"),
                    Map.entry(28, "F64"),
                    Map.entry(29, "IQ1_M"),
                    Map.entry(31, "Q4_0_4_4"),
                    Map.entry(32, "Q4_0_4_8"),
                    Map.entry(33, "Q4_0_8_8"),
                    Map.entry(34, "TQ1_0"),
                    Map.entry(35, "TQ2_0"),
                    Map.entry(39, "MXFP4"));

    private final int number;
    private final int blockElements;
    private final int blockBytes;
    private final Decoder decoder;

    GgufType(int number, int blockElements, int blockBytes, Decoder decoder) {
        this.number = number;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
        this.decoder = decoder;
    }

    /** Turns whole blocks into numbers. */
    interface Decoder {
        /**
         * Decodes {@code blocks} blocks from the start of {@code from} to the start of {@code to}.
         */
        void decode(byte[] from, float[] to, int blocks);
    }

    /** Returns the number of this type in files. */
    int number() {
        return number;
    }

    /** Returns the number of elements that are stored together. */
    int blockElements() {
        return blockElements;
    }

    /** Returns the bytes of one block. */
    int blockBytes() {
        return blockBytes;
    }

    Decoder decoder() {
        return decoder;
    }

    /** Returns the type with this number, or null when it cannot be read. */
    static @Nullable GgufType of(int number) {
        for (GgufType type : values()) {
            if (type.number == number) {
                return type;
            }
        }
        return null;
    }

    /** Returns the name of a type that cannot be read, for messages. */
    static String nameOfOther(int number) {
        return OTHERS.getOrDefault(number, "number " + Integer.toUnsignedString(number));
    }

    /** Returns the names of all types that can be read, for messages. */
    static String supported() {
        return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
    }
}
