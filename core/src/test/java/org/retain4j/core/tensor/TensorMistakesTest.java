package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Mistakes end in a Java exception that names the operator and its arguments, never in the end of
 * the process; several of these calls kill the JVM when made through DJL's own arrays.
 */
class TensorMistakesTest {

    private static final long HUGE = 1L << 50;

    private Scope scope;
    private long before;

    @BeforeEach
    void open() {
        scope = Scope.open();
        before = Scope.liveTensors();
    }

    @AfterEach
    void close() {
        scope.close();
        assertThat(Scope.liveTensors()).isLessThanOrEqualTo(before);
    }

    private static Tensor t(float... values) {
        return Tensor.of(values, values.length);
    }

    private static Tensor ids(long... values) {
        return Tensor.of(values, values.length);
    }

    private static AbstractThrowableAssert<?, ?> fails(ThrowingCallable call, String... parts) {
        return assertThatThrownBy(call)
                .isInstanceOf(TensorException.class)
                .hasMessageContainingAll(parts);
    }

    @Test
    void wrongShapesAndTypesAreNamed() {
        fails(() -> t(1, 2).add(t(1, 2, 3)), "add([2] float32 cpu, [3] float32 cpu)", "size");
        fails(
                () -> t(1).reshape(1, 1).matmul(Tensor.of(new double[] {1}, 1, 1)),
                "matmul",
                "dtype");
        fails(() -> Tensor.cat(List.of(t(1), t(1).reshape(1, 1)), 0), "cat(2 tensors [1] float32");
        fails(() -> Tensor.cat(List.of(), 0), "cat(0 tensors");
        fails(() -> t(1, 2).reshape(3), "reshape([2] float32 cpu, [3])");
        fails(() -> t(1, 2).reshape(-1, -1), "reshape");
        fails(() -> ids(1).softmax(0), "softmax([1] int64 cpu");
        fails(() -> t(1, 2).item(), "item", "[2] float32 cpu");
        fails(() -> Tensor.empty(DType.FLOAT32, Device.CPU, 0).max(), "max([0] float32 cpu)");
        fails(() -> Tensor.of(new float[3], 2, 2), "3 values", "[2, 2]");
        fails(() -> Tensor.full(300, DType.UINT8, Device.CPU, 1), "full", "uint8");
    }

    @Test
    void indicesOutOfRangeAreNamed() {
        fails(() -> t(1, 2).select(0, 5), "select([2] float32 cpu, 0, 5)");
        fails(() -> t(1, 2).select(7, 0), "select", "7");
        fails(() -> t(1, 2).size(1), "size", "[2] float32 cpu", "1");
        fails(() -> t(1, 2).narrow(0, 1, 5), "narrow([2] float32 cpu, 0, 1, 5)");
        fails(() -> t(1, 2).narrow(0, Long.MAX_VALUE, Long.MAX_VALUE), "narrow");
        fails(() -> t(1, 2).narrow(0, 0, -1), "narrow");
        fails(() -> t(1, 2).transpose(Integer.MIN_VALUE, Integer.MAX_VALUE), "transpose");
        for (long index : new long[] {2, -1, Long.MAX_VALUE, Long.MIN_VALUE}) {
            fails(() -> t(1, 2).gather(0, ids(index)), "gather([2] float32 cpu, 0, [1] int64 cpu)");
            fails(() -> t(1, 2).indexSelect(0, ids(index)), "index_select", "out of range");
            fails(
                    () -> Kernels.call("embedding", t(1, 2).reshape(2, 1), ids(index)),
                    "embedding([2, 1] float32 cpu, [1] int64 cpu)");
        }
    }

