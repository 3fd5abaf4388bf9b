package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.ByteSize;
import org.retain4j.core.tensor.DType;

/** What commands that write weights are told: element type, size of files, and where to. */
final class WeightOptions {

    private WeightOptions() {}

    /** Reads an element type of weights. */
    static DType dtype(String name) {
        return switch (name) {
            case "f32", "float32" -> DType.FLOAT32;
            case "f16", "float16" -> DType.FLOAT16;
            case "bf16", "bfloat16" -> DType.BFLOAT16;
            default ->
                    throw new UsageException(
                            "--dtype must be f32, f16 or bf16, is \"" + name + "\"");
        };
    }

    /** Reads the largest size of a weight file in bytes. */
    static long shardSize(String text) {
        return size("--max-shard-size", text);
    }

    /** Reads a number of bytes. */
    static long size(String option, String text) {
        try {
            return ByteSize.parse(text);
        } catch (IllegalArgumentException e) {
            throw new UsageException(option + ": " + e.getMessage());
        }
    }

    /**
     * Reads a folder to write into.
     *
     * @param label what the argument is called
     * @throws UsageException if it is a file or has contents
     */
    static Path emptyFolder(String label, String text) throws IOException {
        Path target = Inputs.path(label, text);
        if (Files.isDirectory(target)) {
            try (Stream<Path> files = Files.list(target)) {
                if (files.findAny().isPresent()) {
                    throw new UsageException(
                            label + ": " + target + " is not empty, give a new or empty folder");
                }
            }
        } else if (Files.exists(target)) {
            throw new UsageException(
                    label + ": " + target + " is a file, give a new or empty folder");
        }
        return target;
    }
}
