package org.retain4j.core.io.gguf;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The checked header of a GGUF file, version 2 or 3, little-endian.
 *
 * <p>Layout after the <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF
 * specification</a>. All counts and lengths are checked against the rest of the file and fixed
 * limits before anything is allocated; tensors must lie in the file, aligned and without overlaps.
 */
final class GgufHeader {

    private static final int MAGIC = 0x46554747;
    private static final int MAX_KEYS = 1 << 16;
    private static final int MAX_TENSORS = 1 << 16;
    private static final int MAX_NAME_BYTES = 1024;
    private static final int MAX_DIMENSIONS = 4;
    private static final int MAX_ARRAY_DEPTH = 4;
    private static final int MAX_ARRAY_ELEMENTS = 1 << 22;
    private static final long MAX_TEXT_BYTES = 128L << 20;
    private static final long MAX_ALIGNMENT = 1 << 20;

    private final HeaderCursor cursor;
    private final Map<String, Object> values = new LinkedHashMap<>();
    private final Map<String, GgufTensor> tensors;
    private final int version;
    private long elementsLeft = MAX_ARRAY_ELEMENTS;
    private long textLeft = MAX_TEXT_BYTES;

    private GgufHeader(HeaderCursor cursor) throws IOException {
        this.cursor = cursor;
        if (cursor.int32("the magic number") != MAGIC) {
            throw cursor.fail("it does not start with \"GGUF\" and is no GGUF file");
        }
        this.version = cursor.int32("the version");
        if (Integer.reverseBytes(version) > 0 && Integer.reverseBytes(version) < 16) {
            throw cursor.fail("it is big-endian; only little-endian GGUF files are supported");
        }
        if (version != 2 && version != 3) {
            throw cursor.fail(
                    "it has GGUF version "
                            + Integer.toUnsignedString(version)
                            + "; supported are 2 and 3");
        }
        int tensorCount = cursor.count("the number of tensors", MAX_TENSORS, 24);
        int keyCount = cursor.count("the number of metadata keys", MAX_KEYS, 13);
        for (int i = 0; i < keyCount; i++) {
            String key = cursor.text("metadata key " + i, MAX_NAME_BYTES, true);
            int type = cursor.int32("the type of " + quote(key));
            if (values.put(key, value(type, key, 0)) != null) {
                throw cursor.fail("it has the metadata key " + quote(key) + " twice");
            }
        }
        this.tensors = Collections.unmodifiableMap(readTensors(tensorCount));
    }

    static GgufHeader read(Path path, FileChannel channel) throws IOException {
        return new GgufHeader(new HeaderCursor(path, channel));
    }

    int version() {
        return version;
    }

    /**
     * Returns all metadata: Long, Double, Boolean and String, arrays as long[], double[], String[]
     * and, when nested, Object[].
     */
    Map<String, Object> values() {
        return values;
    }

    /** Returns the tensors by name, in the order of the file's list. */
    Map<String, GgufTensor> tensors() {
        return tensors;
    }

    private Object value(int type, String key, int depth) throws IOException {
        if (type == 8) {
            return text(key);
        }
        if (type == 9) {
            return array(key, depth);
        }
        String what = "the value of " + quote(key);
        return switch (type) {
            case 6, 12 -> real(type, what);
            case 7 -> integer(type, what) != 0;
            default -> integer(type, what);
        };
    }

    private double real(int type, String what) throws IOException {
        return type == 6
                ? Float.intBitsToFloat(cursor.int32(what))
                : Double.longBitsToDouble(cursor.int64(what));
    }

    private long integer(int type, String what) throws IOException {
        return switch (type) {
            case 0 -> cursor.uint8(what);
            case 1 -> (byte) cursor.uint8(what);
            case 2 -> cursor.int16(what) & 0xFFFF;
            case 3 -> cursor.int16(what);
            case 4 -> Integer.toUnsignedLong(cursor.int32(what));
            case 5 -> cursor.int32(what);
            case 7 -> cursor.uint8(what);
            case 10, 11 -> cursor.int64(what);
            default ->
                    throw cursor.fail(
                            what
                                    + " has the type number "
                                    + Integer.toUnsignedString(type)
                                    + "; GGUF knows 0 to 12");
        };
    }

    private String text(String key) throws IOException {
        // A vocabulary with replaced characters would be another one; a description may have them.
        boolean strict = key.startsWith("tokenizer.");
        String text = cursor.text("the value of " + quote(key), textLeft, strict);
        textLeft -= text.length();
        return text;
    }

    private Object array(String key, int depth) throws IOException {
        if (depth >= MAX_ARRAY_DEPTH) {
            throw cursor.fail(
                    quote(key) + " has arrays nested deeper than " + MAX_ARRAY_DEPTH + " levels");
        }
        int type = cursor.int32("the element type of " + quote(key));
        int least =
                switch (type) {
                    case 0, 1, 7 -> 1;
                    case 2, 3 -> 2;
                    case 4, 5, 6 -> 4;
                    case 8, 10, 11, 12 -> 8;
                    case 9 -> 12;
                    default ->
                            throw cursor.fail(
                                    quote(key)
                                            + " is an array of the type number "
                                            + Integer.toUnsignedString(type)
                                            + "; GGUF knows 0 to 12");
                };
        int count = cursor.count("the number of elements of " + quote(key), elementsLeft, least);
        elementsLeft -= count;
        String what = "an element of " + quote(key);
        switch (type) {
            case 8 -> {
                String[] texts = new String[count];
                for (int i = 0; i < count; i++) {
                    texts[i] = text(key);
                }
                return texts;
            }
            case 9 -> {
                Object[] arrays = new Object[count];
                for (int i = 0; i < count; i++) {
                    arrays[i] = array(key, depth + 1);
                }
                return arrays;
            }
            case 6, 12 -> {
                double[] numbers = new double[count];
                for (int i = 0; i < count; i++) {
                    numbers[i] = real(type, what);
                }
                return numbers;
            }
            default -> {
                long[] numbers = new long[count];
                for (int i = 0; i < count; i++) {
                    numbers[i] = integer(type, what);
                }
                return numbers;
            }
        }
    }

