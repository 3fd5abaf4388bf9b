package org.retain4j.core.tensor;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.internal.Native;
import org.retain4j.core.tensor.internal.NativeTensor;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * Multi-dimensional array in native memory, with optional recording of gradients.
 *
 * <p>A tensor belongs to a {@link Scope} and is freed with it. Operators return new tensors in the
 * innermost scope of the calling thread; those ending in {@code InPlace} change their receiver and
 * return it. Shapes are row-major; dimensions count from 0, negative ones from the end. Operators
 * broadcast and promote types as PyTorch does.
 *
 * <p>Every operator throws {@link TensorException} when shapes, types or devices do not fit or an
 * argument is closed, and {@link IllegalStateException} when no scope is open on the thread.
 * Tensors may be read by several threads at once; changing one while another thread reads it is a
 * race of values, never of memory. The class is long because every operator is one line of it.
 */
public final class Tensor implements AutoCloseable {

    private static final long MAX_BUFFER = Integer.MAX_VALUE - 7L;

    final NativeTensor nativeTensor;
    volatile @Nullable Scope owner;
    @Nullable Tensor previous;
    @Nullable Tensor next;
    private volatile long @Nullable [] shape;
    private volatile @Nullable DType dtype;
    private volatile @Nullable Device device;

    Tensor(NativeTensor nativeTensor, Scope scope) {
        this.nativeTensor = nativeTensor;
        scope.link(this);
    }

    /** Creates a float32 tensor on the CPU with these values in row-major order. */
    public static Tensor of(float[] values, long... shape) {
        Tensor tensor = emptyFor(values.length, DType.FLOAT32, shape);
        tensor.writeBuffer(buffer -> buffer.asFloatBuffer().put(values));
        return tensor;
    }

    /** Creates a float64 tensor on the CPU with these values in row-major order. */
    public static Tensor of(double[] values, long... shape) {
        Tensor tensor = emptyFor(values.length, DType.FLOAT64, shape);
        tensor.writeBuffer(buffer -> buffer.asDoubleBuffer().put(values));
        return tensor;
    }

    /** Creates an int64 tensor on the CPU with these values in row-major order. */
    public static Tensor of(long[] values, long... shape) {
        Tensor tensor = emptyFor(values.length, DType.INT64, shape);
        tensor.writeBuffer(buffer -> buffer.asLongBuffer().put(values));
        return tensor;
    }

    /** Creates a boolean tensor on the CPU with these values in row-major order. */
    public static Tensor of(boolean[] values, long... shape) {
        Tensor tensor = emptyFor(values.length, DType.BOOL, shape);
        tensor.writeBuffer(
                buffer -> {
                    for (boolean value : values) {
                        buffer.put((byte) (value ? 1 : 0));
                    }
                });
        return tensor;
    }

    /** Creates a float32 tensor without dimensions. */
    public static Tensor scalar(double value) {
        return of(new float[] {(float) value});
    }

    private static Tensor emptyFor(int count, DType dtype, long... shape) {
        if (elements("of", shape) != count) {
            throw new TensorException(
                    "of: " + count + " values do not fill shape " + Arrays.toString(shape));
        }
        requireBuffer("of", count, dtype);
        return empty(dtype, Device.CPU, shape);
    }

    /** Creates a tensor whose values are undefined until written. */
    public static Tensor empty(DType dtype, Device device, long... shape) {
        elements("empty " + dtype, shape);
        return Kernels.call("empty", shape, dtype.scalarType(), device.toString());
    }

    /**
     * Creates a tensor with one dimension on the CPU that is a good source for copies to a device:
     * in pinned memory if the device is a GPU.
     */
    public static Tensor staging(DType dtype, Device device, long elements) {
        return device.isCuda() && !SimulatedCuda.isOn()
                ? Kernels.call("pinned", elements, dtype.scalarType())
                : empty(dtype, Device.CPU, elements);
    }

    /** Creates a tensor filled with zeros. */
    public static Tensor zeros(DType dtype, Device device, long... shape) {
        return full(0, dtype, device, shape);
    }

