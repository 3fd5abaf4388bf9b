package org.retain4j.core.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.io.gguf.GgufModel;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.text.Tokenizer;

/**
 * The files of a model, a Hugging Face folder or a GGUF file, open for loading or converting.
 *
 * <p>Nothing of the weights is read before it is asked for. Safe for all threads.
 */
public final class ModelSource implements AutoCloseable {

    private static final List<String> SIDECARS =
            List.of(
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "added_tokens.json",
                    "tokenizer.model",
                    "vocab.json",
                    "merges.txt",
                    "generation_config.json",
                    "chat_template.jinja",
                    "chat_template.json",
                    "LICENSE",
                    "NOTICE");
    private static final String CONFIG = "config.json";
    private static final String TEMPLATES = "additional_chat_templates";
    private static final long LARGEST_SIDECAR = 256 << 20;

    private final Path path;
    private final ModelConfig config;
    private final Map<String, byte[]> sidecars;
    private final UnaryOperator<String> origins;
    private final TensorSource tensors;
    private final AutoCloseable files;

    private ModelSource(
            Path path,
            ModelConfig config,
            Map<String, byte[]> sidecars,
            UnaryOperator<String> origins,
            TensorSource tensors,
            AutoCloseable files) {
        this.path = path;
        this.config = config;
        this.sidecars = sidecars;
        this.origins = origins;
        this.tensors = tensors;
        this.files = files;
    }

    /**
     * Opens a folder or a GGUF file.
     *
     * @throws ModelException if there is no model, or its weights are in a form that is not read
     * @throws IOException if a file cannot be read or is damaged
     */
    public static ModelSource open(Path path) throws IOException {
        if (Files.isRegularFile(path)) {
            if (!path.toString().endsWith(".gguf")) {
                throw new ModelException(
                        path + " is a file but no .gguf file; give a GGUF file or a model folder");
            }
            return openGguf(path);
        }
        if (!Files.isDirectory(path)) {
            throw new ModelException(
                    "model folder "
                            + path
                            + " does not exist; give a folder with config.json, tokenizer.json and"
                            + " model.safetensors, or "
                            + Pretrained.EMBEDDED);
        }
        return openFolder(path);
    }

