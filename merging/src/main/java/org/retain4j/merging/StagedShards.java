package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;

/**
 * Weight files that wait in a folder of their own until all are finished, so that a later run of
 * the same work can take over those that an interrupted one has finished.
 */
final class StagedShards implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String BESIDE = "beside";
    private static final String NOTES = ".json";
    private static final long MAX_NOTES = 256L << 20;
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final String PREFIX = ".retain4j-merge-";
    private static final int MAX_SHARDS = 99_999;
    private static final Pattern SHARD =
            Pattern.compile("model-[0-9]{5}-of-[0-9]{5}\\.safetensors");

    private final Path out;
    private final Path staging;
    private final Map<String, List<TensorSpec>> files;
    private final FileChannel lock;

    private StagedShards(
            Path out, Path staging, Map<String, List<TensorSpec>> files, FileChannel lock) {
        this.out = out;
        this.staging = staging;
        this.files = files;
        this.lock = lock;
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
        FileChannel lock =
                FileChannel.open(
                        out.resolve(PREFIX + "lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE);
        try {
            if (!isFree(lock)) {
                throw new MergeException(
                        "Another process merges into " + out + "; wait for it or end it");
            }
            for (Path file : list(staging)) {
                // A killed run leaves the file that it was writing.
                if (String.valueOf(file.getFileName()).startsWith(".")) {
                    Files.deleteIfExists(file);
                }
            }
            Folders.delete(staging.resolve(BESIDE));
            return new StagedShards(out, staging, files, lock);
        } catch (Throwable e) {
            lock.close();
            throw e;
        }
    }

    private static boolean isFree(FileChannel lock) throws IOException {
        try {
            return lock.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
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

    /** Writes down what is known of a file that is whole, which is what makes it finished. */
    void finish(String file, Map<String, TensorNote> notes) throws IOException {
        ObjectNode json = JSON.createObjectNode();
        notes.forEach((tensor, note) -> json.set(tensor, note.json()));
        AtomicFile.write(staging.resolve(file + NOTES), JSON.writeValueAsBytes(json));
    }

    /** Returns what is known of a file if an earlier run has finished it. */
    @Nullable Map<String, TensorNote> finished(String file) throws IOException {
        Path path = path(file);
        Path beside = staging.resolve(file + NOTES);
        if (!Files.isRegularFile(path)
                || !Files.isRegularFile(beside)
                || Files.size(beside) > MAX_NOTES) {
            return null;
        }
        List<TensorSpec> specs = files.getOrDefault(file, List.of());
        Map<String, TensorNote> notes = new TreeMap<>();
        try (SafetensorsFile stored = SafetensorsFile.open(path)) {
            JsonNode json = JSON.readTree(Files.readAllBytes(beside));
            boolean same = stored.tensors().size() == specs.size();
            for (TensorSpec spec : specs) {
                TensorInfo info = stored.tensors().get(spec.name());
                same = same && info != null && info.spec().equals(spec) && json.has(spec.name());
                notes.put(spec.name(), TensorNote.of(json.path(spec.name())));
            }
            return same ? notes : null;
        } catch (SafetensorsException | JsonProcessingException e) {
            return null;
        }
    }

    /** Returns the folder for all other files of the model. */
    Path beside() throws IOException {
        return Files.createDirectories(staging.resolve(BESIDE));
    }

    /**
     * Puts all files in place by renaming them, which needs no room on the disk.
     *
     * @param last name of the file beside the weights that says that all is there
     */
    void publish(String last) throws IOException {
        Path beside = beside();
        if (files.size() > 1) {
            AtomicFile.write(beside.resolve(INDEX), index());
        }
        Files.deleteIfExists(out.resolve(last));
        Files.deleteIfExists(out.resolve(INDEX));
        Files.deleteIfExists(out.resolve(SINGLE));
        for (Path old : list(out)) {
            if (SHARD.matcher(String.valueOf(old.getFileName())).matches()) {
                Files.deleteIfExists(old);
            }
        }
        for (String file : files.keySet()) {
            Files.move(path(file), out.resolve(file), StandardCopyOption.ATOMIC_MOVE);
        }
        for (Path file : list(beside)) {
            String name = String.valueOf(file.getFileName());
            if (!name.equals(last)) {
                Files.move(file, out.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            }
        }
        Files.move(beside.resolve(last), out.resolve(last), StandardCopyOption.ATOMIC_MOVE);
        Folders.store(out);
        close();
        for (Path other : list(out)) {
            if (String.valueOf(other.getFileName()).startsWith(PREFIX)) {
                Folders.delete(other);
            }
        }
    }

    private static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.sorted().toList();
        }
    }

    /** Lets other runs have the folder. */
    @Override
    public void close() throws IOException {
        lock.close();
    }

    private byte[] index() throws IOException {
        Map<String, String> fileOf = new TreeMap<>();
        long bytes = 0;
        for (Map.Entry<String, List<TensorSpec>> file : files.entrySet()) {
            for (TensorSpec spec : file.getValue()) {
                fileOf.put(spec.name(), file.getKey());
                bytes += spec.byteCount();
            }
        }
        ObjectNode index = JSON.createObjectNode();
        index.putObject("metadata").put("total_size", bytes);
        ObjectNode map = index.putObject("weight_map");
        fileOf.forEach(map::put);
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(index);
    }
}
