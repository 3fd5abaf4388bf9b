package org.retain4j.core.io.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Writes small GGUF files, right or wrong, for tests. */
final class GgufWriter {

    static final int UINT32 = 4;
    static final int INT32 = 5;
    static final int FLOAT32 = 6;
    static final int BOOL = 7;
    static final int TEXT = 8;
    static final int ARRAY = 9;
    static final int UINT64 = 10;
    static final int FLOAT64 = 12;

    int magic = 0x46554747;
    int version = 3;
    int alignment = 32;
    private int keyCount;
    private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
    private final List<Stored> tensors = new ArrayList<>();

    /** A tensor; {@code offset} is -1 for the next free place. */
    private record Stored(String name, int type, long[] dimensions, byte[] data, long offset) {}

    static byte[] number(long value, int bytes) {
        byte[] all = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
        return Arrays.copyOf(all, bytes);
    }

    private static void number(ByteArrayOutputStream out, long value, int bytes) {
        out.write(number(value, 8), 0, bytes);
    }

    private static void text(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        number(out, bytes.length, 8);
        out.writeBytes(bytes);
    }

    /** Adds a value whose bytes the caller knows. */
    GgufWriter raw(String key, int type, byte[] value) {
        text(keys, key);
        number(keys, type, 4);
        keys.writeBytes(value);
        keyCount++;
        return this;
    }

    /** Adds a Integer (uint32), Long (uint64), Float, Double, Boolean, String or array of these. */
    GgufWriter put(String key, Object value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int type = type(value);
        value(out, value);
        return raw(key, type, out.toByteArray());
    }

    private static int type(Object value) {
        if (value instanceof Integer) {
            return UINT32;
        } else if (value instanceof Long) {
            return UINT64;
        } else if (value instanceof Float) {
            return FLOAT32;
        } else if (value instanceof Double) {
            return FLOAT64;
        } else if (value instanceof Boolean) {
            return BOOL;
        } else if (value instanceof String) {
            return TEXT;
        }
        return ARRAY;
    }

    private static void value(ByteArrayOutputStream out, Object value) {
        if (value instanceof Integer number) {
            number(out, number, 4);
        } else if (value instanceof Long number) {
            number(out, number, 8);
        } else if (value instanceof Float number) {
            number(out, Float.floatToRawIntBits(number), 4);
        } else if (value instanceof Double number) {
            number(out, Double.doubleToRawLongBits(number), 8);
        } else if (value instanceof Boolean flag) {
            number(out, flag ? 1 : 0, 1);
        } else if (value instanceof String text) {
            text(out, text);
        } else if (value instanceof List<?> list) {
            number(out, type(list.get(0)), 4);
            number(out, list.size(), 8);
            list.forEach(element -> value(out, element));
        } else {
            throw new AssertionError(value);
        }
    }

    GgufWriter tensor(String name, int type, long[] dimensions, byte[] data) {
        return tensorAt(name, type, dimensions, data, -1);
    }

    GgufWriter tensorAt(String name, int type, long[] dimensions, byte[] data, long offset) {
        tensors.add(new Stored(name, type, dimensions, data, offset));
        return this;
    }

    byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        number(out, magic, 4);
        number(out, version, 4);
        number(out, tensors.size(), 8);
        number(out, keyCount, 8);
        out.writeBytes(keys.toByteArray());
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        for (Stored tensor : tensors) {
            while (data.size() % alignment != 0) {
                data.write(0);
            }
            text(out, tensor.name());
            number(out, tensor.dimensions().length, 4);
            for (long dimension : tensor.dimensions()) {
                number(out, dimension, 8);
            }
            number(out, tensor.type(), 4);
            number(out, tensor.offset() == -1 ? data.size() : tensor.offset(), 8);
            data.writeBytes(tensor.data());
        }
        while (out.size() % alignment != 0) {
            out.write(0);
        }
        out.writeBytes(data.toByteArray());
        return out.toByteArray();
    }

    Path write(Path path) throws IOException {
        return Files.write(path, bytes());
    }
}