    @Test
    void impossibleSizesAreNamed() {
        fails(
                () -> Tensor.zeros(DType.INT8, Device.CPU, 2, -1),
                "full int8",
                "[2, -1]",
                "negative");
        fails(() -> Tensor.empty(DType.INT8, Device.CPU, HUGE, HUGE), "empty int8", "2^63");
        fails(() -> Tensor.empty(DType.FLOAT64, Device.CPU, 1L << 62), "empty", "overflow");
        fails(() -> Tensor.empty(DType.FLOAT32, Device.CPU, HUGE), "empty", "" + HUGE, "memory");
        fails(() -> Tensor.full(1, DType.BFLOAT16, Device.CPU, HUGE), "full", "memory");
        fails(() -> Tensor.arange(0, HUGE, Device.CPU), "arange(0, " + HUGE, "memory");
        fails(() -> Tensor.arange(Long.MIN_VALUE, Long.MAX_VALUE, Device.CPU), "arange");
        fails(() -> Tensor.arange(5, 2, Device.CPU), "arange(5, 2, cpu)");
        Tensor heads = Tensor.of(new float[16], 1, 2, 2, 4);
        Tensor longer = Tensor.of(new float[24], 1, 2, 3, 4);
        Tensor none = Tensor.of(new float[0], 1, 0, 2, 4);
        fails(() -> Kernels.call("split_heads", longer.select(0, 0), 0), "split_heads");
        fails(
                () -> Kernels.call("attend", heads, longer, heads, List.of(), 1.0, 0.0),
                "differ in length");
        fails(
                () -> Kernels.call("attend", heads, none, none, List.of(), 1.0, 0.0),
                "division by 0");
    }

    @Test
    void closedTensorsAreNamedAlsoInsideLists() {
        Tensor closed = t(1, 2);
        closed.shape();
        closed.close();
        closed.close();
        assertThat(closed).hasToString("[2] (closed)");
        fails(closed::neg, "neg", "[2] (closed)", "passOut");
        fails(() -> t(1).add(closed), "add", "closed");
        fails(() -> Tensor.cat(List.of(t(1), closed), 0), "cat", "closed");
        fails(closed::toFloatArray, "closed");
        fails(() -> scope.adopt(closed), "adopt", "closed");
    }

    @Test
    void withoutAnOpenScopeNothingIsMade() throws InterruptedException {
        Tensor shared = t(1);
        Map<String, ThrowingCallable> calls = new TreeMap<>();
        calls.put("neg", shared::neg);
        calls.put("of", () -> t(1));
        calls.put("enableGrad", Autograd::enableGrad);
        long live = Scope.liveTensors();
        Throwable[] seen = new Throwable[1];
        Thread thread =
                new Thread(
                        () -> {
                            calls.forEach(
                                    (name, call) ->
                                            assertThatThrownBy(call)
                                                    .as(name)
                                                    .isInstanceOf(IllegalStateException.class)
                                                    .hasMessageContaining("no Scope is open"));
                            assertThat(shared.item()).isEqualTo(1);
                        });
        thread.setUncaughtExceptionHandler((t, e) -> seen[0] = e);
        thread.start();
        thread.join();
        assertThat(seen[0]).isNull();
        assertThat(Scope.liveTensors()).isEqualTo(live);
    }

    @Test
    void bytesThatDoNotFitAreRefused() {
        Tensor two = t(1, 2);
        fails(() -> two.writeBytes(1, ByteBuffer.allocate(8)), "8 bytes", "element 1");
        fails(() -> two.writeBytes(0, ByteBuffer.allocate(3)), "3 bytes");
        fails(() -> two.writeBytes(-1, ByteBuffer.allocate(4)), "element -1");
        fails(() -> two.writeBytes(Long.MAX_VALUE, ByteBuffer.allocate(4)), "bytes");
        fails(() -> two.readBytes(3, ByteBuffer.allocate(0)), "element 3");
        Tensor transposed = Tensor.of(new float[4], 2, 2).transpose(0, 1);
        fails(() -> transposed.readBytes(0, ByteBuffer.allocate(4)), "not contiguous");
        assertThat(two.toFloatArray()).containsExactly(1, 2);
    }