    /** Creates a tensor filled with one value. */
    public static Tensor full(double value, DType dtype, Device device, long... shape) {
        elements("full " + dtype, shape);
        return Kernels.call("full", shape, value, dtype.scalarType(), device.toString());
    }

    /** Creates a tensor of the shape, type and device of another, filled with zeros. */
    public static Tensor zerosLike(Tensor other) {
        return Kernels.call("like", other, 0.0);
    }

    /** Creates the int64 tensor start, start + 1, … , end - 1. */
    public static Tensor arange(long start, long end, Device device) {
        return Kernels.call("arange", start, end, device.toString());
    }

    /**
     * Takes in an array of DJL's PyTorch engine; both share the memory.
     *
     * @throws TensorException if the array is of another engine or released
     */
    public static Tensor of(NDArray array) {
        if (!(array instanceof PtNDArray pt)) {
            throw new TensorException(
                    "of: " + array.getClass().getName() + " is not an array of the PyTorch engine");
        }
        if (pt.isReleased()) {
            throw new TensorException("of: the array is released");
        }
        Scope scope = Scope.current();
        return new Tensor(new NativeTensor(sharedHandle(pt.getHandle())), scope);
    }

    /**
     * Gives this tensor to DJL; both share the memory, and the array belongs to the manager.
     *
     * @throws TensorException if the manager is of another engine
     */
    public NDArray toNDArray(NDManager manager) {
        if (!(manager instanceof PtNDManager pt)) {
            throw new TensorException(
                    "toNDArray: the manager is not one of the PyTorch engine but "
                            + manager.getClass().getName());
        }
        if (dtype() == DType.BFLOAT16) {
            throw new TensorException(
                    "toNDArray: DJL cannot hold bfloat16 arrays; convert with to(FLOAT32) first");
        }
        return use("toNDArray", handle -> new PtNDArray(pt, sharedHandle(handle)));
    }

    private static long sharedHandle(long handle) {
        long value = Native.fromTensor(handle);
        try {
            return Native.toTensor(value);
        } finally {
            Native.deleteValue(value);
        }
    }

    /** Returns the shape; the array is a copy. */
    public long[] shape() {
        long[] known = shape;
        if (known == null) {
            known = use("shape", Native::sizes);
            shape = known;
        }
        return known.clone();
    }

    /** Returns the size of a dimension; negative dimensions count from the end. */
    public long size(int dimension) {
        long[] all = shape();
        int index = dimension < 0 ? dimension + all.length : dimension;
        if (index < 0 || index >= all.length) {
            throw new TensorException("size: " + this + " has no dimension " + dimension);
        }
        return all[index];
    }

    /** Returns the number of elements. */
    public long elements() {
        return elements("elements", shape());
    }

    private static long elements(String operation, long... shape) {
        long count = 1;
        for (long size : shape) {
            if (size < 0) {
                throw new TensorException(
                        operation + ": shape " + Arrays.toString(shape) + " has a negative size");
            }
            try {
                count = Math.multiplyExact(count, size);
            } catch (ArithmeticException e) {
                throw new TensorException(
                        operation
                                + ": shape "
                                + Arrays.toString(shape)
                                + " has more than 2^63 elements",
                        e);
            }
        }
        return count;
    }

    /** Returns the element type. */
    public DType dtype() {
        DType known = dtype;
        if (known == null) {
            known = djlType(use("dtype", Native::dtype));
            if (known == null) {
                known = kernelType();
            }
            dtype = known;
        }
        return known;
    }

    private static @Nullable DType djlType(int ordinal) {
        DataType[] types = DataType.values();
        return switch (ordinal < 0 || ordinal >= types.length ? DataType.UNKNOWN : types[ordinal]) {
            case FLOAT32 -> DType.FLOAT32;
            case FLOAT64 -> DType.FLOAT64;
            case FLOAT16 -> DType.FLOAT16;
            case INT8 -> DType.INT8;
            case UINT8 -> DType.UINT8;
            case INT32 -> DType.INT32;
            case INT64 -> DType.INT64;
            case BOOLEAN -> DType.BOOL;
            default -> null;
        };
    }

