package org.retain4j.core.natives;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The record of what a JNI library that was built here belongs to, kept as JSON beside it.
 *
 * @param djl version of DJL that the sources are of
 * @param libtorch full version of the libtorch that it was compiled against
 * @param commit commit that this libtorch was made from, empty where its files do not say
 * @param size bytes of {@code libtorch_cpu}, which tell builds of one version apart
 * @param flavor {@code cpu}, or {@code cu} with the CUDA version
 * @param sha256 of the JNI library
 */
record JniPair(
        String djl, String libtorch, String commit, long size, String flavor, String sha256) {

    private static final ObjectMapper JSON =
            new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final long MAX_RECORD = 1 << 16;
    private static final long MAX_LIBRARY = 1 << 28;

    /** Returns where the record of a JNI library lies. */
    static Path file(Path library) {
        return library.resolveSibling(library.getFileName() + ".json");
    }

    /**
     * Reads the record of a library.
     *
     * @throws IOException if there is none, or it is damaged
     */
    static JniPair read(Path library) throws IOException {
        Path file = file(library);
        if (!Files.isRegularFile(file)) {
            throw new IOException("it has no record " + file.getFileName() + " beside it");
        }
        if (Files.size(file) > MAX_RECORD) {
            throw new IOException(file + " is too large for a record");
        }
        JsonNode node;
        try {
            node = JSON.readTree(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new IOException(file + " is not JSON", e);
        }
        return new JniPair(
                text(file, node, "djl"),
                text(file, node, "libtorch"),
                text(file, node, "commit"),
                node.path("size").asLong(-1),
                text(file, node, "flavor"),
                text(file, node, "sha256"));
    }

    private static String text(Path file, JsonNode node, String key) throws IOException {
        JsonNode value = node.path(key);
        if (!value.isTextual()) {
            throw new IOException(file + " has no text \"" + key + "\"");
        }
        return value.textValue();
    }

    /** Writes the record of a library. */
    void write(Path library) throws IOException {
        ObjectNode node = JSON.createObjectNode();
        node.put("djl", djl)
                .put("libtorch", libtorch)
                .put("commit", commit)
                .put("size", size)
                .put("flavor", flavor)
                .put("sha256", sha256);
        Files.write(file(library), JSON.writeValueAsBytes(node));
    }

    /**
     * Returns why a library does not belong to a libtorch, or null when it does.
     *
     * @param library the JNI library that this is the record of
     */
    @Nullable String mismatch(String djlVersion, LibtorchFiles torch, Path library)
            throws IOException {
        if (!djl.equals(djlVersion)) {
            return "it was built from the sources of DJL " + djl + ", not " + djlVersion;
        }
        if (!libtorch.equals(torch.version())) {
            return "it was built for libtorch " + libtorch;
        }
        if (!commit.equals(torch.commit()) || size != torch.size()) {
            return "it was built for another build of libtorch " + libtorch;
        }
        if (!sha256.equals(sha256(library))) {
            return "the library is not the one that its record describes";
        }
        return null;
    }

    /** Returns the checksum of a library. */
    static String sha256(Path library) throws IOException {
        if (Files.size(library) > MAX_LIBRARY) {
            throw new IOException(library + " is too large for a JNI library");
        }
        try (InputStream in = Files.newInputStream(library)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(in.readAllBytes()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
