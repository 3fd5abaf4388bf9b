package org.retain4j.core.natives;

import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.natives.Libtorch.Origin;

/**
 * Chooses the libtorch of a process, and refuses one that no JNI library here belongs to.
 *
 * <p>A JNI library computes with the memory layouts of the libtorch that it was compiled against:
 * with another one it loads, and computes nonsense. Accepted are libtorch 2.7.x, which DJL's own
 * library is for, and the exact build that a library made by {@link JniBuild} is for.
 *
 * <p>The order is: {@code PYTORCH_LIBRARY_PATH}; {@code RETAIN4J_LIBTORCH}, which is {@code
 * python}, {@code classpath} or a folder; jars of org.bytedeco; and the jar of pytorch-native-cpu,
 * before which {@code python3} is asked when a GPU is wanted. Both are environment variables or
 * system properties. Safe for all threads.
 */
public final class Natives {

    /** The DJL version whose JNI library this is about. */
    public static final String DJL_VERSION = "0.36.0";

    /** The libtorch versions that DJL's own JNI library is for. */
    public static final String SERIES = "2.7.";

    private final Surroundings around;

    Natives(Surroundings around) {
        this.around = around;
    }

    /**
     * Returns the libtorch that this process would use.
     *
     * @param cudaWanted whether a GPU shall be used
     * @throws IllegalStateException if there is none, or none that fits; the message says what to
     *     do
     */
    public static Libtorch choose(boolean cudaWanted) {
        return new Natives(new Surroundings.Process()).find(cudaWanted);
    }

    Libtorch find(boolean cudaWanted) {
        String path = around.variable("PYTORCH_LIBRARY_PATH");
        if (path != null) {
            return inFolder(path(path), Origin.LIBRARY_PATH);
        }
        String named = around.variable("RETAIN4J_LIBTORCH");
        if (named != null && named.equals("python")) {
            Path torch = around.pythonTorch();
            if (torch == null) {
                throw new IllegalStateException(
                        "RETAIN4J_LIBTORCH=python, but python3 on the path has no PyTorch; install"
                                + " one with pip install torch==2.7.1, or activate its environment");
            }
            return inFolder(torch, Origin.PYTHON);
        }
        if (named != null && !named.equals("classpath") && !named.equals("auto")) {
            return inFolder(path(named), Origin.NAMED);
        }
        Libtorch bytedeco = bytedeco();
        if (bytedeco != null) {
            return bytedeco;
        }
        String version = around.classPathVersion();
        if (cudaWanted && named == null || version == null) {
            Libtorch python = python(cudaWanted);
            if (python != null) {
                return python;
            }
        }
        if (version == null) {
            throw new IllegalStateException("no libtorch on the class path; " + advice());
        }
        requireSeries(version, Origin.CLASS_PATH.toString());
        // the makers of the jar add the day
        String release = version.replaceFirst("-\\d+$", "");
        return new Libtorch(Origin.CLASS_PATH, null, release, "cpu", null, List.of());
    }

    /** The PyTorch of python3 if it fits; an unfit one that nobody named is passed over. */
    private @Nullable Libtorch python(boolean cudaWanted) {
        Path torch = around.pythonTorch();
        if (torch == null) {
            return null;
        }
        try {
            Libtorch found = inFolder(torch, Origin.PYTHON);
            return cudaWanted && !found.hasCuda() ? null : found;
        } catch (IllegalStateException e) {
            if (cudaWanted) {
                throw e;
            }
            return null;
        }
    }

