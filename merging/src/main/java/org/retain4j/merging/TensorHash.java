package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.tensor.DType;

/** Hash of names, types, shapes and bytes of tensors, the same however they are sharded. */
final class TensorHash {

    private static final int PART = 1 << 19;

    private final Map<String, String> done = new TreeMap<>();
    private MessageDigest digest = sha256();
    private String name = "";

    void start(TensorInfo info) {
        finish();
        name = info.name();
        digest = digest(info.dtype(), info.shape());
    }

    void add(ByteBuffer bytes) {
        digest.update(bytes);
    }

    String value() {
        finish();
        return combined(done);
    }

    private void finish() {
        if (!name.isEmpty()) {
            done.put(name, hex(digest));
            name = "";
        }
    }

    /** Returns the start of the hash of one tensor, to which its bytes are added. */
    static MessageDigest digest(DType dtype, List<Long> shape) {
        MessageDigest digest = sha256();
        digest.update((dtype + " " + shape + "\n").getBytes(StandardCharsets.UTF_8));
        return digest;
    }

    static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Returns the hash of all tensors from the hashes of each. */
    static String combined(Map<String, String> hashes) {
        MessageDigest all = sha256();
        new TreeMap<>(hashes)
                .forEach(
                        (tensor, hash) -> {
                            all.update((tensor + "\n").getBytes(StandardCharsets.UTF_8));
                            all.update(HexFormat.of().parseHex(hash));
                        });
        return hex(all);
    }

    /** Returns the hash of a stored tensor. */
    static String of(Weights weights, TensorInfo info) throws IOException {
        MessageDigest digest = digest(info.dtype(), info.shape());
        ByteBuffer part = ByteBuffer.allocate(PART);
        for (long at = 0; at < info.byteCount(); at += PART) {
            part.clear().limit((int) Math.min(PART, info.byteCount() - at));
            weights.bytes(info, at, part);
            digest.update(part.flip());
        }
        return hex(digest);
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
