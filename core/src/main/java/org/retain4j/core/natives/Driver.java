package org.retain4j.core.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The NVIDIA driver of this machine. */
public final class Driver {

    private static final Pattern VERSION =
            Pattern.compile("\\b(\\d{3,4}\\.\\d{1,4}(\\.\\d{1,4})?)\\b");

    /** Where the driver's library is without the kernel's folder: containers, WSL, Windows. */
    private static final List<String> LIBRARIES =
            List.of(
                    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
                    "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
                    "/usr/lib64/libcuda.so.1",
                    "/usr/lib/wsl/lib/libcuda.so.1",
                    "C:\\Windows\\System32\\nvcuda.dll");

    private Driver() {}

    /** Returns its version, {@code unknown} where only the library is found, or null without it. */
    public static @Nullable String version() {
        return version(Path.of("/proc/driver/nvidia/version"), LIBRARIES);
    }

    static @Nullable String version(Path kernel, List<String> libraries) {
        try {
            if (Files.isRegularFile(kernel)) {
                Matcher matcher = VERSION.matcher(Files.readString(kernel));
                return matcher.find() ? matcher.group(1) : "unknown";
            }
        } catch (IOException e) {
            return "unknown";
        }
        return libraries.stream().anyMatch(file -> Files.exists(Path.of(file))) ? "unknown" : null;
    }
}
