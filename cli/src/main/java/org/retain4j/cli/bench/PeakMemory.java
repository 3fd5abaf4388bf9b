package org.retain4j.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The largest resident size of this process since its start or the last reset. */
public final class PeakMemory {

    private PeakMemory() {}

    /** Begins anew: what was largest until now is forgotten, where the system can do that. */
    public static void reset() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            // the largest since the start is still a bound
            return;
        }
    }

    /** Returns bytes; 0 where the system does not tell. */
    public static long bytes() throws IOException {
        return Math.round(megabytes() * (1 << 20));
    }

    /** Returns megabytes of 2^20 bytes; 0 where the system does not tell. */
    public static double megabytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            return 0;
        }
        for (String line : Files.readAllLines(status)) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        return 0;
    }
}