    private Map<String, GgufTensor> readTensors(int count) throws IOException {
        List<GgufTensor> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            found.add(readTensor(i));
        }
        long alignment = alignment();
        long start = (cursor.position() + alignment - 1) / alignment * alignment;
        Map<String, GgufTensor> placed = new LinkedHashMap<>();
        for (GgufTensor tensor : found) {
            String name = "tensor " + quote(tensor.name());
            if (tensor.begin() % alignment != 0) {
                throw cursor.fail(
                        name
                                + " starts at "
                                + Long.toUnsignedString(tensor.begin())
                                + ", which is not a multiple of the alignment "
                                + alignment);
            }
            long room = cursor.size() - start;
            if (tensor.begin() < 0 || tensor.byteCount() > room - tensor.begin()) {
                throw cursor.fail(
                        name
                                + " needs "
                                + tensor.byteCount()
                                + " bytes from "
                                + Long.toUnsignedString(tensor.begin())
                                + " but the data part of the file has only "
                                + Math.max(0, room)
                                + "; the file is damaged or incomplete");
            }
            GgufTensor absolute =
                    new GgufTensor(
                            tensor.name(),
                            tensor.type(),
                            tensor.dimensions(),
                            start + tensor.begin(),
                            tensor.byteCount());
            if (placed.put(tensor.name(), absolute) != null) {
                throw cursor.fail("it has " + name + " twice");
            }
        }
        refuseOverlaps(placed);
        return placed;
    }

    private GgufTensor readTensor(int index) throws IOException {
        String name = cursor.text("the name of tensor " + index, MAX_NAME_BYTES, true);
        String what = "tensor " + quote(name);
        int rank = cursor.int32("the rank of " + what);
        if (rank < 0 || rank > MAX_DIMENSIONS) {
            throw cursor.fail(
                    what
                            + " has "
                            + Integer.toUnsignedString(rank)
                            + " dimensions; expected at most "
                            + MAX_DIMENSIONS);
        }
        List<Long> dimensions = new ArrayList<>();
        long elements = 1;
        for (int i = 0; i < rank; i++) {
            long dimension = cursor.int64("the shape of " + what);
            dimensions.add(dimension);
            if (dimension < 1 || dimension > Long.MAX_VALUE / 8 / elements) {
                throw cursor.fail(
                        what
                                + " has the impossible size "
                                + Long.toUnsignedString(dimension)
                                + " in its shape");
            }
            elements *= dimension;
        }
        GgufType type = type(cursor.int32("the type of " + what), what);
        long row = rank == 0 ? 1 : dimensions.get(0);
        if (row % type.blockElements() != 0) {
            throw cursor.fail(
                    what
                            + " has rows of "
                            + row
                            + " elements, which is not a multiple of the "
                            + type.blockElements()
                            + " that a block of "
                            + type
                            + " holds");
        }
        long bytes = elements / type.blockElements() * type.blockBytes();
        return new GgufTensor(name, type, dimensions, cursor.int64("the offset of " + what), bytes);
    }

    private GgufType type(int number, String what) throws GgufException {
        @Nullable GgufType type = GgufType.of(number);
        if (type == null) {
            throw cursor.fail(
                    what
                            + " has the type "
                            + GgufType.nameOfOther(number)
                            + ", which is not supported; supported are "
                            + GgufType.supported());
        }
        return type;
    }

    private long alignment() throws GgufException {
        Object value = values.getOrDefault("general.alignment", 32L);
        if (!(value instanceof Long alignment)
                || alignment < 1
                || alignment > MAX_ALIGNMENT
                || Long.bitCount(alignment) != 1) {
            throw cursor.fail(
                    "general.alignment must be a power of two up to "
                            + MAX_ALIGNMENT
                            + (value instanceof Long ? ", is " + value : ""));
        }
        return alignment;
    }

    private void refuseOverlaps(Map<String, GgufTensor> placed) throws GgufException {
        List<GgufTensor> sorted = new ArrayList<>(placed.values());
        sorted.sort(Comparator.comparingLong(GgufTensor::begin));
        for (int i = 1; i < sorted.size(); i++) {
            GgufTensor before = sorted.get(i - 1);
            if (before.begin() + before.byteCount() > sorted.get(i).begin()) {
                throw cursor.fail(
                        "tensors "
                                + quote(before.name())
                                + " and "
                                + quote(sorted.get(i).name())
                                + " overlap");
            }
        }
    }

    /**
     * Returns a name from a file in a form fit for a message: short, without control characters.
     */
    static String quote(String name) {
        StringBuilder text = new StringBuilder("\"");
        for (int i = 0; i < Math.min(name.length(), 80); i++) {
            char c = name.charAt(i);
            text.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
        }
        return text.append(name.length() > 80 ? "…\"" : "\"").toString();
    }
}
