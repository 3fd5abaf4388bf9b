package org.retain4j.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * Writes the weights of a model folder in Hugging Face layout, in one file or in shards, without
 * holding them in memory.
 *
 * <p>Files, their contents and the index are those of {@code save_pretrained} for the same tensors
 * in the same order: {@code model.safetensors}, or {@code model-00001-of-0000N.safetensors} with
 * {@code model.safetensors.index.json}.
 *
 * <p>All files are first written completely, fsynced, into a hidden folder {@code .retain4j-*.tmp}
 * inside the target; until {@link #commit()} the folder keeps the weights that it had. Then, for a
 * single file, it replaces {@code model.safetensors} in one step, after which an older index and
 * its shards are removed. For shards, first an older index and single file are removed, then the
 * shards are renamed into place, older shards of other names are removed, and the index comes last.
 * A process killed in between leaves a folder that has no index, which readers refuse, never one
 * with weights of two saves. Other files of the folder are not touched.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class ShardedWriter implements AutoCloseable {

    private final Path folder;
    private final Path staging;
    private final ShardPlan plan;
    private final Map<String, String> metadata;
    private final Map<String, String> fileOf = new HashMap<>();
    private final Map<String, Long> missing = new HashMap<>();
    private final Map<String, SafetensorsWriter> open = new HashMap<>();
    private boolean finished;

    private ShardedWriter(Path folder, ShardPlan plan, Map<String, String> metadata) {
        this.folder = folder;
        this.plan = plan;
        this.metadata = Map.copyOf(metadata);
        this.staging = folder.resolve(".retain4j-" + UUID.randomUUID() + ".tmp");
    }

    /**
     * Starts writing.
     *
     * @param folder target, made if missing
     * @param tensors what will be written; their order decides which file each goes into
     * @param metadata text entries for every file's header; transformers wants {@code format=pt}
     * @param maxShardBytes largest number of bytes of tensors in a file, unless one tensor has more
     * @throws SafetensorsException when a name is given twice or reserved, or a header is over the
     *     format's limit
     * @throws IllegalArgumentException when the size is below 1 or leads to more than 99,999 shards
     * @throws IOException when the folder is not writable
     */
    public static ShardedWriter create(
            Path folder,
            Collection<TensorSpec> tensors,
            Map<String, String> metadata,
            long maxShardBytes)
            throws IOException {
        ShardPlan plan = ShardPlan.of(tensors, maxShardBytes);
        ShardedWriter writer = new ShardedWriter(folder, plan, metadata);
        writer.checkNames();
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new IOException(
                    "Cannot write weights to " + folder + ": it is not a folder; choose another");
        }
        try {
            Files.createDirectories(folder);
            Files.createDirectory(writer.staging);
        } catch (IOException e) {
            throw new IOException(
                    "Cannot write weights to "
                            + folder
                            + ": the folder cannot be made or written ("
                            + e
                            + "); choose another or allow writing",
                    e);
        }
        try {
            // Also makes the files of shards that have no bytes at all.
            for (String file : plan.files().keySet()) {
                if (writer.missing.getOrDefault(file, 0L) == 0) {
                    writer.finish(file);
                }
            }
        } catch (Throwable e) {
            writer.close();
            throw e;
        }
        return writer;
    }

    private void checkNames() throws IOException {
        for (Map.Entry<String, List<TensorSpec>> file : plan.files().entrySet()) {
            Path target = folder.resolve(file.getKey());
            SafetensorsHeader.plan(target, file.getValue(), metadata).encode(target);
            for (TensorSpec tensor : file.getValue()) {
                if (fileOf.put(tensor.name(), file.getKey()) != null) {
                    throw new SafetensorsException(
                            "Cannot write weights to "
                                    + folder
                                    + ": the tensor name "
                                    + SafetensorsHeader.quote(tensor.name())
                                    + " is given twice; expected different names");
                }
                missing.merge(file.getKey(), tensor.byteCount(), Math::addExact);
            }
        }
    }

    /** Returns the tensors by the name of the file that they go into, both in order. */
    public Map<String, List<TensorSpec>> files() {
        return plan.files();
    }

    /**
     * Appends the rest of a buffer to a tensor.
     *
     * <p>Tensors may come in any order, each in as many parts as needed; in the order in which they
     * were declared, at most two files are open at a time.
     *
     * @param bytes little-endian elements in row-major order; part of an element is fine
     * @throws IllegalArgumentException when the tensor was not declared or would get too many bytes
     * @throws IllegalStateException when the writer is committed or closed
     * @throws IOException when the disk does not take them
     */
    public void write(String name, ByteBuffer bytes) throws IOException {
        requireUnfinished();
        String file = fileOf.get(name);
        if (file == null) {
            throw new IllegalArgumentException(
                    folder + " was not declared to hold " + SafetensorsHeader.quote(name));
        }
        long count = bytes.remaining();
        if (count == 0) {
            return;
        }
        if (missing.getOrDefault(file, 0L) < count) {
            throw new IllegalArgumentException(
                    "Tensor "
                            + SafetensorsHeader.quote(name)
                            + " would get more bytes than its shape and type have; "
                            + count
                            + " bytes do not fit");
        }
        shard(file).write(name, bytes);
        if (missing.merge(file, -count, Long::sum) == 0) {
            finish(file);
        }
    }

    private SafetensorsWriter shard(String file) throws IOException {
        SafetensorsWriter writer = open.get(file);
        if (writer == null) {
            List<TensorSpec> tensors = plan.files().getOrDefault(file, List.of());
            writer = SafetensorsWriter.create(staging.resolve(file), tensors, metadata);
            open.put(file, writer);
        }
        return writer;
    }

    private void finish(String file) throws IOException {
        try (SafetensorsWriter writer = shard(file)) {
            writer.commit();
        } finally {
            open.remove(file);
        }
    }

    /**
     * Puts the complete weights in place; nothing can be written after it.
     *
     * @throws IllegalStateException when bytes of a tensor are missing, or it was committed or
     *     closed already
     * @throws IOException when that fails; the class comment says what the folder may then hold
     */
    public void commit() throws IOException {
        requireUnfinished();
        for (SafetensorsWriter incomplete : open.values()) {
            incomplete.commit();
        }
        missing.forEach(
                (file, count) -> {
                    if (count != 0) {
                        throw new IllegalStateException(
                                "Cannot finish "
                                        + folder.resolve(file)
                                        + ": "
                                        + count
                                        + " bytes of its tensors are missing; write the rest"
                                        + " first");
                    }
                });
        try {
            publish();
        } catch (IOException e) {
            throw new IOException(
                    "Cannot put the weights in place in "
                            + folder
                            + " ("
                            + e
                            + "); check the folder's permissions and save again",
                    e);
        }
        close();
    }

    private void publish() throws IOException {
        if (!plan.isSingle()) {
            Files.deleteIfExists(folder.resolve(ShardPlan.INDEX));
            Files.deleteIfExists(folder.resolve(ShardPlan.SINGLE));
            Folders.store(folder);
        }
        for (String file : plan.files().keySet()) {
            Files.move(staging.resolve(file), folder.resolve(file), StandardCopyOption.ATOMIC_MOVE);
        }
        Folders.store(folder);
        if (plan.isSingle()) {
            Files.deleteIfExists(folder.resolve(ShardPlan.INDEX));
        }
        for (Path old : olderShards()) {
            Files.deleteIfExists(old);
        }
        if (!plan.isSingle()) {
            AtomicFile.write(folder.resolve(ShardPlan.INDEX), ShardIndex.of(plan));
        }
    }

    private List<Path> olderShards() throws IOException {
        Set<String> ours = new HashSet<>(plan.files().keySet());
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(
                            path -> {
                                String name = String.valueOf(path.getFileName());
                                return ShardPlan.SHARD_NAME.matcher(name).matches()
                                        && !ours.contains(name)
                                        && !Files.isDirectory(path);
                            })
                    .toList();
        }
    }

    private void requireUnfinished() {
        if (finished) {
            throw new IllegalStateException(
                    "The weights of " + folder + " are committed or closed already");
        }
    }

    /** Drops what was not committed; closing twice does nothing. */
    @Override
    public void close() throws IOException {
        if (finished) {
            return;
        }
        finished = true;
        IOException failure = null;
        for (SafetensorsWriter writer : open.values()) {
            try {
                writer.close();
            } catch (IOException e) {
                failure = e;
            }
        }
        open.clear();
        if (Files.isDirectory(staging)) {
            for (String file : plan.files().keySet()) {
                Files.deleteIfExists(staging.resolve(file));
            }
            Files.delete(staging);
        }
        if (failure != null) {
            throw failure;
        }
    }
}
