package org.retain4j.core.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.TreeSet;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.core.text.Tokenizer;

/**
 * Loads pretrained models from Hugging Face folders, or the one that comes with this library.
 *
 * <p>Safe for all threads.
 */
public final class Pretrained {

    /** Name of the model that comes with this library: a story model of 260,000 parameters. */
    public static final String EMBEDDED = "embedded:stories260K";

    private static final String EMBEDDED_FOLDER = "/org/retain4j/core/embedded/stories260K/";
    private static final List<String> EMBEDDED_FILES =
            List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
    private static final List<String> SIDECARS =
            List.of(
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "generation_config.json",
                    "chat_template.jinja");

    private Pretrained() {}

    /**
     * Loads a model by name: {@value #EMBEDDED} or the path of a model folder.
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
        if (name.startsWith("embedded:")) {
            throw new ModelException(
                    "there is no embedded model \"" + name + "\"; the only one is " + EMBEDDED);
        }
        return load(Path.of(name), device, precision);
    }

    /** Loads a model from a Hugging Face folder to the default device in float32. */
    public static CausalLm load(Path folder) throws IOException {
        return load(folder, TensorEngine.defaultDevice(), Precision.F32);
    }

    /**
     * Loads a model from a Hugging Face folder with config.json, tokenizer.json and safetensors.
     *
     * @throws ModelException if the configuration asks for something unsupported, a tensor is
     *     missing, unknown or of the wrong shape, or the tokenizer belongs to another model
     */
    public static CausalLm load(Path folder, Device device, Precision precision)
            throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new ModelException(
                    "model folder "
                            + folder
                            + " does not exist; give a folder with config.json, tokenizer.json and"
                            + " model.safetensors, or "
                            + EMBEDDED);
        }
        ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
        DecoderSpec spec = spec(config);
        Map<String, byte[]> sidecars = new LinkedHashMap<>();
        for (String name : SIDECARS) {
            Path file = folder.resolve(name);
            if (Files.isRegularFile(file)) {
                sidecars.put(name, Files.readAllBytes(file));
            }
        }
        try (TensorSource files = SafetensorsFolder.open(folder)) {
            Tokenizer tokenizer = Tokenizer.load(folder);
            requireFits(tokenizer, spec, folder);
            Weights.FromFiles[] source = new Weights.FromFiles[1];
            CausalLm model =
                    CausalLm.build(
                            spec,
                            config,
                            tokenizer,
                            sidecars,
                            device,
                            precision,
                            owner -> {
                                source[0] =
                                        new Weights.FromFiles(
                                                files, folder.toString(), owner, device);
                                return source[0];
                            });
            try {
                source[0].requireAllUsed(spec.tiedHead());
                return model;
            } catch (ModelException e) {
                model.close();
                throw e;
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static void requireFits(Tokenizer tokenizer, DecoderSpec spec, Path folder)
            throws ModelException {
        if (tokenizer.vocabularySize() > spec.vocabularySize()) {
            throw new ModelException(
                    folder
                            + ": tokenizer.json has "
                            + tokenizer.vocabularySize()
                            + " tokens but config.json a vocab_size of "
                            + spec.vocabularySize()
                            + "; the tokenizer belongs to another model");
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

    private static CausalLm loadEmbedded(Device device, Precision precision) throws IOException {
        Path folder = Files.createTempDirectory("retain4j-stories260K");
        try {
            for (String name : EMBEDDED_FILES) {
                try (InputStream in =
                        Pretrained.class.getResourceAsStream(EMBEDDED_FOLDER + name)) {
                    if (in == null) {
                        throw new ModelException(
                                "resource " + EMBEDDED_FOLDER + name + " is missing in the jar");
                    }
                    Files.copy(in, folder.resolve(name));
                }
            }
            return load(folder, device, precision);
        } finally {
            for (String name : EMBEDDED_FILES) {
                Files.deleteIfExists(folder.resolve(name));
            }
            Files.deleteIfExists(folder);
        }
    }
}
