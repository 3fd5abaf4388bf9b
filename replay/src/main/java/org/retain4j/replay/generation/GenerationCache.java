package org.retain4j.replay.generation;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Keeps what models wrote on disk, a file a batch, so that an interrupted round goes on with the
 * batch it was in, and another run with the same model, options and seed writes nothing again.
 *
 * <p>A file is named by a hash of the weights and the tokenizer, of the prompts and of all options.
 * One that cannot be read is written again. Several processes may use one folder.
 */
public final class GenerationCache {

    private static final JsonMapper JSON = new JsonMapper();
    private static final TypeReference<List<Generation>> ROWS = new TypeReference<>() {};

    private final @Nullable Path folder;
    private long read;
    private long written;

    private GenerationCache(@Nullable Path folder) {
        this.folder = folder;
    }

    /** Keeps everything in a folder, which is made when it is missing. */
    public static GenerationCache in(Path folder) {
        return new GenerationCache(folder);
    }

    /** Keeps nothing. */
    public static GenerationCache none() {
        return new GenerationCache(null);
    }

    /** Makes a batch. */
    interface Batch {
        List<Generation> write() throws IOException;
    }

    /** Returns a batch from the disk, or makes and keeps it. */
    List<Generation> get(String key, int rows, Batch batch) throws IOException {
        Path file =
                folder == null
                        ? null
                        : folder.resolve(
                                Sha256.of(key.getBytes(StandardCharsets.UTF_8)).substring(0, 40)
                                        + ".json");
        if (file != null && Files.isRegularFile(file)) {
            try {
                List<Generation> known = JSON.readValue(file.toFile(), ROWS);
                if (known != null && known.size() == rows) {
                    read++;
                    return known;
                }
            } catch (com.fasterxml.jackson.core.JacksonException damaged) {
                Files.delete(file);
            }
        }
        List<Generation> made = batch.write();
        written++;
        if (file != null) {
            Files.createDirectories(folder);
            AtomicFile.write(file, JSON.writeValueAsString(made));
        }
        return made;
    }

    /** Returns the number of batches that came from the disk. */
    public long batchesRead() {
        return read;
    }

    /** Returns the number of batches that models had to write. */
    public long batchesWritten() {
        return written;
    }

    /**
     * Returns a hash of the weights and the tokenizer of a model, without what is attached to it.
     *
     * <p>Reads every weight once: about a second for half a gigabyte.
     */
    public static String hash(CausalLm model) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
        if (model.hasTokenizer()) {
            digest.update(model.tokenizer().sha256().getBytes(StandardCharsets.UTF_8));
        }
        ByteBuffer part = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        for (Parameter parameter : model.parameters()) {
            digest.update(parameter.name().getBytes(StandardCharsets.UTF_8));
            try (Scope reading = Scope.open()) {
                Tensor value = parameter.value().detach().to(Device.CPU).contiguous();
                int width = value.dtype().bytes();
                for (long done = 0; done < value.elements(); ) {
                    int count = (int) Math.min(part.capacity() / width, value.elements() - done);
                    part.clear().limit(count * width);
                    value.readBytes(done, part);
                    part.flip();
                    digest.update(part);
                    done += count;
                }
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