    private static ModelSource openGguf(Path path) throws IOException {
        GgufModel model = GgufModel.open(path);
        try {
            return new ModelSource(
                    path,
                    ModelConfig.parse(path.toString(), model.configJson()),
                    model.sidecars(),
                    name -> path + " " + name,
                    model.tensors(),
                    model);
        } catch (ModelException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private static ModelSource openFolder(Path folder) throws IOException {
        ModelConfig config = ModelConfig.read(folder.resolve(CONFIG));
        Map<String, byte[]> sidecars = new LinkedHashMap<>();
        for (String name : SIDECARS) {
            Path file = folder.resolve(name);
            if (Files.isRegularFile(file)) {
                sidecars.put(name, read(file));
            }
        }
        Path more = folder.resolve(TEMPLATES);
        if (Files.isDirectory(more)) {
            try (var list = Files.list(more)) {
                for (Path file : list.limit(100).toList()) {
                    if (file.toString().endsWith(".jinja")) {
                        sidecars.put(TEMPLATES + "/" + file.getFileName(), read(file));
                    }
                }
            }
        }
        requireSafetensors(folder);
        TensorSource tensors = SafetensorsFolder.open(folder);
        return new ModelSource(
                folder,
                config,
                sidecars,
                name -> folder.resolve(name).toString(),
                tensors,
                tensors);
    }

    private static byte[] read(Path file) throws IOException {
        if (Files.size(file) > LARGEST_SIDECAR) {
            throw new ModelException(file + " is larger than 256 MB, which no such file is");
        }
        return Files.readAllBytes(file);
    }

    /** Says how to convert where there are only weights that execute code when they are read. */
    private static void requireSafetensors(Path folder) throws IOException {
        boolean safe;
        String pickle;
        try (var list = Files.list(folder)) {
            List<String> names = list.map(file -> String.valueOf(file.getFileName())).toList();
            safe = names.stream().anyMatch(name -> name.contains(".safetensors"));
            pickle =
                    names.stream()
                            .filter(
                                    name ->
                                            name.matches(
                                                    "pytorch_model.*\\.bin|.*\\.(pt|pth|ckpt)"))
                            .findFirst()
                            .orElse("");
        }
        if (!safe && !pickle.isEmpty()) {
            throw new ModelException(
                    folder.resolve(pickle)
                            + " is a pickle, which can run code when it is read, and is not"
                            + " supported; convert it, in Python:"
                            + " AutoModelForCausalLM.from_pretrained(folder)"
                            + ".save_pretrained(target, safe_serialization=True)");
        }
    }

    /** Returns where the model lies. */
    public Path path() {
        return path;
    }

    /** Returns the configuration. */
    public ModelConfig config() {
        return config;
    }

    /** Returns the weights under their Hugging Face names. */
    public TensorSource tensors() {
        return tensors;
    }

    /** Returns the model's other files by name, those of the tokenizer for example. */
    public Map<String, byte[]> sidecars() {
        return sidecars;
    }

    /**
     * Opens the tokenizer, which the caller closes.
     *
     * @throws IOException if there is none or it cannot be used
     */
    public Tokenizer tokenizer() throws IOException {
        Map<String, byte[]> files = new HashMap<>(sidecars);
        files.put(CONFIG, config.text().getBytes(StandardCharsets.UTF_8));
        return Tokenizer.of(files, origins);
    }

    /**
     * Loads the model; it does not need this source any more afterwards.
     *
     * @throws ModelException if the configuration asks for something unsupported, a tensor is
     *     missing, unknown or of the wrong shape, or the tokenizer belongs to another model
     */
    CausalLm load(Device device, Precision precision) throws IOException {
        DecoderSpec spec = Pretrained.spec(config);
        FutureTask<Tokenizer> tokenizer = new FutureTask<>(this::tokenizer);
        Thread beside = new Thread(tokenizer, "retain4j-load-tokenizer");
        beside.setDaemon(true);
        beside.start();
        try (CausalLm weights = weights(spec, device, precision)) {
            Tokenizer fitting = result(tokenizer);
            requireFits(fitting, spec);
            return CausalLm.build(
                    spec,
                    config,
                    fitting,
                    sidecars,
                    device,
                    precision,
                    owner -> Weights.takenFrom(weights, owner));
        } catch (IOException | RuntimeException | Error e) {
            // what is wrong with the tokenizer has always been told first
            try (Tokenizer made = result(tokenizer)) {
                requireFits(made, spec);
            }
            throw e;
        }
    }

    /** Loads the model without its tokenizer; all names and shapes are checked before reading. */
    private CausalLm weights(DecoderSpec spec, Device device, Precision precision)
            throws IOException {
        Weights.FromFiles[] source = new Weights.FromFiles[1];
        CausalLm model =
                CausalLm.build(
                        spec,
                        config,
                        null,
                        sidecars,
                        device,
                        precision,
                        owner -> {
                            source[0] =
                                    new Weights.FromFiles(
                                            tensors,
                                            path.toString(),
                                            spec.names().base(),
                                            owner,
                                            device);
                            return source[0];
                        });
        try {
            source[0].requireAllUsed(spec.tiedHead(), spec.names().head());
            source[0].fill();
            return model;
        } catch (IOException | RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    /** Waits for the result of another thread, also when this one is interrupted. */
    private static Tokenizer result(FutureTask<Tokenizer> task) throws IOException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return task.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof IOException known) {
                throw known;
            }
            if (cause instanceof RuntimeException known) {
                throw known;
            }
            if (cause instanceof Error known) {
                throw known;
            }
            throw new IllegalStateException(cause);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void requireFits(Tokenizer tokenizer, DecoderSpec spec) throws ModelException {
        if (tokenizer.vocabularySize() > spec.vocabularySize()) {
            throw new ModelException(
                    path
                            + ": tokenizer.json has "
                            + tokenizer.vocabularySize()
                            + " tokens but config.json a vocab_size of "
                            + spec.vocabularySize()
                            + "; the tokenizer belongs to another model");
        }
    }

    /**
     * Writes the model as a Hugging Face folder, tensor by tensor, without loading it.
     *
     * @param folder target, made if missing
     * @param type type of the weights: float32, float16 or bfloat16, each rounded once; null keeps
     *     theirs
     * @param maxShardSize largest size of a weight file in bytes, exceeded only by a single tensor
     * @param progress told of the bytes written
     * @throws ModelException if the model is of a kind that is not supported
     * @throws IOException if the target is the source's own folder or cannot be written
     */
    public void convert(
            Path folder, @Nullable DType type, long maxShardSize, TensorCopy.Progress progress)
            throws IOException {
        Pretrained.spec(config);
        try {
            TensorCopy.copy(tensors, folder, type, maxShardSize, progress);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        String text = type == null ? config.text() : config.textWithDtype(type);
        ModelWriter.writeBeside(folder, text, sidecars);
    }

    /** Closes the files. */
    @Override
    public void close() throws IOException {
        try {
            files.close();
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException(path + " cannot be closed: " + e.getMessage(), e);
        }
    }
}
