package org.retain4j.lora;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * An adapter folder of PEFT, open for reading: {@code adapter_config.json} and {@code
 * adapter_model.safetensors}.
 *
 * <p>Names, ranks and shapes are checked when it is opened, numbers when they are read.
 */
final class StoredAdapter implements AutoCloseable {

    static final String WEIGHTS = "adapter_model.safetensors";
    static final String PREFIX = "base_model.model.";

    private static final Pattern SAFE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");
    private static final int PART = 1 << 18;

    private final Path folder;
    private final LoraConfig config;
    private final boolean transposed;
    private final SafetensorsFile file;
    private final Map<String, Matrices> modules = new TreeMap<>();
    private final Map<String, String> wholes = new LinkedHashMap<>();
    private final Map<String, String> tokenRows = new LinkedHashMap<>();

    /**
     * Keys of the tensors of one module.
     *
     * @param magnitude key of DoRA's lengths, or null
     * @param isEmbedding whether A is {@code [r, rows]} of a table
     */
    record Matrices(String a, String b, @Nullable String magnitude, boolean isEmbedding) {}

    private StoredAdapter(Path folder, ConfigFile config, SafetensorsFile file) {
        this.folder = folder;
        this.config = config.config();
        this.transposed = config.transposed();
        this.file = file;
    }

    /**
     * Opens a folder.
     *
     * @throws LoraException if a file is missing or damaged, or a tensor missing, unknown or of a
     *     shape that does not fit
     */
    static StoredAdapter open(Path folder) throws LoraException {
        if (!Files.isDirectory(folder)) {
            throw new LoraException(
                    "adapter folder "
                            + folder
                            + " does not exist; give a folder with "
                            + ConfigFile.NAME
                            + " and "
                            + WEIGHTS);
        }
        ConfigFile config = ConfigFile.read(folder.resolve(ConfigFile.NAME));
        Path weights = folder.resolve(WEIGHTS);
        if (!Files.exists(weights) && Files.exists(folder.resolve("adapter_model.bin"))) {
            throw new LoraException(
                    folder.resolve("adapter_model.bin")
                            + " is a pickle, which can run code when it is read, and is not"
                            + " supported; save it again in Python with"
                            + " safe_serialization=True");
        }
        SafetensorsFile file;
        try {
            file = SafetensorsFile.open(weights);
        } catch (IOException e) {
            throw new LoraException("adapter " + folder + ": " + e.getMessage(), e);
        }
        StoredAdapter adapter = new StoredAdapter(folder, config, file);
        try {
            adapter.index();
            return adapter;
        } catch (LoraException | RuntimeException e) {
            adapter.close();
            throw e;
        }
    }

    /** Returns the sub-folder that PEFT keeps a named adapter in; {@code default} has none. */
    static Path folderOf(Path folder, String name) {
        requireName(name);
        return name.equals(Lora.DEFAULT) ? folder : folder.resolve(name);
    }

    static void requireName(String name) {
        if (!SAFE_NAME.matcher(name).matches() || name.contains("..")) {
            throw new IllegalArgumentException(
                    "adapter name \""
                            + (name.length() > 100 ? name.substring(0, 100) + "…" : name)
                            + "\" cannot be the name of a folder; use letters, digits, . _ and -");
        }
    }

    private LoraException wrong(String message) {
        return new LoraException(folder.resolve(WEIGHTS) + ": " + message);
    }