    /** DJL calls bfloat16 "unknown", like other types that are not supported here. */
    private DType kernelType() {
        try (Scope scope = Scope.open()) {
            int code = (int) Kernels.call("scalar_type", this).item();
            DType type = DType.ofScalarType(code);
            if (type == null) {
                throw new TensorException("tensors of PyTorch type " + code + " are not supported");
            }
            return type;
        }
    }

    /** Returns the device. */
    public Device device() {
        Device known = device;
        if (known == null) {
            int[] code = use("device", Native::device);
            known =
                    switch (code[0]) {
                        case 0 -> Device.CPU;
                        case 1 -> Device.cuda(Math.max(0, code[1]));
                        // reading the memory of a meta tensor would end the process
                        default ->
                                throw new TensorException(
                                        "tensors of PyTorch device type "
                                                + code[0]
                                                + " are not supported; expected cpu or cuda");
                    };
            device = known;
        }
        return known;
    }

    /** Says which device this tensor stands for, where devices are simulated. */
    void label(Device simulated) {
        // a tensor without memory keeps its own kind of device, which is refused
        if (use("device", Native::device)[0] == 0) {
            device = simulated;
        }
    }

    /** Returns the size of the elements, or -1 when this is closed or elsewhere. */
    long bytesOn(Device place) {
        try {
            return isClosed() || !device().equals(place) ? -1 : elements() * dtype().bytes();
        } catch (TensorException e) {
            return -1;
        }
    }

    /** Returns whether this tensor is closed. */
    public boolean isClosed() {
        return nativeTensor.isClosed();
    }

    /** Returns whether gradients flow to or through this tensor. */
    public boolean requiresGrad() {
        // the native function of DJL says false for every recorded result
        try (Scope scope = Scope.open()) {
            return Kernels.call("requires_grad", this).item() != 0;
        }
    }

    /**
     * Makes this tensor a leaf that requires gradients, or stops it from being one; returns it.
     *
     * @throws TensorException if it is not of a floating-point type, or is the recorded result of
     *     an operator and no leaf
     */
    public Tensor requiresGrad(boolean required) {
        if (required && !dtype().isFloatingPoint()) {
            throw new TensorException("requiresGrad: " + this + " is not of a floating-point type");
        }
        if (!isLeaf()) {
            throw new TensorException(
                    "requiresGrad: " + this + " is the recorded result of an operator; detach it");
        }
        use(
                "requiresGrad",
                handle -> {
                    Native.setRequiresGrad(handle, required);
                    return required;
                });
        return this;
    }

    private boolean isLeaf() {
        try (Scope scope = Scope.open()) {
            return Kernels.call("is_leaf", this).item() != 0;
        }
    }

    /** Returns the only element as a double. */
    public double item() {
        if (elements() != 1) {
            throw new TensorException("item: " + this + " does not have exactly one element");
        }
        return toDoubleArray()[0];
    }

    /** Returns a copy of the elements in row-major order, converted to float32. */
    public float[] toFloatArray() {
        float[] values = new float[arrayLength(DType.FLOAT32)];
        readAs(DType.FLOAT32, buffer -> buffer.asFloatBuffer().get(values));
        return values;
    }

    /** Returns a copy of the elements in row-major order, converted to float64. */
    public double[] toDoubleArray() {
        double[] values = new double[arrayLength(DType.FLOAT64)];
        readAs(DType.FLOAT64, buffer -> buffer.asDoubleBuffer().get(values));
        return values;
    }

    /** Returns a copy of the elements in row-major order, converted to int64. */
    public long[] toLongArray() {
        long[] values = new long[arrayLength(DType.INT64)];
        readAs(DType.INT64, buffer -> buffer.asLongBuffer().get(values));
        return values;
    }

    private int arrayLength(DType type) {
        long count = elements();
        requireBuffer("toArray", count, type);
        return (int) count;
    }

