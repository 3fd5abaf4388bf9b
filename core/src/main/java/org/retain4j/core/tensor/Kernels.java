package org.retain4j.core.tensor;

import ai.djl.engine.EngineException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.internal.EngineStart;
import org.retain4j.core.tensor.internal.Native;
import org.retain4j.core.tensor.internal.NativeTensor;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * Calls the TorchScript kernels that this library is made of, by name.
 *
 * <p>For authors of methods; users of tensors find the operators on {@link Tensor}. A kernel is a
 * function in one of the resource files {@code org/retain4j/core/tensor/kernels/*.py}. Arguments
 * are tensors, lists of tensors, {@code Integer}, {@code Long}, {@code Double}, {@code Boolean},
 * {@code String}, {@code long[]} and {@code double[]}. Results belong to the thread's innermost
 * {@link Scope}; gradients are recorded as {@link Autograd} says. Safe for all threads.
 */
public final class Kernels {

    private Kernels() {}

    /**
     * Calls a kernel that returns one tensor.
     *
     * @throws TensorException if the arguments do not fit; the message names the kernel, the
     *     arguments with shapes and types, and the reason
     * @throws DeviceOutOfMemoryException if the device has not enough memory
     * @throws IllegalStateException if no {@link Scope} is open on this thread
     * @throws IllegalArgumentException if an argument is null or of another class
     */
    public static Tensor call(String kernel, Object... arguments) {
        Scope scope = Scope.current();
        long result = run(kernel, arguments);
        try {
            if (!Native.isTensor(result)) {
                throw new TensorException(kernel + " does not return one tensor");
            }
            Tensor tensor = new Tensor(new NativeTensor(Native.toTensor(result)), scope);
            if (SimulatedCuda.isOn()) {
                tensor.label(SimulatedCuda.place(kernel, arguments));
            }
            return tensor;
        } finally {
            Native.deleteValue(result);
        }
    }

    /** Calls a kernel that returns a list of tensors; otherwise as {@link #call}. */
    public static List<Tensor> callForList(String kernel, Object... arguments) {
        Scope scope = Scope.current();
        long result = run(kernel, arguments);
        try {
            if (Native.isTensor(result)) {
                throw new TensorException(kernel + " does not return a list of tensors");
            }
            long[] handles = Native.toTensors(result);
            List<Tensor> tensors = new ArrayList<>(handles.length);
            for (long handle : handles) {
                tensors.add(new Tensor(new NativeTensor(handle), scope));
            }
            if (SimulatedCuda.isOn()) {
                Device device = SimulatedCuda.place(kernel, arguments);
                tensors.forEach(tensor -> tensor.label(device));
            }
            return tensors;
        } finally {
            Native.deleteValue(result);
        }
    }

    private static long run(String kernel, Object[] given) {
        Objects.requireNonNull(kernel, "kernel");
        Objects.requireNonNull(given, "arguments");
        Object[] arguments = given;
        if (SimulatedCuda.isOn()) {
            SimulatedCuda.place(kernel, given);
            arguments = SimulatedCuda.real(given);
        }
        long module = EngineStart.kernels();
        long[] values = new long[arguments.length];
        int converted = 0;
        List<NativeTensor> used = new ArrayList<>(arguments.length);
        try {
            for (Object argument : arguments) {
                values[converted] = convert(kernel, argument, used);
                converted++;
            }
            return Native.runMethod(module, kernel, values);
        } catch (EngineException e) {
            String call = describe(kernel, arguments);
            TensorException full =
                    DeviceOutOfMemoryException.of(call, String.valueOf(e.getMessage()), e);
            throw full == null ? new TensorException(call + ": " + reason(e), e) : full;
        } finally {
            for (int i = 0; i < converted; i++) {
                Native.deleteValue(values[i]);
            }
            used.forEach(NativeTensor::release);
        }
    }

    private static long convert(String kernel, @Nullable Object argument, List<NativeTensor> used) {
        if (argument instanceof Tensor tensor) {
            return Native.fromTensor(acquire(kernel, tensor, used));
        }
        if (argument instanceof List<?> list) {
            long[] handles = new long[list.size()];
            for (int i = 0; i < handles.length; i++) {
                if (!(list.get(i) instanceof Tensor tensor)) {
                    throw unsupported(kernel, list.get(i));
                }
                handles[i] = acquire(kernel, tensor, used);
            }
            return Native.fromTensors(handles);
        }
        if (argument instanceof Double value) {
            return Native.fromDouble(value);
        }
        if (argument instanceof Integer || argument instanceof Long) {
            return Native.fromLong(((Number) argument).longValue());
        }
        if (argument instanceof Boolean value) {
            return Native.fromBoolean(value);
        }
        if (argument instanceof long[] values) {
            return Native.fromLongs(values);
        }
        if (argument instanceof double[] values) {
            return Native.fromDoubles(values);
        }
        if (argument instanceof String text) {
            return Native.fromString(text);
        }
        throw unsupported(kernel, argument);
    }

    private static IllegalArgumentException unsupported(String kernel, @Nullable Object argument) {
        return new IllegalArgumentException(
                kernel
                        + ": an argument is "
                        + (argument == null ? "null" : "of " + argument.getClass())
                        + "; expected tensors, lists of tensors, Integer, Long, Double, Boolean,"
                        + " String, long[] or double[]");
    }

    private static long acquire(String kernel, Tensor tensor, List<NativeTensor> used) {
        NativeTensor nativeTensor = tensor.nativeTensor;
        if (!nativeTensor.acquire()) {
            throw new TensorException(
                    kernel
                            + ": tensor "
                            + tensor
                            + " is closed; keep it open with Scope.passOut or Scope.adopt");
        }
        used.add(nativeTensor);
        return nativeTensor.handle();
    }

    private static String describe(String kernel, Object[] arguments) {
        StringBuilder text = new StringBuilder(kernel).append('(');
        for (int i = 0; i < arguments.length; i++) {
            text.append(i == 0 ? "" : ", ");
            Object argument = arguments[i];
            if (argument instanceof List<?> list) {
                text.append(list.size()).append(" tensors");
                list.stream().limit(3).forEach(t -> text.append(' ').append(t));
            } else if (argument instanceof long[] values) {
                text.append(Arrays.toString(values));
            } else if (argument instanceof double[] values) {
                text.append(Arrays.toString(values));
            } else {
                text.append(argument);
            }
        }
        return text.append(')').toString();
    }

    /** Takes the sentence of libtorch out of the TorchScript traceback around it. */
    static String reason(EngineException e) {
        String message = String.valueOf(e.getMessage());
        int start = message.lastIndexOf("Error: ");
        if (start >= 0) {
            message = message.substring(start + "Error: ".length());
        }
        String line = message.lines().findFirst().orElse("unknown reason").strip();
        int exception = line.indexOf("Exception raised from");
        line = exception > 0 ? line.substring(0, exception).strip() : line;
        // a missing backend is explained with a list of all others
        int list = line.indexOf(". This could be because the operator doesn't exist");
        return list > 0 ? line.substring(0, list) : line;
    }
}