    private void index() throws LoraException {
        Map<String, Map<String, String>> parts = new TreeMap<>();
        for (TensorInfo info : file.tensors().values()) {
            String key = info.name();
            if (!info.dtype().isFloatingPoint()) {
                throw wrong(key + " is " + info.dtype() + "; expected floating-point numbers");
            }
            if (!key.startsWith(PREFIX)) {
                throw wrong(
                        "tensor "
                                + key
                                + " does not begin with "
                                + PREFIX
                                + "; this is no adapter of a causal language model");
            }
            String name = key.substring(PREFIX.length());
            if (name.endsWith(".token_adapter.trainable_tokens_delta")) {
                tokenRows.put(cut(name, ".token_adapter.trainable_tokens_delta"), key);
                continue;
            }
            String[] ends = {
                ".lora_A.weight",
                ".lora_B.weight",
                ".lora_embedding_A",
                ".lora_embedding_B",
                ".lora_magnitude_vector"
            };
            boolean found = false;
            for (String end : ends) {
                if (name.endsWith(end)) {
                    parts.computeIfAbsent(cut(name, end), module -> new TreeMap<>()).put(end, key);
                    found = true;
                }
            }
            if (!found && name.contains(".lora_")) {
                throw wrong("tensor " + key + " belongs to a kind of LoRA that is not supported");
            }
            if (!found) {
                wholes.put(name.replace(".base_layer.", "."), key);
            }
        }
        for (Map.Entry<String, Map<String, String>> entry : parts.entrySet()) {
            modules.put(entry.getKey(), matrices(entry.getKey(), entry.getValue()));
        }
        if (modules.isEmpty() && wholes.isEmpty() && tokenRows.isEmpty()) {
            throw wrong("there is no tensor in it; expected pairs of lora_A and lora_B");
        }
    }

    private static String cut(String name, String end) {
        return name.substring(0, name.length() - end.length());
    }

    private Matrices matrices(String module, Map<String, String> parts) throws LoraException {
        boolean embedding = parts.keySet().stream().anyMatch(end -> end.contains("embedding"));
        String first = embedding ? ".lora_embedding_A" : ".lora_A.weight";
        String second = embedding ? ".lora_embedding_B" : ".lora_B.weight";
        String a = parts.get(first);
        String b = parts.get(second);
        if (a == null || b == null) {
            throw wrong(
                    PREFIX
                            + module
                            + (a == null ? first : second)
                            + " is missing; "
                            + module
                            + " has only "
                            + String.join(", ", parts.values()));
        }
        String magnitude = parts.get(".lora_magnitude_vector");
        if ((magnitude != null) != config.useDora()) {
            throw wrong(
                    module
                            + (magnitude == null ? " has no" : " has a")
                            + " lora_magnitude_vector, but use_dora is "
                            + config.useDora()
                            + " in "
                            + ConfigFile.NAME);
        }
        List<Long> shapeA = shape(a);
        List<Long> shapeB = shape(b);
        if (shapeA.size() != 2 || shapeB.size() != 2 || !shapeA.get(0).equals(shapeB.get(1))) {
            throw wrong(
                    a
                            + " has shape "
                            + shapeA
                            + " and "
                            + b
                            + " "
                            + shapeB
                            + "; expected [r, in] and [out, r]");
        }
        int rank = config.rankOf(module);
        if (shapeA.get(0) != rank) {
            throw wrong(
                    a + " has rank " + shapeA.get(0) + " but " + ConfigFile.NAME + " says " + rank);
        }
        if (magnitude != null) {
            long out = shapeB.get(0);
            if (!shape(magnitude).equals(List.of(out))) {
                throw wrong(
                        magnitude + " has shape " + shape(magnitude) + "; expected [" + out + "]");
            }
        }
        return new Matrices(a, b, magnitude, embedding);
    }

    Path folder() {
        return folder;
    }

    LoraConfig config() {
        return config;
    }

    /** Returns whether the file says that layers store weights as {@code [in, out]}. */
    boolean isTransposed() {
        return transposed;
    }

    /** Returns adapted modules by name, sorted. */
    Map<String, Matrices> modules() {
        return Collections.unmodifiableMap(modules);
    }

    /** Returns keys of parameters that are stored whole, by the parameter's name in the model. */
    Map<String, String> wholes() {
        return Collections.unmodifiableMap(wholes);
    }

    /** Returns keys of trained rows of embeddings, by the embedding's name. */
    Map<String, String> tokenRows() {
        return Collections.unmodifiableMap(tokenRows);
    }

    List<Long> shape(String key) {
        TensorInfo info = file.tensors().get(key);
        return info == null ? List.of() : info.shape();
    }

    long elements() {
        return file.tensors().values().stream().mapToLong(TensorInfo::elementCount).sum();
    }

    long bytes() {
        return file.tensors().values().stream().mapToLong(TensorInfo::byteCount).sum();
    }

    List<String> types() {
        return file.tensors().values().stream()
                .map(info -> info.dtype().toString())
                .distinct()
                .toList();
    }

