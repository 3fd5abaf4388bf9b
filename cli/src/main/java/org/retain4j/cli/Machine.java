package org.retain4j.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Facts about this computer that decide how fast and how large one can train; starts no engine.
 *
 * @param os name, version and architecture
 * @param cpu model of the processor as the system names it
 * @param processors logical processors that this process may use
 * @param physicalMemory bytes of memory of the computer
 * @param availableMemory bytes that can be used without swapping, empty where unknown
 * @param memoryLimit bytes that the control group allows, empty without limit
 */
record Machine(
        String os,
        String cpu,
        int processors,
        long physicalMemory,
        OptionalLong availableMemory,
        OptionalLong memoryLimit) {

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

    /** Reads the facts of the computer this process runs on. */
    static Machine read() {
        OptionalLong physical = memory("MemTotal");
        OptionalLong available = memory("MemAvailable");
        return new Machine(
                System.getProperty("os.name")
                        + " "
                        + System.getProperty("os.version")
                        + " "
                        + System.getProperty("os.arch"),
                cpuModel(),
                Runtime.getRuntime().availableProcessors(),
                physical.orElseGet(Machine::totalMemory),
                available,
                memoryLimit(Path.of("/sys/fs/cgroup"), Path.of("/proc/self/cgroup")));
    }

    private static long totalMemory() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : 0;
    }

    private static String cpuModel() {
        for (String key : List.of("model name", "Model", "Hardware", "CPU part")) {
            String value = field(CPU_INFO, key);
            if (value != null) {
                return value.replaceAll("\\s+", " ");
            }
        }
        String identifier = System.getenv("PROCESSOR_IDENTIFIER");
        return identifier == null
                ? System.getProperty("os.arch").toLowerCase(Locale.ROOT)
                : identifier;
    }

    private static OptionalLong memory(String key) {
        String value = field(MEMORY_INFO, key);
        if (value == null || !value.matches("\\d{1,15} kB")) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(1024 * Long.parseLong(value.substring(0, value.indexOf(' '))));
    }

    private static @Nullable String field(Path file, String key) {
        if (!Files.isReadable(file)) {
            return null;
        }
        try (Stream<String> lines = Files.lines(file)) {
            return lines.filter(line -> line.matches(key + "\\s*:.*"))
                    .findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .orElse(null);
        } catch (IOException e) {
            return null;
        }
    }

    /**
     * Returns the smallest limit of this process's control group and those above it.
     *
     * @param root where the control groups are mounted, version 1 or 2
     * @param membership the file that names the group of this process
     */
    static OptionalLong memoryLimit(Path root, Path membership) {
        OptionalLong limit = limit(root.resolve("memory/memory.limit_in_bytes"));
        String group = "/";
        try {
            for (String line : Files.readAllLines(membership)) {
                if (line.startsWith("0::/")) {
                    group = line.substring("0::".length());
                }
            }
        } catch (IOException e) {
            group = "/";
        }
        Path folder = root.resolve(group.substring(1)).normalize();
        while (folder != null && folder.startsWith(root)) {
            limit = smaller(limit, limit(folder.resolve("memory.max")));
            folder = folder.getParent();
        }
        return limit;
    }

    private static OptionalLong limit(Path file) {
        try {
            String text = Files.readString(file).strip();
            // version 1 writes a number near 2^63 where there is no limit, version 2 writes max
            return text.matches("\\d{1,18}") && Long.parseLong(text) < 1L << 60
                    ? OptionalLong.of(Long.parseLong(text))
                    : OptionalLong.empty();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    private static OptionalLong smaller(OptionalLong first, OptionalLong second) {
        if (first.isEmpty() || second.isEmpty()) {
            return first.isEmpty() ? second : first;
        }
        return OptionalLong.of(Math.min(first.getAsLong(), second.getAsLong()));
    }

    /** Writes a number of bytes in GB (2<sup>30</sup> bytes) with one digit behind the point. */
    static String gigabytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f GB", bytes / (double) (1L << 30));
    }
}