    private static Path path(String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new IllegalStateException("\"" + text + "\" is not a path: " + e.getReason(), e);
        }
    }

    private Libtorch inFolder(Path path, Origin origin) {
        LibtorchFiles files;
        try {
            files = LibtorchFiles.of(path);
        } catch (IOException e) {
            throw new IllegalStateException(
                    origin + "=" + path + ": " + e.getMessage() + "; " + advice(), e);
        }
        String where = origin + " (" + files.folder() + ")";
        String told = around.variable("PYTORCH_VERSION");
        Libtorch found =
                files.version().startsWith(SERIES)
                        ? stock(files, origin, where)
                        : built(files, origin, where);
        if (told != null && !told.equals(found.release())) {
            throw new IllegalStateException(
                    "PYTORCH_VERSION is "
                            + told
                            + ", but the libtorch of "
                            + where
                            + " is "
                            + found.version()
                            + "; unset PYTORCH_VERSION, it is not needed");
        }
        return found;
    }

    private Libtorch stock(LibtorchFiles files, Origin origin, String where) {
        if (files.hasCuda() && !files.cuda().startsWith("12.")) {
            throw new IllegalStateException(
                    "libtorch "
                            + files.version()
                            + " from "
                            + where
                            + " was built for CUDA "
                            + files.cuda()
                            + ", but DJL's JNI library needs CUDA 12; install PyTorch 2.7.1 for CUDA"
                            + " 12.6 or 12.8");
        }
        String flavor = around.variable("PYTORCH_FLAVOR");
        if (flavor == null) {
            // without a driver some of the CUDA libraries do not load, and the CPU works without
            flavor = files.hasCuda() && around.hasDriver() ? "cu128" : "cpu";
        }
        Libtorch found =
                new Libtorch(origin, files.folder(), files.version(), flavor, null, List.of());
        requireWhole(found, files.folder());
        return found;
    }

    /** A JNI library left by an interrupted start, or put there by somebody, is not DJL's own. */
    private void requireWhole(Libtorch found, Path folder) {
        String name = System.mapLibraryName("djl_torch");
        URL own =
                around.resource(
                        "jnilib/" + around.classifier() + "/" + found.flavor() + "/" + name);
        for (Path file :
                List.of(
                        folder.resolve(DJL_VERSION + "-" + name),
                        folder.resolve(name),
                        cached(found.release(), found.flavor()))) {
            try {
                if (own != null && Files.isRegularFile(file)) {
                    long expected = own.openConnection().getContentLengthLong();
                    if (expected >= 0 && Files.size(file) != expected) {
                        throw new IllegalStateException(
                                file
                                        + " is not the JNI library of DJL "
                                        + DJL_VERSION
                                        + " for libtorch "
                                        + SERIES
                                        + "x ("
                                        + Files.size(file)
                                        + " bytes instead of "
                                        + expected
                                        + "); delete it");
                    }
                }
            } catch (IOException e) {
                throw new IllegalStateException(file + " cannot be read: " + e.getMessage(), e);
            }
        }
    }

    private Libtorch built(LibtorchFiles files, Origin origin, String where) {
        String release = files.version().replaceFirst("\\+.*", "");
        String flavor = around.variable("PYTORCH_FLAVOR");
        Path library = cached(release, flavor == null ? builtFlavor(files) : flavor);
        String why;
        if (!Files.isRegularFile(library)) {
            why = "there is no JNI library for it in " + library.getParent();
        } else {
            try {
                why = JniPair.read(library).mismatch(DJL_VERSION, files, library);
            } catch (IOException e) {
                why = e.getMessage();
            }
            why = why == null ? null : library + " does not belong to it: " + why;
        }
        if (why != null) {
            throw refusal(files.version(), where, why, files.folder());
        }
        return new Libtorch(
                origin,
                files.folder(),
                files.version(),
                flavor == null ? builtFlavor(files) : flavor,
                library,
                List.of());
    }

    /**
     * Names the build of a JNI library that was made here. Without "cu" in it, at which DJL would
     * load libraries that need a driver; libtorch loads them by itself where there is one.
     */
    static String builtFlavor(LibtorchFiles files) {
        return files.hasCuda() ? "built-" + files.cuda() : "built";
    }

    /** Returns where DJL looks for the JNI library of a build. */
    Path cached(String release, String flavor) {
        return cached(around.cache(), around.classifier(), release, flavor);
    }

    static Path cached(Path cache, String classifier, String release, String flavor) {
        return cache.resolve(release + "-" + flavor + "-" + classifier)
                .resolve(DJL_VERSION + "-" + System.mapLibraryName("djl_torch"));
    }

    private @Nullable Libtorch bytedeco() {
        Bytedeco jars = Bytedeco.find(around);
        if (jars == null) {
            return null;
        }
        try {
            return jars.unpack(around);
        } catch (IOException e) {
            throw new IllegalStateException(
                    "the libraries of org.bytedeco cannot be unpacked to "
                            + around.cache()
                            + ": "
                            + e.getMessage(),
                    e);
        }
    }

    /** Returns the names of libraries in a folder that DJL must leave alone, with commas. */
    public static String excluded(Path folder) {
        try {
            return LibtorchFiles.excluded(folder);
        } catch (IOException e) {
            throw new IllegalStateException(folder + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** Refuses a libtorch of another series: it would load, and compute with wrong layouts. */
    public static void requireSeries(String version, String where) {
        if (!version.startsWith(SERIES)) {
            throw refusal(version, where, "DJL's own library was built for " + SERIES + "x", null);
        }
    }

    private static IllegalStateException refusal(
            String version, String where, String why, @Nullable Path folder) {
        return new IllegalStateException(
                "libtorch "
                        + version
                        + " from "
                        + where
                        + " does not belong to the JNI library of DJL "
                        + DJL_VERSION
                        + " and would compute wrong results with it ("
                        + why
                        + "); build a library for it with retain4j build-jni --torch "
                        + (folder == null ? "DIR" : folder)
                        + " --sources DIR, or "
                        + advice());
    }

    /** Returns in one sentence how to get a fitting libtorch. */
    public static String advice() {
        return "add the runtime dependency ai.djl.pytorch:pytorch-native-cpu:2.7.1 with classifier "
                + System.getProperty("os.name", "")
                        .toLowerCase(java.util.Locale.ROOT)
                        .replaceFirst("^mac.*", "osx")
                        .replaceFirst("^win.*", "win")
                + "-"
                + (System.getProperty("os.arch", "").equals("aarch64") ? "aarch64" : "x86_64")
                + ", or set PYTORCH_LIBRARY_PATH to the lib folder of an installed PyTorch "
                + SERIES
                + "x";
    }
}
