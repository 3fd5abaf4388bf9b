package org.retain4j.lora;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.model.DecoderSpec;
import org.retain4j.core.model.ModelSource;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.tensor.DType;

/** The files of a base model and the names of its parts, without its weights in memory. */
final class BaseFiles implements AutoCloseable {

    /** Elements to hold at once, unless one row has more. */
    private static final int PART = 1 << 20;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final ModelSource source;
    private final DecoderSpec spec;
    private float[] values = new float[0];
    private final ByteBuffer[] buffers = new ByteBuffer[4];

    private BaseFiles(ModelSource source, DecoderSpec spec) {
        this.source = source;
        this.spec = spec;
        Arrays.fill(buffers, ByteBuffer.allocate(0));
    }

    static BaseFiles open(Path path) throws IOException {
        ModelSource source = ModelSource.open(path);
        try {
            return new BaseFiles(source, Pretrained.spec(source.config()));
        } catch (IOException | RuntimeException e) {
            source.close();
            throw e;
        }
    }

    Path path() {
        return source.path();
    }

    TensorSource tensors() {
        return source.tensors();
    }

    DecoderSpec.Names names() {
        return spec.names();
    }

    boolean hasTiedHead() {
        return spec.tiedHead() && stored(names().head() + ".weight") == null;
    }

    /** Returns the tensor of a parameter, or null; files of a bare model leave a prefix out. */
    @Nullable TensorInfo stored(String parameter) {
        TensorInfo info = tensors().tensors().get(parameter);
        if (info != null) {
            return info;
        }
        int dot = parameter.indexOf('.');
        return dot < 0 ? null : tensors().tensors().get(parameter.substring(dot + 1));
    }

    /** Returns the names of the linear layers of all blocks, in their order. */
    List<String> linears() {
        List<String> all = new ArrayList<>();
        BlockSpec block = spec.block();
        for (int i = 0; i < spec.layers().size(); i++) {
            String prefix = names().blocks() + "." + i + ".";
            block.attention().projections().forEach(name -> all.add(prefix + name));
            all.add(prefix + block.attention().output());
            block.mlp().inputs().forEach(name -> all.add(prefix + name));
            all.add(prefix + block.mlp().output());
        }
        return all;
    }

    /** Returns whether a module's weight is stored as {@code [in, out]}. */
    boolean isTransposed(String module) {
        return module.startsWith(names().blocks() + ".") && spec.block().attention().transposed();
    }

    /** Returns memory that the next call may return again. */
    private float[] values(int count) {
        if (values.length < count) {
            values = new float[count];
        }
        return values;
    }

    /** Returns a little-endian buffer that the next call of this number may return again. */
    ByteBuffer buffer(int number, int bytes) {
        ByteBuffer buffer = buffers[number];
        if (buffer.capacity() < bytes) {
            buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
            buffers[number] = buffer;
        }
        return buffer.clear();
    }

    /**
     * Shows all rows of a tensor as float32 numbers, a few at a time.
     *
     * @param action may change the numbers, which are not kept
     */
    void forEachPart(TensorInfo info, WeightChange.Rows action) throws IOException {
        long all = info.elementCount();
        int columns =
                Math.toIntExact(
                        info.shape().size() < 2 ? all : all / Math.max(1, info.shape().get(0)));
        int step = Math.max(1, PART / Math.max(1, columns));
        long rows = columns == 0 ? 0 : all / columns;
        int width = info.dtype().bytes();
        int largest = Math.toIntExact(Math.min(rows, step) * columns);
        float[] values = values(largest);
        ByteBuffer floats = buffer(0, Math.multiplyExact(largest, Float.BYTES));
        ByteBuffer raw = buffer(1, Math.multiplyExact(largest, width));
        for (long first = 0; first < rows; first += step) {
            int count = (int) Math.min(step, rows - first);
            raw.clear().limit(count * columns * width);
            tensors().read(info.name(), first * columns * width, raw);
            raw.flip();
            if (info.dtype() == DType.FLOAT32) {
                raw.asFloatBuffer().get(values, 0, count * columns);
            } else {
                floats.clear();
                ElementConversion.convert(info.dtype(), raw, DType.FLOAT32, floats);
                floats.flip().asFloatBuffer().get(values, 0, count * columns);
            }
            action.apply(values, count, columns, first);
        }
    }

    /**
     * Refuses an adapter that was recorded with another base.
     *
     * @throws LoraException if both have names and these differ
     */
    void requireRecorded(Path adapter, LoraConfig config) throws LoraException {
        String other = RecordedBase.other(config, path(), source.config());
        if (other != null) {
            throw new LoraException(
                    "adapter "
                            + adapter
                            + " was made for "
                            + other
                            + " but the base is "
                            + path()
                            + "; if this is the same model under another name, allow any base"
                            + " (--any-base)");
        }
    }

    /**
     * Writes what stands beside the weights.
     *
     * @param type new type of the weights, or null for theirs
     * @param untied whether the head has got a weight of its own
     */
    void writeBeside(Path folder, @Nullable DType type, boolean untied) throws IOException {
        AtomicFile.write(folder.resolve("config.json"), config(type, untied));
        for (Map.Entry<String, byte[]> file : source.sidecars().entrySet()) {
            Path target = folder.resolve(file.getKey());
            Path parent = target.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            AtomicFile.write(target, file.getValue());
        }
    }

    private String config(@Nullable DType type, boolean untied) throws IOException {
        if (type == null && !untied) {
            return source.config().text();
        }
        try {
            ObjectNode root = (ObjectNode) JSON.readTree(source.config().text());
            if (untied) {
                root.put("tie_word_embeddings", false);
            }
            if (type != null) {
                root.put(root.has("dtype") ? "dtype" : "torch_dtype", type.toString());
            }
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IOException(source.config().origin() + " cannot be changed", e);
        }
    }

    @Override
    public void close() throws IOException {
        source.close();
    }
}
