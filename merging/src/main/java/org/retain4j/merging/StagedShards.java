package org.retain4j.merging;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorSpec;

/**
 * Weight files that wait in a folder of their own until all are finished, so that a later run of
 * the same work can take over those that an interrupted one has finished.
 */
final class StagedShards {

    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final String PREFIX = ".retain4j-merge-";
    private static final int MAX_SHARDS = 99_999;
    private static final Pattern SHARD =
            Pattern.compile("model-[0-9]{5}-of-[0-9]{5}\\.safetensors");

    private final Path out;
    private final Path staging;
    private final Map<String, List<TensorSpec>> files;

    private StagedShards(Path out, Path staging, Map<String, List<TensorSpec>> files) {
        this.out = out;
        this.staging = staging;
        this.files = files;
    }

    /**
     * Opens the files of some work.
     *
     * @param key what distinguishes this work from others, safe in a file name
     */
    static StagedShards open(Path out, String key, List<TensorSpec> specs, long maxShardBytes)
            throws IOException {
        Map<String, List<TensorSpec>> files = split(specs, maxShardBytes);
        Path staging = out.resolve(PREFIX + key);
        Files.createDirectories(staging);
        return new StagedShards(out, staging, files);
    }

    private static Map<String, List<TensorSpec>> split(List<TensorSpec> specs, long limit) {
        List<List<TensorSpec>> shards = new ArrayList<>();
        List<TensorSpec> current = new ArrayList<>();
        long size = 0;
        for (TensorSpec spec : specs) {
            if (!current.isEmpty() && spec.byteCount() > limit - size) {
                shards.add(current);
                current = new ArrayList<>();
                size = 0;
            }
            current.add(spec);
            size += spec.byteCount();
        }
        shards.add(current);
        if (limit < 1 || shards.size() > MAX_SHARDS) {
            throw new IllegalArgumentException(
                    "the largest size of a shard is " + limit + " bytes; choose a larger one");
        }
        Map<String, List<TensorSpec>> files = new LinkedHashMap<>();
        for (List<TensorSpec> shard : shards) {
            String name =
                    shards.size() == 1
                            ? SINGLE
                            : String.format(
                                    Locale.ROOT,
                                    "model-%05d-of-%05d.safetensors",
                                    files.size() + 1,
                                    shards.size());
            files.put(name, shard);
        }
        return files;
    }

    /** Returns the tensors of each file in order. */
    Map<String, List<TensorSpec>> files() {
        return files;
    }

    Path path(String file) {
        return staging.resolve(file);
    }

    /** Returns whether an earlier run has finished a file, which appears only when it is whole. */
    boolean isFinished(String file) throws IOException {
        Path path = path(file);
        if (!Files.isRegularFile(path)) {
            return false;
        }
        List<TensorSpec> specs = files.getOrDefault(file, List.of());
        try (SafetensorsFile stored = SafetensorsFile.open(path)) {
            boolean same = stored.tensors().size() == specs.size();
            for (TensorSpec spec : specs) {
                same =
                        same
                                && stored.tensors().containsKey(spec.name())
                                && stored.tensor(spec.name()).spec().equals(spec);
            }
            return same;
        } catch (SafetensorsException e) {
            return false;
        }
    }

    /** Puts all files in place; the index comes last. */
    void publish() throws IOException {
        Files.deleteIfExists(out.resolve(INDEX));
        if (files.size() > 1) {
            Files.deleteIfExists(out.resolve(SINGLE));
        }
        for (String file : files.keySet()) {
            Files.move(path(file), out.resolve(file), StandardCopyOption.ATOMIC_MOVE);
        }
        List<Path> others = new ArrayList<>();
        try (Stream<Path> all = Files.list(out)) {
            all.forEach(others::add);
        }
        for (Path other : others) {
            String name = String.valueOf(other.getFileName());
            if (SHARD.matcher(name).matches() && !files.containsKey(name)) {
                Files.deleteIfExists(other);
            } else if (name.startsWith(PREFIX) && Files.isDirectory(other)) {
                remove(other);
            }
        }
        if (files.size() > 1) {
            AtomicFile.write(out.resolve(INDEX), index());
        }
    }

    private static void remove(Path folder) throws IOException {
        List<Path> inside = new ArrayList<>();
        try (Stream<Path> all = Files.list(folder)) {
            all.forEach(inside::add);
        }
        for (Path file : inside) {
            Files.deleteIfExists(file);
        }
        Files.deleteIfExists(folder);
    }

    private byte[] index() throws IOException {
        ObjectMapper json = new ObjectMapper();
        Map<String, String> fileOf = new TreeMap<>();
        long bytes = 0;
        for (Map.Entry<String, List<TensorSpec>> file : files.entrySet()) {
            for (TensorSpec spec : file.getValue()) {
                fileOf.put(spec.name(), file.getKey());
                bytes += spec.byteCount();
            }
        }
        ObjectNode index = json.createObjectNode();
        index.putObject("metadata").put("total_size", bytes);
        ObjectNode map = index.putObject("weight_map");
        fileOf.forEach(map::put);
        return json.writerWithDefaultPrettyPrinter().writeValueAsBytes(index);
    }
}
