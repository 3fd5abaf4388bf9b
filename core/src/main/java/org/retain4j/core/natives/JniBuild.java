package org.retain4j.core.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Compiles DJL's JNI library against an installed libtorch, so that versions other than 2.7 work.
 *
 * <p>The result lies in DJL's cache, with a record of the libtorch that it belongs to; {@link
 * Natives} accepts it with that one alone. Linux and macOS. Not safe for several threads.
 */
public final class JniBuild {

    private final Path torch;
    private final Surroundings around;
    private Path javaHome = Path.of(System.getProperty("java.home"));
    private String compiler = "g++";
    private Consumer<String> log = line -> {};

    JniBuild(Path torch, Surroundings around) {
        this.torch = torch;
        this.around = around;
    }

    /**
     * Prepares a build.
     *
     * @param torch the {@code torch} folder of an installed PyTorch, its {@code lib} folder, or the
     *     folder of an unpacked libtorch archive
     */
    public static JniBuild against(Path torch) {
        return new JniBuild(torch, new Surroundings.Process());
    }

    /** Uses another compiler than g++. */
    public JniBuild compiler(String command) {
        compiler = command;
        return this;
    }

    /** Uses the headers of another JDK than that of this process. */
    public JniBuild javaHome(Path home) {
        javaHome = home;
        return this;
    }

    /** Tells what happens, line by line; among it the licence of the sources. */
    public JniBuild log(Consumer<String> lines) {
        log = lines;
        return this;
    }

    /**
     * Compiles and installs the library.
     *
     * @param sources a checkout of DJL of version {@value Natives#DJL_VERSION}, a folder of its C++
     *     sources, or a zip or jar with them
     * @return the installed library
     * @throws IOException if something is missing or the compiler fails; the message says what
     */
    public Path build(Path sources) throws IOException {
        LibtorchFiles files = target();
        Path work = Files.createTempDirectory("retain4j-jni");
        try {
            JniSources found = JniSources.find(sources, Files.createDirectory(work.resolve("zip")));
            log.accept("Sources: " + found.folder() + ", " + found.files().size() + " files");
            log.accept("Licence of the sources:");
            found.licence().lines().forEach(line -> log.accept("  " + line));
            Path library = compile(found, files, work);
            return install(library, files);
        } finally {
            delete(work);
        }
    }

    /**
     * Installs a library that was compiled elsewhere for exactly this libtorch; nothing can check
     * that but who compiled it.
     *
     * @return the installed library
     */
    public Path adopt(Path library) throws IOException {
        if (!Files.isRegularFile(library)) {
            throw new IOException(library + " does not exist");
        }
        return install(library, target());
    }

    private LibtorchFiles target() throws IOException {
        LibtorchFiles files = LibtorchFiles.of(torch);
        if (files.version().startsWith(Natives.SERIES)) {
            throw new IOException(
                    "libtorch "
                            + files.version()
                            + " needs no build: DJL's own JNI library is for it; set"
                            + " PYTORCH_LIBRARY_PATH="
                            + files.folder());
        }
        log.accept("libtorch " + files.version() + " in " + files.folder());
        return files;
    }