    @Test
    void wrongKernelCallsAreNamed() {
        fails(() -> Kernels.call("no_such_kernel", t(1)), "no_such_kernel", "not defined");
        fails(() -> Kernels.call("", t(1)), "not defined");
        fails(() -> Kernels.call("a\0b/\uD800", t(1)), "Method 'a");
        fails(() -> Kernels.call("add"), "add", "missing value");
        fails(() -> Kernels.call("add", t(1)), "add", "missing value");
        fails(() -> Kernels.call("neg", t(1), t(1)), "neg", "at most");
        for (Object wrong :
                List.of(
                        5L,
                        5,
                        5.0,
                        true,
                        "x",
                        new long[1],
                        new double[1],
                        List.of(),
                        List.of(t(1)))) {
            fails(() -> Kernels.call("neg", wrong), "neg(", "'Tensor'");
        }
        fails(() -> Kernels.call("cat", t(1), 0), "cat(", "List[Tensor]");
        fails(() -> Kernels.call("cat", new long[1], 0), "cat(", "List[Tensor]");
        fails(() -> Kernels.call("select", t(1), t(0), 0), "select(", "'int'");
        fails(() -> Kernels.call("add_scalar", t(1), 3), "add_scalar(", "'float'");
        fails(() -> Kernels.call("reshape", t(1), new double[1]), "reshape(", "List[int]");
        fails(() -> Kernels.call("list_clone", List.of(t(1))), "list_clone", "one tensor");
        fails(() -> Kernels.callForList("neg", t(1)), "neg", "list of tensors");
        for (ThrowingCallable call :
                List.<ThrowingCallable>of(
                        () -> Kernels.call("neg", (Object) null),
                        () -> Kernels.call("cat", Arrays.asList(t(1), null), 0),
                        () -> Kernels.call("cat", List.of(t(1), 3L), 0),
                        () -> Kernels.call("add_scalar", t(1), 3f))) {
            assertThatThrownBy(call)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("an argument is");
        }
        assertThatThrownBy(() -> Kernels.call(null, t(1))).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> Kernels.call("neg", (Object[]) null))
                .isInstanceOf(NullPointerException.class);
    }

    @Test
    void listsThatDoNotMatchAreRefusedBeforeMemoryIsTouched() {
        List<Tensor> one = List.of(t(1, 2));
        List<Tensor> other = List.of(t(1, 2, 3));
        fails(() -> Kernels.call("list_add_", one, other, 1.0), "list_add_");
        fails(() -> Kernels.call("list_lerp_", one, other, 0.5), "list_lerp_");
        fails(() -> Kernels.call("list_add_", one, List.of(), 1.0, 0.0), "list_add_");
        fails(() -> Kernels.call("global_norm", List.of()), "global_norm");
        List<Tensor> steps = List.of(Tensor.scalar(0));
        List<Tensor> flat = List.of(Tensor.zeros(DType.FLOAT32, Device.CPU, 1 << 20));
        fails(() -> adamw(flat, one, flat, flat, steps), "gradient", "differ in shape");
        fails(() -> adamw(flat, flat, one, flat, steps), "first moment", "differ in shape");
        fails(() -> adamw(flat, flat, flat, one, steps), "second moment", "differ in shape");
        fails(() -> adamw(flat, List.of(), flat, flat, steps), "one gradient");
        Tensor square = Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 3);
        List<Tensor> turned =
                List.of(Tensor.zeros(DType.FLOAT32, Device.CPU, 3, 2).transpose(0, 1));
        List<Tensor> straight = List.of(square);
        fails(() -> adamw(turned, straight, straight, straight, steps), "not contiguous");
        assertThat(steps.get(0).item()).isZero();
        // the gradient of a sum is one number spread over all elements
        square.requiresGrad(true);
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            List<Tensor> spread = Autograd.grad(square.sum(), straight);
            List<Tensor> m = List.of(Tensor.zerosLike(square));
            List<Tensor> v = List.of(Tensor.zerosLike(square));
            try (Autograd.Mode off = Autograd.noGrad()) {
                adamw(straight, spread, m, v, steps);
            }
        }
        for (float value : square.toFloatArray()) {
            assertThat(value).isCloseTo(-0.1f, within(1e-7f));
        }
    }

    private static void adamw(
            List<Tensor> p, List<Tensor> g, List<Tensor> m, List<Tensor> v, List<Tensor> steps) {
        Kernels.call("adamw_", p, g, m, v, steps, 0.1, 0.9, 0.999, 0.0, 0.0);
    }

    @Test
    void gradientsOfWhatHasNoneAreRefused() {
        Tensor x = t(1, 2).requiresGrad(true);
        List<Tensor> inputs = List.of(x);
        fails(() -> ids(1).requiresGrad(true), "requiresGrad", "int64");
        fails(() -> Autograd.grad(t(1).sum(), inputs), "grad", "not recorded");
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            fails(() -> x.mulInPlace(2), "mul_scalar_([2] float32 cpu, 2.0)", "leaf");
            Tensor y = x.mul(x);
            fails(() -> y.requiresGrad(true), "recorded result");
            fails(() -> y.requiresGrad(false), "recorded result");
            fails(() -> Autograd.grad(y, inputs), "grad", "scalar");
            fails(() -> Autograd.grad(y, t(1, 2, 3), inputs), "grad_output", "shape");
            fails(() -> Autograd.grad(y.sum(), List.of()), "grad", "non-empty");
            fails(() -> Autograd.grad(y.sum(), List.of(t(1))), "grad", "does not require grad");
            Tensor loss = y.sum();
            assertThat(Autograd.grad(loss, inputs).get(0).toFloatArray()).containsExactly(2, 4);
            fails(() -> Autograd.grad(loss, inputs), "grad", "second time");
            Tensor e = x.exp();
            Tensor late = e.mul(e).sum();
            e.mulInPlace(2);
            fails(() -> Autograd.grad(late, inputs), "grad", "inplace");
        }
        assertThat(x.mulInPlace(2).toFloatArray()).containsExactly(2, 4);
    }

    @Test
    void graphsOfManyStepsAreConsumedAndFreed() {
        Tensor x = t(1).requiresGrad(true);
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            for (boolean consumed : new boolean[] {true, false}) {
                Tensor y = x.add(0);
                for (int i = 0; i < 20_000; i++) {
                    Tensor next = y.add(1);
                    y.close();
                    y = next;
                }
                if (consumed) {
                    assertThat(Autograd.grad(y.sum(), List.of(x)).get(0).item()).isEqualTo(1);
                }
                y.close();
            }
        }
    }

    /** int16, complex, quantized, bits, 8-bit floats, uint16, and numbers that mean nothing. */
    @ParameterizedTest
    @ValueSource(ints = {2, 9, 10, 12, 14, 18, 23, 27, 28, 45, 99, 300, -1})
    void foreignElementTypesCannotBeRead(int scalarType) {
        Tensor foreign;
        try {
            foreign = Kernels.call("empty", new long[] {2}, scalarType, "cpu");
        } catch (TensorException refused) {
            return;
        }
        assertThat(foreign).hasToString("[?]");
        fails(foreign::dtype, "");
        fails(foreign::toFloatArray, "");
        fails(foreign::item, "");
        fails(() -> foreign.readBytes(0, ByteBuffer.allocate(4)), "");
        foreign.close();
    }

    @Test
    void foreignDevicesCannotBeUsed() {
        Tensor meta = Kernels.call("to_device", t(1), "meta");
        fails(meta::toFloatArray, "device type", "not supported");
        fails(() -> meta.writeBytes(0, ByteBuffer.allocate(4)), "device type");
        fails(() -> Kernels.call("to_device", t(1), "banana"), "banana");
        Device absent = Device.cuda(TensorEngine.cudaDevices());
        assertThatThrownBy(() -> t(1).to(absent))
                .isInstanceOf(TensorException.class)
                .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(400));
    }

    @Test
    void bfloat16GoesEverywhereExceptToDjl() {
        Tensor half = t(1, 2).to(DType.BFLOAT16);
        assertThat(half).hasToString("[2] bfloat16 cpu");
        assertThat(Tensor.zerosLike(half).add(half).toFloatArray()).containsExactly(1, 2);
        assertThat(Tensor.full(1.5, half.dtype(), half.device(), half.shape()).toFloatArray())
                .containsExactly(1.5f, 1.5f);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            fails(() -> half.toNDArray(manager), "bfloat16", "FLOAT32");
            Tensor recorded;
            half.requiresGrad(true);
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                recorded = half.to(DType.FLOAT32);
            }
            assertThat(recorded.toNDArray(manager).toFloatArray()).containsExactly(1, 2);
        }
    }
}
