package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;

/**
 * Reads stored elements as float32, with the buffers of one thread.
 *
 * <p>The parts are read and not mapped: mapped pages count as memory of the process, which would
 * grow with the models, and a file that is cut short while it is mapped ends in an error that no
 * program expects.
 */
final class FloatReader {

    private static final int PART = 1 << 15;

    private final ByteBuffer stored =
            ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer floats =
            ByteBuffer.allocateDirect(PART * 4).order(ByteOrder.LITTLE_ENDIAN);
    private final FloatBuffer floatView = floats.asFloatBuffer();
    private final FloatBuffer storedView = stored.asFloatBuffer();

    /** Reads elements from {@code at} on into the start of an array. */
    void read(TensorSource source, TensorInfo info, long at, float[] target, int count)
            throws IOException {
        for (int done = 0; done < count; ) {
            int part = Math.min(PART, count - done);
            part(source, info, at + done, target, done, part);
            done += part;
        }
    }

    private void part(
            TensorSource source, TensorInfo info, long at, float[] target, int offset, int count)
            throws IOException {
        int width = info.dtype().bytes();
        stored.clear().limit(count * width);
        source.read(info.name(), at * width, stored);
        stored.flip();
        if (info.dtype() == DType.FLOAT32) {
            storedView.get(0, target, offset, count);
        } else if (info.dtype() == DType.BFLOAT16) {
            bfloats(target, offset, count);
        } else {
            floats.clear();
            ElementConversion.convert(info.dtype(), stored, DType.FLOAT32, floats);
            floatView.get(0, target, offset, count);
        }
    }

    /** Takes two elements at a time, which is several times as fast as one by one. */
    private void bfloats(float[] target, int offset, int count) {
        int pairs = count / 2;
        for (int i = 0; i < pairs; i++) {
            int two = stored.getInt(4 * i);
            target[offset + 2 * i] = Float.intBitsToFloat(two << 16);
            target[offset + 2 * i + 1] = Float.intBitsToFloat(two & 0xffff0000);
        }
        if (count % 2 != 0) {
            int last = count - 1;
            target[offset + last] = Float.intBitsToFloat(stored.getShort(2 * last) << 16);
        }
    }
}
