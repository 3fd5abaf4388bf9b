package org.retain4j.cli.bench;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;

/**
 * Times loading a model folder against reading its weight files into fresh memory, in turn.
 *
 * @param folder model folder with safetensors files
 * @param rounds number of readings and loadings, the first of which are left out of the medians
 */
public record LoadingBenchmark(Path folder, int rounds) {

    private static final int PART = 16 << 20;

    /**
     * Creates a benchmark.
     *
     * @throws IllegalArgumentException if there are fewer than two rounds
     */
    public LoadingBenchmark {
        if (rounds < 2) {
            throw new IllegalArgumentException(
                    "a benchmark of loading needs at least 2 rounds, not " + rounds);
        }
    }

    /**
     * What was measured.
     *
     * @param readSeconds median time to read the weight files into memory fresh from the system
     * @param heapSeconds median time to read them with {@link Files#readAllBytes}, whose memory the
     *     heap has used before
     * @param loadSeconds median time of {@link Pretrained#load(Path)}, tokenizer included
     * @param firstLoadSeconds time of the first load of the process, after the engine's start
     * @param weightMegabytes weights in the type of computation, in megabytes of 2^20 bytes
     * @param startMegabytes resident size of the process before the first load
     * @param peakMegabytes largest resident size up to the end of the first load; 0 where the
     *     system does not tell
     */
    public record Result(
            double readSeconds,
            double heapSeconds,
            double loadSeconds,
            double firstLoadSeconds,
            double weightMegabytes,
            double startMegabytes,
            double peakMegabytes) {}

    /** Runs the benchmark. */
    public Result run() throws IOException {
        List<Path> files;
        try (var list = Files.list(folder)) {
            files = list.filter(file -> file.toString().endsWith(".safetensors")).toList();
        }
        if (files.isEmpty()) {
            throw new IOException(folder + " has no safetensors files; give a model folder");
        }
        TensorEngine.start();
        for (Path file : files) {
            intoCache(file);
        }
        double start = PeakMemory.megabytes();
        double[] weights = new double[1];
        double first = load(weights);
        double peak = PeakMemory.megabytes();
        double[] read = new double[rounds];
        double[] heap = new double[rounds];
        double[] load = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            for (Path file : files) {
                read[i] += readFresh(file);
                heap[i] += readToHeap(file);
            }
            load[i] = load(weights);
        }
        return new Result(median(read), median(heap), median(load), first, weights[0], start, peak);
    }

    /** Makes sure that no round waits for a disk. */
    private static void intoCache(Path file) throws IOException {
        ByteBuffer part = ByteBuffer.allocateDirect(1 << 20);
        try (FileChannel channel = FileChannel.open(file)) {
            while (channel.read(part) >= 0) {
                part.clear();
            }
        }
    }

    private static double readFresh(Path file) throws IOException {
        long start = System.nanoTime();
        try (Scope scope = Scope.open();
                FileChannel channel = FileChannel.open(file)) {
            long size = channel.size();
            Tensor memory = Tensor.empty(DType.UINT8, Device.CPU, size);
            for (long at = 0; at < size; at += PART) {
                memory.fill(
                        at,
                        (int) Math.min(PART, size - at),
                        target -> {
                            while (target.hasRemaining() && channel.read(target) >= 0) {
                                Thread.onSpinWait();
                            }
                        });
            }
            return seconds(start);
        }
    }

    private static double readToHeap(Path file) throws IOException {
        if (Files.size(file) > Runtime.getRuntime().maxMemory() / 2) {
            return Double.NaN;
        }
        long start = System.nanoTime();
        byte[] bytes = Files.readAllBytes(file);
        double time = seconds(start);
        return bytes.length == 0 ? Double.NaN : time;
    }

    private double load(double[] weights) throws IOException {
        long start = System.nanoTime();
        try (CausalLm model = Pretrained.load(folder)) {
            double time = seconds(start);
            long elements = model.parameters().stream().mapToLong(p -> p.elements()).sum();
            weights[0] = elements * (double) DType.FLOAT32.bytes() / (1 << 20);
            return time;
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = Arrays.stream(values).skip(1).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /**
     * Prints one line of JSON; {@code benchmarks/load.sh} runs it.
     *
     * @param args model folder and number of rounds
     */
    public static void main(String[] args) throws IOException {
        Result result = new LoadingBenchmark(Path.of(args[0]), Integer.parseInt(args[1])).run();
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("read_seconds", rounded(result.readSeconds()));
        values.put("read_to_used_heap_seconds", rounded(result.heapSeconds()));
        values.put("load_seconds", rounded(result.loadSeconds()));
        values.put("load_to_read", rounded(result.loadSeconds() / result.readSeconds()));
        values.put("first_load_seconds", rounded(result.firstLoadSeconds()));
        values.put("weights_megabytes", Math.round(result.weightMegabytes()));
        values.put("megabytes_before", Math.round(result.startMegabytes()));
        values.put("peak_megabytes", Math.round(result.peakMegabytes()));
        System.out.println(new JsonMapper().writeValueAsString(values));
    }

    private static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }
}
