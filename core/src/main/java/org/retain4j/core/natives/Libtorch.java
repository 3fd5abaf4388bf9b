package org.retain4j.core.natives;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A libtorch that a JNI library of this process belongs to.
 *
 * @param origin how it was found
 * @param folder folder of the libraries; null for the jar on the class path, which DJL unpacks
 * @param version version as its makers write it, for example {@code 2.7.1+cu126}
 * @param flavor name of the JNI library's build: {@code cpu}, {@code cu128}, …
 * @param jni the JNI library that was built here for it, null for the one that DJL brings
 * @param dependencies libraries to load first, as far as they are not found by themselves
 */
public record Libtorch(
        Origin origin,
        @Nullable Path folder,
        String version,
        String flavor,
        @Nullable Path jni,
        List<Path> dependencies) {

    /** Ways to find a libtorch. */
    public enum Origin {
        /** The environment variable or property {@code PYTORCH_LIBRARY_PATH}. */
        LIBRARY_PATH("PYTORCH_LIBRARY_PATH"),
        /** The folder that {@code RETAIN4J_LIBTORCH} names. */
        NAMED("RETAIN4J_LIBTORCH"),
        /** The PyTorch of the {@code python3} on the path. */
        PYTHON("the PyTorch of python3"),
        /** Jars of org.bytedeco on the class path, as {@code retain4j-cuda} brings them. */
        BYTEDECO("the class path (org.bytedeco)"),
        /** A jar of {@code ai.djl.pytorch:pytorch-native-*} on the class path. */
        CLASS_PATH("the class path");

        private final String words;

        Origin(String words) {
            this.words = words;
        }

        /** Returns the origin in words. */
        @Override
        public String toString() {
            return words;
        }
    }

    /** Returns whether this libtorch was built for CUDA. */
    public boolean hasCuda() {
        return flavor.startsWith("cu") || flavor.startsWith("built-");
    }

    /** Returns the version without the part behind the plus sign. */
    public String release() {
        int plus = version.indexOf('+');
        return plus < 0 ? version : version.substring(0, plus);
    }
}
