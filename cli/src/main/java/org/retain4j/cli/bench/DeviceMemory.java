package org.retain4j.cli.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.retain4j.core.tensor.Device;

/**
 * Memory of a GPU in use, as its driver says. libtorch keeps what it once had: at the end of a
 * measurement this is the largest it needed.
 */
final class DeviceMemory {

    private DeviceMemory() {}

    /** Returns megabytes of 2^20 bytes in use on a GPU by all programs; 0 where nothing tells. */
    static double megabytes(Device device) {
        if (!device.isCuda()) {
            return 0;
        }
        try {
            Process process =
                    new ProcessBuilder(
                                    "nvidia-smi",
                                    "--id=" + device.index(),
                                    "--query-gpu=memory.used",
                                    "--format=csv,noheader,nounits")
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            String answer;
            try (InputStream in = process.getInputStream()) {
                answer = new String(in.readNBytes(256), StandardCharsets.UTF_8).strip();
            }
            process.waitFor(10, TimeUnit.SECONDS);
            process.destroy();
            return answer.matches("\\d{1,9}") ? Double.parseDouble(answer) : 0;
        } catch (IOException e) {
            return 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 0;
        }
    }
}
