package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.TensorInfo;

/** What lies beside the weights of a model folder, and hashes of the weights themselves. */
final class ModelFolder {

    private static final int LISTED = 8;
    private static final int PART = 1 << 19;
    private static final long MAX_BESIDE = 64L << 20;

    private ModelFolder() {}

    /** Hash of names, types, shapes and bytes of tensors, the same however they are sharded. */
    static final class TensorHash {

        private final Map<String, byte[]> done = new TreeMap<>();
        private MessageDigest digest = sha256();
        private String name = "";

        void start(TensorInfo info) {
            finish();
            name = info.name();
            digest.update(
                    (info.dtype() + " " + info.shape() + "\n").getBytes(StandardCharsets.UTF_8));
        }

        void add(ByteBuffer bytes) {
            digest.update(bytes);
        }

        String value() {
            finish();
            MessageDigest all = sha256();
            done.forEach(
                    (tensor, hash) -> {
                        all.update((tensor + "\n").getBytes(StandardCharsets.UTF_8));
                        all.update(hash);
                    });
            return HexFormat.of().formatHex(all.digest());
        }

        private void finish() {
            if (!name.isEmpty()) {
                done.put(name, digest.digest());
                digest = sha256();
                name = "";
            }
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java platform has SHA-256", e);
            }
        }
    }

    static String hashOfTensors(Weights weights) throws IOException {
        TensorHash hash = new TensorHash();
        ByteBuffer part = ByteBuffer.allocate(PART);
        for (TensorInfo info : weights.tensors().values()) {
            hash.start(info);
            for (long at = 0; at < info.byteCount(); at += PART) {
                part.clear().limit((int) Math.min(PART, info.byteCount() - at));
                weights.bytes(info, at, part);
                hash.add(part.flip());
            }
        }
        return hash.value();
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
                        || name.startsWith(".");
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