    private Path compile(JniSources sources, LibtorchFiles files, Path work) throws IOException {
        Path include = Files.createDirectory(work.resolve("include"));
        Files.writeString(
                include.resolve("ai_djl_pytorch_jni_PyTorchLibrary.h"), JniHeader.of(library()));
        List<String> flags = flags(sources, files, include);
        List<Path> objects = new ArrayList<>();
        List<Compiling> running = new ArrayList<>();
        // each compiler takes one to two gigabytes for libtorch's headers
        int most = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors() / 2));
        try {
            for (Path source : sources.files()) {
                Path object = work.resolve(source.getFileName() + ".o");
                objects.add(object);
                List<String> command = new ArrayList<>(List.of(compiler));
                command.addAll(flags);
                command.addAll(List.of("-c", source.toString(), "-o", object.toString()));
                if (running.size() == most) {
                    running.remove(0).await();
                }
                log.accept("compiling " + source.getFileName());
                running.add(Compiling.start(command, work.resolve(source.getFileName() + ".log")));
            }
            while (!running.isEmpty()) {
                running.remove(0).await();
            }
        } finally {
            running.forEach(Compiling::stop);
        }
        Path result = work.resolve(System.mapLibraryName("djl_torch"));
        List<String> link = new ArrayList<>(List.of(compiler, "-shared", "-o", result.toString()));
        objects.forEach(object -> link.add(object.toString()));
        link.addAll(List.of("-L" + files.folder(), "-ltorch", "-ltorch_cpu", "-lc10"));
        if (files.hasCuda()) {
            link.addAll(List.of("-ltorch_cuda", "-lc10_cuda"));
        }
        log.accept("linking");
        Compiling.start(link, work.resolve("link.log")).await();
        return result;
    }

    private static Class<?> library() throws IOException {
        try {
            return Class.forName(
                    "ai.djl.pytorch.jni.PyTorchLibrary", false, JniBuild.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IOException("ai.djl.pytorch:pytorch-engine is not on the class path", e);
        }
    }

    private List<String> flags(JniSources sources, LibtorchFiles files, Path include)
            throws IOException {
        Path home = files.folder().resolveSibling("").normalize();
        Path headers = home.resolve("include");
        if (!Files.isDirectory(headers.resolve("torch"))) {
            throw new IOException(
                    headers + " holds no headers of libtorch; install a PyTorch that has them");
        }
        Path java = javaHome.resolve("include");
        if (!Files.isRegularFile(java.resolve("jni.h"))) {
            throw new IOException(
                    java + " holds no jni.h; start with the java of a whole JDK (JAVA_HOME)");
        }
        boolean mac = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("mac");
        List<Path> folders = new ArrayList<>();
        folders.add(include);
        folders.add(sources.folder());
        if (sources.utilities() != null) {
            folders.add(sources.utilities());
        }
        folders.add(headers);
        folders.add(headers.resolve("torch/csrc/api/include"));
        folders.add(java);
        folders.add(java.resolve(mac ? "darwin" : "linux"));
        List<String> flags =
                new ArrayList<>(
                        List.of("-std=c++17", "-O2", "-fPIC", "-w", "-D_GLIBCXX_USE_CXX11_ABI=1"));
        if (files.hasCuda()) {
            flags.add("-DUSE_CUDA");
            folders.addAll(cudaHeaders(home));
        }
        folders.forEach(folder -> flags.add("-I" + folder));
        return flags;
    }

    private List<Path> cudaHeaders(Path home) throws IOException {
        List<Path> folders = new ArrayList<>();
        Path nvidia = home.resolveSibling("nvidia");
        if (Files.isDirectory(nvidia)) {
            try (Stream<Path> parts = Files.list(nvidia)) {
                parts.map(part -> part.resolve("include"))
                        .filter(Files::isDirectory)
                        .sorted()
                        .forEach(folders::add);
            }
        }
        String cudaHome = around.variable("CUDA_HOME");
        folders.add(Path.of(cudaHome == null ? "/usr/local/cuda" : cudaHome, "include"));
        // CUDA 13 has the latter in a Python package of its own, which PyTorch does not ask for
        for (String header : List.of("cuda_runtime_api.h", "crt/host_config.h")) {
            if (folders.stream().noneMatch(f -> Files.exists(f.resolve(header)))) {
                throw new IOException(
                        header
                                + " is in none of "
                                + folders
                                + "; install nvidia-cuda-runtime and nvidia-cuda-crt of PyTorch's"
                                + " CUDA version with pip beside it, or set CUDA_HOME");
            }
        }
        return folders;
    }

    private Path install(Path library, LibtorchFiles files) throws IOException {
        String release = files.version().replaceFirst("\\+.*", "");
        String flavor = Natives.builtFlavor(files);
        Path target = Natives.cached(around.cache(), around.classifier(), release, flavor);
        Files.createDirectories(target.getParent());
        Path temporary = Files.createTempFile(target.getParent(), "jni", ".tmp");
        try {
            Files.copy(library, temporary, StandardCopyOption.REPLACE_EXISTING);
            JniPair pair =
                    new JniPair(
                            Natives.DJL_VERSION,
                            files.version(),
                            files.commit(),
                            files.size(),
                            flavor,
                            JniPair.sha256(temporary));
            // between the two moves the library has no fitting record, and is refused
            Files.deleteIfExists(JniPair.file(target));
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
            pair.write(target);
        } finally {
            Files.deleteIfExists(temporary);
        }
        log.accept("installed " + target);
        return target;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** One run of the compiler. */
    private record Compiling(List<String> command, Process process, Path output) {

        static Compiling start(List<String> command, Path output) throws IOException {
            try {
                return new Compiling(
                        command,
                        new ProcessBuilder(command)
                                .redirectErrorStream(true)
                                .redirectOutput(output.toFile())
                                .start(),
                        output);
            } catch (IOException e) {
                throw new IOException(
                        "the compiler "
                                + command.get(0)
                                + " does not start; install it, or name another with --compiler",
                        e);
            }
        }

        void await() throws IOException {
            try {
                int code = process.waitFor();
                if (code != 0) {
                    throw new IOException(
                            "the compiler ended with code " + code + ": " + firstErrors());
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                stop();
                throw new IOException("interrupted while compiling", e);
            }
        }

        private String firstErrors() throws IOException {
            try (Stream<String> lines = Files.lines(output)) {
                String errors =
                        lines.filter(line -> line.contains("error") || line.contains("undefined"))
                                .limit(5)
                                .collect(Collectors.joining("; "));
                return errors.isEmpty() ? String.join(" ", command) : errors;
            }
        }

        void stop() {
            process.destroy();
        }
    }
}
