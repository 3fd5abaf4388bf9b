package org.retain4j.merging;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.TensorInfo;

/** What lies beside the weights of a model folder, and hashes of the weights themselves. */
final class ModelFolder {

    /** What a merge says of itself, which does not hold for a model made from it. */
    private static final Set<String> OF_A_MERGE =
            Set.of(
                    MergeRecord.FILE,
                    MergeReport.PAGE,
                    MergeReport.NUMBERS,
                    "alignment.json",
                    "chat_vector.json",
                    "mergekit_config.yml");

    private static final int LISTED = 8;
    private static final long MAX_BESIDE = 64L << 20;

    private ModelFolder() {}

    static String hashOfTensors(Weights weights) throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        for (TensorInfo info : weights.tensors().values()) {
            hashes.put(info.name(), TensorHash.of(weights, info));
        }
        return TensorHash.combined(hashes);
    }

    /** Fails when both are the same folder. */
    static void requireOther(Path in, Path out) throws IOException {
        if (Files.exists(out) && Files.isSameFile(in, out)) {
            throw new MergeException(
                    out + " is the folder that the weights come from; choose another target");
        }
    }

    /** Copies the small files of a model folder: configuration, tokenizer, template and texts. */
    static void copyBeside(Path from, Path to) throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> all = Files.list(from)) {
            all.filter(ModelFolder::isBeside).sorted().forEach(files::add);
        }
        for (Path file : files) {
            Path name = file.getFileName();
            if (name != null) {
                AtomicFile.write(to.resolve(name.toString()), Files.readAllBytes(file));
            }
        }
    }

    private static boolean isBeside(Path file) {
        String name = String.valueOf(file.getFileName());
        boolean weights =
                name.endsWith(".safetensors")
                        || name.endsWith(".safetensors.index.json")
                        || name.endsWith(".bin")
                        || name.endsWith(".gguf")
                        || name.startsWith(".")
                        || OF_A_MERGE.contains(name);
        try {
            return !weights && Files.isRegularFile(file) && Files.size(file) <= MAX_BESIDE;
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns names with commas, the first of many with the count of the others. */
    static String list(Collection<String> names) {
        String first = names.stream().limit(LISTED).collect(Collectors.joining(", "));
        int more = names.size() - LISTED;
        return more > 0 ? first + " and " + more + " more" : first;
    }
}