    /**
     * Reads a tensor as float32 to the CPU, into the scope of the caller.
     *
     * @throws LoraException if a number is not finite
     */
    Tensor read(String key) throws LoraException {
        try {
            Tensor value = floats(file, file.tensor(key));
            if (!value.allFinite()) {
                throw notFinite(key);
            }
            return value;
        } catch (LoraException e) {
            throw e;
        } catch (IOException e) {
            throw new LoraException("adapter " + folder + ": " + e.getMessage(), e);
        }
    }

    /**
     * Reads a tensor as float32 numbers.
     *
     * @throws LoraException if a number is not finite
     */
    float[] floats(String key) throws LoraException {
        try {
            TensorInfo info = file.tensor(key);
            if (info.elementCount() > 1 << 29) {
                throw wrong(key + " has more than 2^29 numbers");
            }
            float[] values = new float[(int) info.elementCount()];
            int width = info.dtype().bytes();
            ByteBuffer converted =
                    ByteBuffer.allocateDirect(Math.min(PART, values.length) * Float.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < values.length; at += PART) {
                int count = Math.min(PART, values.length - at);
                ByteBuffer raw = file.map(key, (long) at * width, count * width);
                converted.clear();
                ElementConversion.convert(info.dtype(), raw, DType.FLOAT32, converted);
                converted.flip().asFloatBuffer().get(values, at, count);
            }
            for (float value : values) {
                if (!Float.isFinite(value)) {
                    throw notFinite(key);
                }
            }
            return values;
        } catch (LoraException e) {
            throw e;
        } catch (IOException e) {
            throw new LoraException("adapter " + folder + ": " + e.getMessage(), e);
        }
    }

    private LoraException notFinite(String key) {
        return wrong(key + " holds NaN or infinite numbers; the training went wrong");
    }

    /** Reads a whole tensor as float32 to the CPU, into the scope of the caller. */
    static Tensor floats(TensorSource source, TensorInfo info) throws IOException {
        long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
        Tensor value = Tensor.empty(DType.FLOAT32, Device.CPU, shape);
        int width = info.dtype().bytes();
        ByteBuffer raw = ByteBuffer.allocateDirect(PART * width).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer converted =
                ByteBuffer.allocateDirect(PART * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long at = 0; at < info.byteCount(); at += (long) PART * width) {
            raw.clear().limit((int) Math.min((long) PART * width, info.byteCount() - at));
            source.read(info.name(), at, raw);
            raw.flip();
            converted.clear();
            ElementConversion.convert(info.dtype(), raw, DType.FLOAT32, converted);
            value.writeBytes(at / width, converted.flip());
        }
        return value;
    }

    /**
     * Returns what the adapter adds to a weight {@code [out, in]}, of a plain LoRA, in the scope of
     * the caller; {@code [rows, width]} for an embedding.
     */
    Tensor delta(String module) throws LoraException {
        Matrices own = modules.get(module);
        if (own == null) {
            throw wrong("there is no adapter of " + module);
        }
        try (Scope scope = Scope.open()) {
            Tensor product = read(own.b()).matmul(read(own.a())).mul(config.scaleOf(module));
            return scope.passOut(
                    own.isEmbedding() ? product.transpose(0, 1).contiguous() : product);
        }
    }

    /** Refuses a start that took a part out of a base weight, unless whoever asks restores it. */
    void requireOwnBase() throws LoraException {
        if (config.changesBase()) {
            throw new LoraException(
                    folder
                            + " was saved with init_lora_weights "
                            + config.initLoraWeights()
                            + ", which changes the base weights; load it and save it again to get"
                            + " an adapter of the unchanged base");
        }
    }

    /** Returns the names of sub-folders that hold further adapters. */
    static List<String> named(Path folder) throws LoraException {
        List<String> names = new ArrayList<>();
        try (var list = Files.list(folder)) {
            for (Path path : list.limit(10_000).toList()) {
                if (Files.isRegularFile(path.resolve(ConfigFile.NAME))) {
                    String name = String.valueOf(path.getFileName());
                    if (SAFE_NAME.matcher(name).matches()) {
                        names.add(name);
                    }
                }
            }
        } catch (IOException e) {
            throw new LoraException(folder + " cannot be listed: " + e.getMessage(), e);
        }
        Collections.sort(names);
        return names;
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
