package org.retain4j.cli.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.retain4j.core.io.Folders;
import org.retain4j.lora.LoraMerge;

/**
 * Times merging an adapter into a model folder, several times in one process.
 *
 * @param base model folder
 * @param adapter PEFT folder
 * @param out folder that is written and removed again
 */
public record MergeBenchmark(Path base, Path adapter, Path out) {

    /**
     * What one merge took.
     *
     * @param seconds wall time
     * @param cpuSeconds time of all processors, the JIT's included
     */
    public record Round(double seconds, double cpuSeconds) {}

    /** Merges a number of times; the first includes the loading of classes and the JIT. */
    public List<Round> run(int rounds) throws IOException {
        OperatingSystemMXBean system =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        List<Round> all = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            long cpu = system.getProcessCpuTime();
            long wall = System.nanoTime();
            LoraMerge.of(base, adapter).anyBase().run(out);
            all.add(
                    new Round(
                            (System.nanoTime() - wall) / 1e9,
                            (system.getProcessCpuTime() - cpu) / 1e9));
            Folders.delete(out);
        }
        return all;
    }

    /** Takes base, adapter, a folder to write and the number of rounds. */
    public static void main(String[] args) throws IOException {
        if (args.length != 4) {
            throw new IllegalArgumentException("expected: BASE ADAPTER OUT ROUNDS");
        }
        MergeBenchmark benchmark =
                new MergeBenchmark(Path.of(args[0]), Path.of(args[1]), Path.of(args[2]));
        List<String> texts = new ArrayList<>();
        for (Round round : benchmark.run(Integer.parseInt(args[3]))) {
            texts.add(
                    String.format(
                            Locale.ROOT,
                            "%.2f s (%.2f s of CPU)",
                            round.seconds(),
                            round.cpuSeconds()));
        }
        System.out.println(
                "in one process "
                        + String.join(", ", texts)
                        + ", peak "
                        + Math.round(PeakMemory.megabytes())
                        + " MB");
    }
}
