package org.retain4j.core.natives;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the version of an installed libtorch from the files beside it, without loading it. */
final class LibtorchVersion {

    private static final Pattern PYTHON_PACKAGE =
            Pattern.compile("__version__\\s*(?::[^=]*)?=\\s*['\"]([^'\"]+)['\"]");
    private static final Pattern CUDA =
            Pattern.compile("(?m)^cuda\\s*(?::[^=]*)?=\\s*['\"](\\d+\\.\\d+)['\"]");
    private static final Pattern COMMIT =
            Pattern.compile("(?m)^git_version\\s*(?::[^=]*)?=\\s*['\"]([0-9a-f]{7,64})['\"]");
    private static final Pattern TAG = Pattern.compile("\\+cu(\\d{2,3}?)(\\d)$");
    private static final long LIMIT = 1 << 16;

    private LibtorchVersion() {}

    /**
     * Returns the version of the libtorch in a library folder, or null when no file there tells.
     *
     * @param library folder with libtorch, or libtorch itself
     */
    static @Nullable String of(Path library) {
        Path folder = Files.isDirectory(library) ? library : library.toAbsolutePath().getParent();
        Path parent = folder == null ? null : folder.toAbsolutePath().getParent();
        if (folder == null || parent == null) {
            return null;
        }
        // a pip installation has torch/version.py above torch/lib, a libtorch zip has build-version
        String python = read(parent.resolve("version.py"));
        if (python != null) {
            Matcher matcher = PYTHON_PACKAGE.matcher(python);
            if (matcher.find()) {
                return matcher.group(1);
            }
        }
        String zip = read(parent.resolve("build-version"));
        if (zip != null && !zip.isBlank()) {
            return zip.strip();
        }
        // DJL's own cache names its folders VERSION-FLAVOR-CLASSIFIER
        String name = String.valueOf(folder.getFileName());
        return name.matches("\\d+\\.\\d+\\.\\d+-.*") ? name.substring(0, name.indexOf('-')) : null;
    }

    /** Returns the CUDA version that the libtorch in a folder was built for, empty if unknown. */
    static String cuda(Path folder) {
        String told = find(folder, "version.py", CUDA);
        if (!told.isEmpty()) {
            return told;
        }
        String version = of(folder);
        Matcher tag = TAG.matcher(version == null ? "" : version);
        return tag.find() ? tag.group(1) + "." + tag.group(2) : "";
    }

    /** Returns the commit that the libtorch in a folder was made from, empty if unknown. */
    static String commit(Path folder) {
        String python = find(folder, "version.py", COMMIT);
        return python.isEmpty()
                ? find(folder, "build-hash", Pattern.compile("(\\w{7,64})"))
                : python;
    }

    private static String find(Path folder, String file, Pattern pattern) {
        Path parent = folder.toAbsolutePath().getParent();
        String text = parent == null ? null : read(parent.resolve(file));
        Matcher matcher = pattern.matcher(text == null ? "" : text);
        return matcher.find() ? matcher.group(1) : "";
    }

    private static @Nullable String read(Path file) {
        try {
            return Files.isRegularFile(file) && Files.size(file) < LIMIT
                    ? Files.readString(file, StandardCharsets.UTF_8)
                    : null;
        } catch (IOException e) {
            return null;
        }
    }
}
