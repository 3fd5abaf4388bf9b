package org.retain4j.core.tensor.internal;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorException;

/**
 * CUDA devices that are only labels on memory of the CPU, to find code that forgets the device on a
 * machine without a GPU.
 *
 * <p>While it is on, {@code cuda:0} and {@code cuda:1} exist. What is made there computes on the
 * CPU, with the same numbers, but carries its label on: a call whose tensors lie on different
 * devices is refused as a GPU would refuse it, bytes of a labelled tensor cannot be reached from
 * Java, and moving between devices copies. What a kernel does inside is not seen.
 *
 * <p>Switched on by the system property {@code retain4j.cuda.simulated=true}, or by a test.
 */
public final class SimulatedCuda {

    /** Number of devices that exist while it is on. */
    public static final int DEVICES = 2;

    private static volatile boolean on = Boolean.getBoolean("retain4j.cuda.simulated");

    private SimulatedCuda() {}

    /** Returns whether it is on. */
    public static boolean isOn() {
        return on;
    }

    /** Switches it on for the whole process until the returned object is closed. */
    public static On switchOn() {
        return new On();
    }

    /** The time during which devices are simulated. */
    public static final class On implements AutoCloseable {
        private final boolean before = on;

        private On() {
            on = true;
        }

        @Override
        public void close() {
            on = before;
        }
    }

    /** Returns the arguments with the real device in the place of simulated ones. */
    public static Object[] real(Object[] arguments) {
        Object[] real = arguments;
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i] instanceof String text && text.startsWith("cuda:")) {
                if (real == arguments) {
                    real = arguments.clone();
                }
                real[i] = Device.CPU.toString();
            }
        }
        return real;
    }

    /**
     * Returns the device that the result of a call lies on.
     *
     * @throws TensorException if the arguments lie on different devices
     */
    public static Device place(String kernel, Object[] arguments) {
        Place place = new Place(kernel);
        for (Object argument : arguments) {
            if (argument instanceof Tensor tensor) {
                place.add(tensor, true);
            } else if (argument instanceof List<?> list) {
                for (Object element : list) {
                    if (element instanceof Tensor tensor) {
                        place.add(tensor, false);
                    }
                }
            } else if (argument instanceof String text
                    && (text.equals("cpu") || text.startsWith("cuda:"))) {
                return Device.parse(text);
            }
        }
        return place.device();
    }

    private static final class Place {
        private final String kernel;
        private @Nullable Tensor first;
        private @Nullable Tensor number;

        Place(String kernel) {
            this.kernel = kernel;
        }

        void add(Tensor tensor, boolean alone) {
            // PyTorch takes a number from the CPU along with tensors of any device
            if (alone && tensor.shape().length == 0) {
                number = number == null ? tensor : number;
                return;
            }
            if (first == null) {
                first = tensor;
            } else if (!first.device().equals(tensor.device()) && !copies()) {
                throw new TensorException(
                        kernel
                                + ": tensors "
                                + first
                                + " and "
                                + tensor
                                + " are on different devices; move one with to(device)");
            }
        }

        private boolean copies() {
            return kernel.equals("copy_")
                    || kernel.equals("copy_part_")
                    || kernel.equals("list_copy_");
        }

        Device device() {
            Tensor one = first == null ? number : first;
            return one == null ? Device.CPU : one.device();
        }
    }
}
