package org.retain4j.cli;

import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import picocli.CommandLine.Option;

/** Where a command computes. */
final class DeviceOption {

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description =
                    "auto (the first GPU that can be used, else the CPU), cpu, cuda or cuda:N."
                            + " Default: cpu, or what -Dretain4j.device says.")
    private @Nullable String device;

    /**
     * Returns the device; starts the engine where the name is not cpu.
     *
     * @throws UsageException if there is no such device
     */
    Device device() {
        return device(device);
    }

    /**
     * Returns the device if one was chosen, null otherwise.
     *
     * @throws UsageException if there is no such device
     */
    @Nullable Device chosen() {
        return device == null ? null : device(device);
    }

    /** Returns the device of a name, the default one for null. */
    static Device device(@Nullable String name) {
        try {
            return name == null ? TensorEngine.defaultDevice() : Device.of(name);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    /** Returns the precision of a name, for null the standard one of the device. */
    static Precision precision(@Nullable String name, Device device) {
        try {
            return name == null ? Precision.standard(device) : Precision.parse(name, device);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }
}