    /** Java's direct buffers hold at most 2 GB. */
    private static void requireBuffer(String operation, long count, DType type) {
        if (count > MAX_BUFFER / type.bytes()) {
            throw new TensorException(
                    operation
                            + ": "
                            + count
                            + " elements of "
                            + type
                            + " are more than 2 GB; use readBytes and writeBytes in parts");
        }
    }

    private void readAs(DType type, java.util.function.Consumer<ByteBuffer> reader) {
        if (elements() == 0) {
            return;
        }
        if (dtype() == type && device().equals(Device.CPU) && isContiguous()) {
            readBuffer(reader);
            return;
        }
        try (Scope scope = Scope.open()) {
            to(Device.CPU).to(type).contiguous().readBuffer(reader);
        }
    }

    private boolean isContiguous() {
        return use("isContiguous", Native::isContiguous);
    }

    /**
     * Copies bytes into this tensor, starting at an element.
     *
     * @param startElement index of the first element to write, in row-major order
     * @param source whole elements in this tensor's type, little-endian
     * @throws TensorException if the tensor is not contiguous on the CPU or the bytes do not fit
     */
    public void writeBytes(long startElement, ByteBuffer source) {
        transfer(startElement, source.remaining(), buffer -> buffer.put(source));
    }

    /**
     * Copies bytes out of this tensor, starting at an element; otherwise as {@link #writeBytes}.
     *
     * @param target receives as many whole elements as it has room for
     */
    public void readBytes(long startElement, ByteBuffer target) {
        transfer(startElement, target.remaining(), target::put);
    }

    /** Writes elements into the memory of a tensor. */
    @FunctionalInterface
    public interface Filler {
        /**
         * Fills a buffer from its position to its limit.
         *
         * @param target memory of the tensor, little-endian; not to be used after the call
         */
        void fill(ByteBuffer target) throws IOException;
    }

