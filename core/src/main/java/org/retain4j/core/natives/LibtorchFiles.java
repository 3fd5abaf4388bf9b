package org.retain4j.core.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder with libtorch, described by its files.
 *
 * @param folder the folder that libtorch itself lies in
 * @param version full version
 * @param commit commit that it was made from, empty if unknown
 * @param cuda CUDA version that it was built for, such as {@code 12.6}, empty without CUDA
 * @param size bytes of {@code libtorch_cpu}
 */
record LibtorchFiles(Path folder, String version, String commit, String cuda, long size) {

    /** What DJL may load from a folder; installations of Python hold more, which needs Python. */
    private static final Pattern WANTED =
            Pattern.compile(
                    "(lib)?(c10|c10_cuda|torch|torch_cpu|torch_cuda|torch_cuda_linalg|caffe2_nvrtc"
                            + "|gomp.*|iomp.*|omp.*|uv|asmjit|fbgemm|arm_compute.*|openblas.*"
                            + "|djl_torch)\\.(so|dylib|dll).*"
                            + "|(cud|cub|cus|cuf|cur|nv|zlib).*\\.dll"
                            + "|.*-(lib)?djl_torch\\.(so|dylib|dll)");

    private static final Pattern LIBRARY = Pattern.compile(".*\\.(so(\\.\\d+)*|dll|dylib)");

    /**
     * Describes the libtorch that a path names.
     *
     * @param path a folder of libraries, the {@code torch} folder of a Python package, the folder
     *     of an unpacked libtorch archive, or libtorch itself
     * @throws IOException if there is none, or its version cannot be told; the message says what
     *     was looked for
     */
    static LibtorchFiles of(Path path) throws IOException {
        String name = System.mapLibraryName("torch");
        Path folder = folder(path, name);
        if (folder == null) {
            throw new IOException(
                    path + " holds no " + name + ", and neither does a folder lib in it");
        }
        String version = LibtorchVersion.of(folder);
        if (version == null) {
            throw new IOException(
                    "the version of the libtorch in "
                            + folder
                            + " cannot be told: there is no version.py or build-version above it");
        }
        Path cpu = folder.resolve(System.mapLibraryName("torch_cpu"));
        boolean withCuda = Files.exists(folder.resolve(System.mapLibraryName("torch_cuda")));
        String cuda = LibtorchVersion.cuda(folder);
        return new LibtorchFiles(
                folder,
                version,
                LibtorchVersion.commit(folder),
                withCuda ? (cuda.isEmpty() ? "unknown" : cuda) : "",
                Files.exists(cpu) ? Files.size(cpu) : -1);
    }

    private static @Nullable Path folder(Path path, String name) {
        if (Files.isRegularFile(path)) {
            return String.valueOf(path.getFileName()).equals(name)
                    ? path.toAbsolutePath().normalize().getParent()
                    : null;
        }
        if (Files.isRegularFile(path.resolve(name))) {
            return path.toAbsolutePath().normalize();
        }
        Path lib = path.resolve("lib");
        return Files.isRegularFile(lib.resolve(name)) ? lib.toAbsolutePath().normalize() : null;
    }

    boolean hasCuda() {
        return !cuda.isEmpty();
    }

    /** Returns the build's name as DJL forms it: {@code cpu}, or {@code cu} and digits. */
    String flavor() {
        return hasCuda() ? "cu" + cuda.replaceAll("\\D", "") : "cpu";
    }

    /** Returns the names of libraries in the folder that DJL must leave alone, with commas. */
    static String excluded(Path folder) throws IOException {
        TreeSet<String> names = new TreeSet<>();
        try (Stream<Path> files = Files.walk(folder)) {
            files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> LIBRARY.matcher(name).matches())
                    .filter(name -> !WANTED.matcher(name.toLowerCase(Locale.ROOT)).matches())
                    .filter(name -> name.indexOf(',') < 0)
                    .forEach(names::add);
        }
        return String.join(",", names);
    }
}
