package org.retain4j.core.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.hub.DownloadListener;
import org.retain4j.core.hub.Hub;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;

/**
 * Loads pretrained models: Hugging Face folders, GGUF files, models of the Hugging Face hub, or the
 * one that comes with this library.
 *
 * <p>Safe for all threads.
 */
public final class Pretrained {

    /** Name of the model that comes with this library: a story model of 260,000 parameters. */
    public static final String EMBEDDED = "embedded:stories260K";

    private static final String EMBEDDED_FOLDER = "/org/retain4j/core/embedded/stories260K/";
    private static final List<String> EMBEDDED_FILES =
            List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");

    private Pretrained() {}

    /**
     * Loads a model by name to the default device in float32; names are those of {@link #locate}.
     *
     * @throws ModelException if it cannot be used; the message names file, key or tensor
     */
    public static CausalLm load(String name) throws IOException {
        return load(name, TensorEngine.defaultDevice(), Precision.F32);
    }

    /** Loads a model by name to a device; otherwise as {@link #load(String)}. */
    public static CausalLm load(String name, Device device, Precision precision)
            throws IOException {
        if (name.equals(EMBEDDED)) {
            return loadEmbedded(device, precision);
        }
        return load(locate(name, DownloadListener.NONE), device, precision);
    }

    /** Loads a model from a folder or GGUF file to the default device in float32. */
    public static CausalLm load(Path path) throws IOException {
        return load(path, TensorEngine.defaultDevice(), Precision.F32);
    }

    /**
     * Loads a model from a Hugging Face folder with config.json, tokenizer.json and safetensors, or
     * from a GGUF file.
     *
     * @throws ModelException if the configuration asks for something unsupported, a tensor is
     *     missing, unknown or of the wrong shape, or the tokenizer belongs to another model
     */
    public static CausalLm load(Path path, Device device, Precision precision) throws IOException {
        try (ModelSource source = ModelSource.open(path)) {
            return source.load(device, precision);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /**
     * Finds the folder or file of a model, and downloads it where that is needed.
     *
     * <p>A name is the path of a folder or {@code .gguf} file that exists, or else the name of a
     * repository on the Hugging Face hub, {@code org/name}, {@code org/name@revision} or {@code
     * org/name/file.gguf}. Downloads go to the cache that Python programs share; {@code HF_HOME},
     * {@code HF_ENDPOINT}, {@code HF_TOKEN} and {@code HF_HUB_OFFLINE} work as there. See {@link
     * Hub}.
     *
     * @param listener told of the progress of a download
     * @throws ModelException if there is neither such a path nor can it be a repository
     * @throws IOException if the download fails
     */
    public static Path locate(String name, DownloadListener listener) throws IOException {
        if (name.startsWith("embedded:")) {
            throw new ModelException(
                    name.equals(EMBEDDED)
                            ? EMBEDDED + " is no file, it lies in the library; load it by name"
                            : "there is no embedded model \""
                                    + name
                                    + "\"; the only one is "
                                    + EMBEDDED);
        }
        Path path = path(name);
        if (path != null && Files.exists(path)) {
            return path;
        }
        int at = name.indexOf('@');
        String where = at < 0 ? name : name.substring(0, at);
        String revision = at < 0 ? Hub.MAIN : name.substring(at + 1);
        String[] parts = where.split("/", 3);
        if (parts.length == 3
                && parts[2].endsWith(".gguf")
                && Hub.isRepoId(parts[0] + "/" + parts[1])) {
            return Hub.fromEnvironment()
                    .downloadFile(parts[0] + "/" + parts[1], revision, parts[2], listener);
        }
        if (parts.length == 2 && Hub.isRepoId(where) && !where.endsWith(".gguf")) {
            return Hub.fromEnvironment().download(where, revision, listener);
        }
        throw new ModelException(
                "model "
                        + name
                        + " does not exist; give a folder with config.json, tokenizer.json and"
                        + " model.safetensors, a .gguf file, a name of the Hugging Face hub such as"
                        + " HuggingFaceTB/SmolLM2-135M, or "
                        + EMBEDDED);
    }

    private static @Nullable Path path(String name) {
        try {
            return Path.of(name);
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /**
     * Finds the family of a configuration and reads it.
     *
     * @throws ModelException if no family knows the model_type, with the list of those known
     */
    public static DecoderSpec spec(ModelConfig config) throws ModelException {
        Map<String, ModelFamily> families = new TreeMap<>();
        for (ModelFamily family :
                ServiceLoader.load(ModelFamily.class, Pretrained.class.getClassLoader())) {
            family.modelTypes().forEach(type -> families.put(type, family));
        }
        ModelFamily family = families.get(config.modelType());
        if (family == null) {
            throw new ModelException(
                    config.origin()
                            + ": model_type \""
                            + config.modelType()
                            + "\" is not supported; supported are "
                            + String.join(", ", new TreeSet<>(families.keySet())));
        }
        return family.spec(config);
    }

    /**
     * Writes the files of the model that comes with this library into a folder.
     *
     * @param folder an existing folder
     * @throws IOException if it cannot be written or has one of the files
     */
    public static void writeEmbedded(Path folder) throws IOException {
        for (String name : EMBEDDED_FILES) {
            try (InputStream in = Pretrained.class.getResourceAsStream(EMBEDDED_FOLDER + name)) {
                if (in == null) {
                    throw new ModelException(
                            "resource " + EMBEDDED_FOLDER + name + " is missing in the jar");
                }
                Files.copy(in, folder.resolve(name));
            }
        }
    }

    private static CausalLm loadEmbedded(Device device, Precision precision) throws IOException {
        Path folder = Files.createTempDirectory("retain4j-stories260K");
        try {
            writeEmbedded(folder);
            return load(folder, device, precision);
        } finally {
            for (String name : EMBEDDED_FILES) {
                Files.deleteIfExists(folder.resolve(name));
            }
            Files.deleteIfExists(folder);
        }
    }
}