    /**
     * Lets a filler write elements where they lie, without a copy in between; otherwise as {@link
     * #writeBytes}.
     *
     * @param startElement index of the first element to write, in row-major order
     * @param count number of elements, at most 2 GB
     * @throws IOException what the filler throws; the elements are undefined then
     */
    public void fill(long startElement, int count, Filler filler) throws IOException {
        try {
            transfer(
                    startElement,
                    Math.multiplyExact(count, dtype().bytes()),
                    buffer -> {
                        try {
                            filler.fill(buffer);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private void transfer(
            long startElement, int bytes, java.util.function.Consumer<ByteBuffer> action) {
        DType type = dtype();
        if (!device().equals(Device.CPU) || !isContiguous()) {
            throw new TensorException(
                    "bytes: " + this + " is not contiguous on the CPU; copy it there first");
        }
        long count = bytes / type.bytes();
        if (bytes % type.bytes() != 0 || startElement < 0 || startElement > elements() - count) {
            throw new TensorException(
                    "bytes: "
                            + bytes
                            + " bytes from element "
                            + startElement
                            + " do not lie inside "
                            + this);
        }
        if (bytes == 0) {
            return;
        }
        if (elements() <= MAX_BUFFER / type.bytes()) {
            int start = (int) startElement * type.bytes();
            readBuffer(buffer -> action.accept(slice(buffer, start, bytes)));
            return;
        }
        try (Scope scope = Scope.open()) {
            detach().reshape(-1).narrow(0, startElement, count).readBuffer(action);
        }
    }

    private static ByteBuffer slice(ByteBuffer buffer, int start, int length) {
        return buffer.slice(start, length).order(buffer.order());
    }

    private void writeBuffer(java.util.function.Consumer<ByteBuffer> writer) {
        if (elements() > 0) {
            readBuffer(writer);
        }
    }

    private void readBuffer(java.util.function.Consumer<ByteBuffer> action) {
        use(
                "bytes",
                handle -> {
                    action.accept(Native.directBuffer(handle).order(ByteOrder.nativeOrder()));
                    return handle;
                });
    }

    private interface Use<T> {
        T apply(long handle);
    }

    private <T> T use(String operation, Use<T> action) {
        if (!nativeTensor.acquire()) {
            throw closedError(operation);
        }
        try {
            return action.apply(nativeTensor.handle());
        } catch (EngineException e) {
            throw new TensorException(operation + ": " + Kernels.reason(e), e);
        } finally {
            nativeTensor.release();
        }
    }

    void requireOpen(String operation) {
        if (isClosed()) {
            throw closedError(operation);
        }
    }

    private TensorException closedError(String operation) {
        return new TensorException(
                operation
                        + ": tensor "
                        + this
                        + " is closed; keep it open with Scope.passOut or Scope.adopt");
    }

    /** Returns this tensor in another type; itself when it has that type. Gradients flow. */
    public Tensor to(DType type) {
        return dtype() == type ? this : Kernels.call("to_dtype", this, type.scalarType());
    }

    /** Returns this tensor on another device; itself when it is there. Gradients flow. */
    public Tensor to(Device target) {
        return device().equals(target) ? this : Kernels.call("to_device", this, target.toString());
    }

    /** Returns an independent copy; gradients flow to the original. */
    public Tensor copy() {
        return Kernels.call("clone", this);
    }

    /** Returns this tensor with its elements in row-major order in memory. */
    public Tensor contiguous() {
        return Kernels.call("contiguous", this);
    }

    /** Returns a tensor that shares the memory and takes no part in gradients. */
    public Tensor detach() {
        return Kernels.call("detach", this);
    }

    /** Returns this + other. */
    public Tensor add(Tensor other) {
        return Kernels.call("add", this, other);
    }

    /** Returns this + value. */
    public Tensor add(double value) {
        return Kernels.call("add_scalar", this, value);
    }

    /** Returns this - other. */
    public Tensor sub(Tensor other) {
        return Kernels.call("sub", this, other);
    }

    /** Returns the element-wise product. */
    public Tensor mul(Tensor other) {
        return Kernels.call("mul", this, other);
    }

    /** Returns this × value. */
    public Tensor mul(double value) {
        return Kernels.call("mul_scalar", this, value);
    }

    /** Returns the element-wise quotient. */
    public Tensor div(Tensor other) {
        return Kernels.call("div", this, other);
    }

    /** Returns the element-wise power. */
    public Tensor pow(double exponent) {
        return Kernels.call("pow_scalar", this, exponent);
    }

    /** Returns -this. */
    public Tensor neg() {
        return Kernels.call("neg", this);
    }

    /** Returns e to the power of each element. */
    public Tensor exp() {
        return Kernels.call("exp", this);
    }

    /** Returns the natural logarithm of each element. */
    public Tensor log() {
        return Kernels.call("log", this);
    }

    /** Returns the square root of each element. */
    public Tensor sqrt() {
        return Kernels.call("sqrt", this);
    }

    /** Returns the absolute value of each element. */
    public Tensor abs() {
        return Kernels.call("abs", this);
    }

    /** Returns the hyperbolic tangent of each element. */
    public Tensor tanh() {
        return Kernels.call("tanh", this);
    }

    /** Returns each element limited to [low, high]. */
    public Tensor clamp(double low, double high) {
        return Kernels.call("clamp", this, low, high);
    }

    /** Returns the matrix product, batched over leading dimensions. */
    public Tensor matmul(Tensor other) {
        return Kernels.call("matmul", this, other);
    }

    /** Returns a view with two dimensions exchanged. */
    public Tensor transpose(int dim0, int dim1) {
        return Kernels.call("transpose", this, dim0, dim1);
    }

    /** Returns the elements in another shape; one size may be -1. */
    public Tensor reshape(long... sizes) {
        return Kernels.call("reshape", this, sizes);
    }

    /** Returns a view of one index of a dimension, without that dimension. */
    public Tensor select(int dim, long index) {
        return Kernels.call("select", this, dim, index);
    }

    /** Returns a view of {@code length} indices of a dimension from {@code start} on. */
    public Tensor narrow(int dim, long start, long length) {
        return Kernels.call("narrow", this, dim, start, length);
    }

    /** Returns the chosen indices of a dimension; {@code index} is int64 with one dimension. */
    public Tensor indexSelect(int dim, Tensor index) {
        return Kernels.call("index_select", this, dim, index);
    }

    /** Returns the elements that {@code index} (int64) names along a dimension. */
    public Tensor gather(int dim, Tensor index) {
        return Kernels.call("gather", this, dim, index);
    }

    /** Returns tensors joined along an existing dimension. */
    public static Tensor cat(List<Tensor> tensors, int dim) {
        return Kernels.call("cat", tensors, dim);
    }

    /** Returns tensors of one shape joined along a new dimension. */
    public static Tensor stack(List<Tensor> tensors, int dim) {
        return Kernels.call("stack", tensors, dim);
    }

    /** Returns the sum of all elements, without dimensions. */
    public Tensor sum() {
        return Kernels.call("sum", this);
    }

    /** Returns the sums along a dimension. */
    public Tensor sum(int dim, boolean keepDim) {
        return Kernels.call("sum_dim", this, dim, keepDim);
    }

    /** Returns the mean of all elements, without dimensions. */
    public Tensor mean() {
        return Kernels.call("mean", this);
    }

    /** Returns the means along a dimension. */
    public Tensor mean(int dim, boolean keepDim) {
        return Kernels.call("mean_dim", this, dim, keepDim);
    }

    /** Returns the largest element, without dimensions. */
    public Tensor max() {
        return Kernels.call("max", this);
    }

    /** Returns the index (int64) of the largest element along a dimension; the first on ties. */
    public Tensor argmax(int dim) {
        return Kernels.call("argmax_dim", this, dim);
    }

    /** Returns the Euclidean norm of all elements, without dimensions. */
    public Tensor norm() {
        return Kernels.call("norm", this);
    }

    /** Returns the logarithm of the softmax along a dimension. */
    public Tensor logSoftmax(int dim) {
        return Kernels.call("log_softmax", this, dim);
    }

    /** Returns the softmax along a dimension. */
    public Tensor softmax(int dim) {
        return Kernels.call("softmax", this, dim);
    }

    /** Returns where the elements are equal, as booleans. */
    public Tensor eq(Tensor other) {
        return Kernels.call("equal", this, other);
    }

    /** Returns whether no element is infinite or not a number. */
    public boolean allFinite() {
        try (Scope scope = Scope.open()) {
            return Kernels.call("all_finite", this).item() != 0;
        }
    }

    /** Overwrites the elements with those of a tensor that broadcasts to this shape. */
    public Tensor copyInPlace(Tensor source) {
        Kernels.call("copy_", this, source).close();
        return this;
    }

    /**
     * Overwrites {@code count} elements from {@code start} on, in row-major order, with the first
     * ones of a tensor with one dimension that may lie on another device; this tensor must be
     * contiguous.
     */
    public Tensor copyPartInPlace(long start, Tensor source, long count) {
        Kernels.call("copy_part_", this, start, source, count).close();
        return this;
    }

    /** Adds {@code factor} × other to the elements. */
    public Tensor addInPlace(Tensor other, double factor) {
        Kernels.call("add_", this, other, factor).close();
        return this;
    }

    /** Multiplies the elements by a value. */
    public Tensor mulInPlace(double value) {
        Kernels.call("mul_scalar_", this, value).close();
        return this;
    }

    /** Frees this tensor; does nothing the second time. */
    @Override
    public void close() {
        Scope scope = owner;
        if (scope != null) {
            scope.unlink(this);
        }
        nativeTensor.close();
    }

    /** Returns shape, type and device, for example {@code [2, 3] float32 cpu}; never the values. */
    @Override
    public String toString() {
        long[] knownShape = shape;
        if (isClosed()) {
            return (knownShape == null ? "[?]" : Arrays.toString(knownShape)) + " (closed)";
        }
        try {
            return Arrays.toString(shape()) + " " + dtype() + " " + device();
        } catch (RuntimeException e) {
            return "[?]";
        }
    }
}
