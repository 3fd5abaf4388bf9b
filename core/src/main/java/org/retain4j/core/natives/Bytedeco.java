package org.retain4j.core.natives;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The libtorch that the jars {@code org.bytedeco:pytorch}, {@code openblas} and {@code cuda-redist}
 * hold: from Maven Central, as no jar of DJL for CUDA is there.
 *
 * <p>The jars are unpacked once into DJL's cache: libtorch into one folder, and what it needs into
 * another, as DJL loads everything of the first in no order.
 */
final class Bytedeco {

    /** The version that the jars are for; the names of files inside do not tell. */
    static final String VERSION = "2.7.1";

    private static final String GPU = "linux-x86_64-gpu";
    private static final String CPU = "linux-x86_64";
    private static final List<String> TORCH =
            List.of(
                    "libc10.so",
                    "libc10_cuda.so",
                    "libgomp.so.1",
                    "libtorch.so",
                    "libtorch_cpu.so",
                    "libtorch_cuda.so",
                    "libtorch_cuda_linalg.so");
    private static final List<String> OPENBLAS =
            List.of("libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0");
    private static final List<String> CUDA =
            List.of(
                    "libcudart.so.12",
                    "libcupti.so.12",
                    "libnvJitLink.so.12",
                    "libnvrtc-builtins.so.12.9",
                    "libnvrtc.so.12",
                    "libcublasLt.so.12",
                    "libcublas.so.12",
                    "libcusparse.so.12",
                    "libcusolver.so.11",
                    "libcufft.so.11",
                    "libcurand.so.10",
                    "libcufile.so.0",
                    "libcudnn_graph.so.9",
                    "libcudnn_ops.so.9",
                    "libcudnn_cnn.so.9",
                    "libcudnn_adv.so.9",
                    "libcudnn_engines_precompiled.so.9",
                    "libcudnn_engines_runtime_compiled.so.9",
                    "libcudnn_heuristic.so.9",
                    "libcudnn.so.9");

    private final boolean cuda;

    private Bytedeco(boolean cuda) {
        this.cuda = cuda;
    }

    /** Returns the jars on the class path, or null; one with CUDA comes before one without. */
    static @Nullable Bytedeco find(Surroundings around) {
        if (around.resource(torch(true) + "libtorch_cuda.so") != null) {
            return new Bytedeco(true);
        }
        // the jar of DJL is the better one for the CPU
        return around.classPathVersion() == null
                        && around.resource(torch(false) + "libtorch.so") != null
                ? new Bytedeco(false)
                : null;
    }

    private static String torch(boolean cuda) {
        return "org/bytedeco/pytorch/" + (cuda ? GPU : CPU) + "/";
    }

    /** Unpacks the jars if that was not done before. */
    Libtorch unpack(Surroundings around) throws IOException {
        Path home = around.cache().resolve(VERSION + "-bytedeco-" + (cuda ? GPU : CPU));
        Path lib = home.resolve("lib");
        Path needed = home.resolve("needed");
        if (!Files.isRegularFile(lib.resolve("libtorch.so"))) {
            Files.createDirectories(around.cache());
            Path made = Files.createTempDirectory(around.cache(), "tmp");
            try {
                copy(around, torch(cuda), TORCH, made.resolve("lib"));
                copy(
                        around,
                        "org/bytedeco/openblas/" + CPU + "/",
                        OPENBLAS,
                        made.resolve("needed"));
                copy(around, "org/bytedeco/cuda/" + CPU + "/", CUDA, made.resolve("needed"));
                move(made, home);
            } finally {
                delete(made);
            }
        }
        List<Path> dependencies = new ArrayList<>();
        for (String name : OPENBLAS) {
            add(needed.resolve(name), dependencies);
        }
        for (String name : cuda ? CUDA : List.<String>of()) {
            add(needed.resolve(name), dependencies);
        }
        return new Libtorch(
                Libtorch.Origin.BYTEDECO,
                lib,
                VERSION,
                cuda && around.hasDriver() ? "cu128" : "cpu",
                null,
                List.copyOf(dependencies));
    }

    private static void add(Path file, List<Path> files) {
        if (Files.isRegularFile(file)) {
            files.add(file);
        }
    }

    private static void copy(Surroundings around, String from, List<String> names, Path to)
            throws IOException {
        Files.createDirectories(to);
        for (String name : names) {
            URL source = around.resource(from + name);
            if (source != null) {
                try (InputStream in = source.openStream()) {
                    Files.copy(in, to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    /** Another process may have been faster; what it made is the same. */
    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to);
        } catch (FileAlreadyExistsException | java.nio.file.DirectoryNotEmptyException e) {
            if (!Files.isRegularFile(to.resolve("lib").resolve("libtorch.so"))) {
                throw e;
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
