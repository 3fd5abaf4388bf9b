package org.retain4j.core.tensor.internal;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;

/**
 * The native functions of DJL's PyTorch library that the kernel calls are made of.
 *
 * <p>DJL offers the same functions as {@code IValueUtils.forward}, but only with argument lists
 * described by names written on the arrays: that is slow, leaks its arguments when a kernel throws,
 * and breaks when two threads use the same weights in lists of different names. Method handles on
 * the native declarations have none of these limits. DJL's version is pinned and checked at start.
 *
 * <p>Handles are raw pointers: callers guarantee that they are alive for the length of the call.
 */
public final class Native {

    private static final MethodHandle MODULE_RUN_METHOD =
            find(
                    "moduleRunMethod",
                    long.class,
                    long.class,
                    String.class,
                    long[].class,
                    boolean.class,
                    boolean.class);
    private static final MethodHandle FROM_TENSOR =
            find("iValueFromTensor", long.class, long.class);
    private static final MethodHandle FROM_TENSOR_LIST =
            find("iValueFromTensorList", long.class, long[].class);
    private static final MethodHandle FROM_LONG = find("iValueFromLong", long.class, long.class);
    private static final MethodHandle FROM_DOUBLE =
            find("iValueFromDouble", long.class, double.class);
    private static final MethodHandle FROM_BOOL = find("iValueFromBool", long.class, boolean.class);
    private static final MethodHandle FROM_STRING =
            find("iValueFromString", long.class, String.class);
    private static final MethodHandle FROM_LONG_LIST =
            find("iValueFromLongList", long.class, long[].class);
    private static final MethodHandle FROM_DOUBLE_LIST =
            find("iValueFromDoubleList", long.class, double[].class);
    private static final MethodHandle DELETE_IVALUE =
            find("torchDeleteIValue", void.class, long.class);
    private static final MethodHandle IS_TENSOR = find("iValueIsTensor", boolean.class, long.class);
    private static final MethodHandle TO_TENSOR = find("iValueToTensor", long.class, long.class);
    private static final MethodHandle TO_TENSOR_LIST =
            find("iValueToTensorList", long[].class, long.class);
    private static final MethodHandle DELETE_TENSOR =
            find("torchDeleteTensor", void.class, long.class);
    private static final MethodHandle DTYPE = find("torchDType", int.class, long.class);
    private static final MethodHandle SIZES = find("torchSizes", long[].class, long.class);
    private static final MethodHandle DEVICE = find("torchDevice", int[].class, long.class);
    private static final MethodHandle IS_CONTIGUOUS =
            find("torchIsContiguous", boolean.class, long.class);
    private static final MethodHandle DIRECT_BUFFER =
            find("torchDirectByteBuffer", ByteBuffer.class, long.class);
    private static final MethodHandle ATTACH_GRAD =
            find("torchAttachGrad", void.class, long.class, boolean.class);
    private static final MethodHandle SET_GRAD_MODE =
            find("torchSetGradMode", void.class, boolean.class);
    private static final MethodHandle IS_GRAD_MODE = find("torchIsGradMode", boolean.class);

    private Native() {}

    private static MethodHandle find(String name, Class<?> result, Class<?>... arguments) {
        try {
            Class<?> library = Class.forName("ai.djl.pytorch.jni.PyTorchLibrary");
            Field instance = library.getDeclaredField("LIB");
            instance.setAccessible(true);
            Method method = library.getDeclaredMethod(name, arguments);
            method.setAccessible(true);
            return MethodHandles.lookup()
                    .unreflect(method)
                    .bindTo(instance.get(null))
                    .asType(MethodType.methodType(result, arguments));
        } catch (ReflectiveOperationException | RuntimeException e) {
            throw new IllegalStateException(
                    "DJL's PyTorch library has no function "
                            + name
                            + " as version "
                            + EngineStart.DJL_VERSION
                            + " has it; put ai.djl.pytorch:pytorch-engine:"
                            + EngineStart.DJL_VERSION
                            + " on the class path",
                    e);
        }
    }

    public static long runMethod(long module, String method, long[] arguments) {
        try {
            // isTrain = true keeps libtorch out of inference mode: the grad mode of the thread
            // rules
            return (long) MODULE_RUN_METHOD.invokeExact(module, method, arguments, true, false);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromTensor(long tensor) {
        try {
            return (long) FROM_TENSOR.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromTensors(long[] tensors) {
        try {
            return (long) FROM_TENSOR_LIST.invokeExact(tensors);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromLong(long value) {
        try {
            return (long) FROM_LONG.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromDouble(double value) {
        try {
            return (long) FROM_DOUBLE.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromBoolean(boolean value) {
        try {
            return (long) FROM_BOOL.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromString(String value) {
        try {
            return (long) FROM_STRING.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromLongs(long[] values) {
        try {
            return (long) FROM_LONG_LIST.invokeExact(values);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long fromDoubles(double[] values) {
        try {
            return (long) FROM_DOUBLE_LIST.invokeExact(values);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static void deleteValue(long value) {
        try {
            DELETE_IVALUE.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static boolean isTensor(long value) {
        try {
            return (boolean) IS_TENSOR.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long toTensor(long value) {
        try {
            return (long) TO_TENSOR.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long[] toTensors(long value) {
        try {
            return (long[]) TO_TENSOR_LIST.invokeExact(value);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static void deleteTensor(long tensor) {
        try {
            DELETE_TENSOR.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static long[] sizes(long tensor) {
        try {
            return (long[]) SIZES.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static int dtype(long tensor) {
        try {
            return (int) DTYPE.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static int[] device(long tensor) {
        try {
            return (int[]) DEVICE.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static boolean isContiguous(long tensor) {
        try {
            return (boolean) IS_CONTIGUOUS.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static ByteBuffer directBuffer(long tensor) {
        try {
            return (ByteBuffer) DIRECT_BUFFER.invokeExact(tensor);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static void setRequiresGrad(long tensor, boolean requiresGrad) {
        try {
            ATTACH_GRAD.invokeExact(tensor, requiresGrad);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static void setGradMode(boolean enabled) {
        try {
            SET_GRAD_MODE.invokeExact(enabled);
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    public static boolean isGradMode() {
        try {
            return (boolean) IS_GRAD_MODE.invokeExact();
        } catch (Throwable t) {
            throw rethrow(t);
        }
    }

    private static RuntimeException rethrow(Throwable t) {
        if (t instanceof RuntimeException e) {
            return e;
        }
        if (t instanceof Error e) {
            throw e;
        }
        return new IllegalStateException(t);
    }
}
