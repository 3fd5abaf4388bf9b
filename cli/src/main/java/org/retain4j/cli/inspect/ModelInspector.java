package org.retain4j.cli.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.inspect.ModelFacts.ChatTemplateFacts;
import org.retain4j.cli.inspect.ModelFacts.TensorFacts;
import org.retain4j.cli.inspect.ModelFacts.TokenizerFacts;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.io.gguf.GgufModel;
import org.retain4j.core.text.AddedToken;
import org.retain4j.core.text.Tokenizer;

/**
 * Looks into model folders, adapter folders, GGUF and safetensors files without loading weights.
 *
 * <p>Stateless and safe for all threads.
 */
public final class ModelInspector {

    private static final String ADAPTER_CONFIG = "adapter_config.json";

    private static final List<String> MODEL_KEYS =
            List.of(
                    "architectures",
                    "model_type",
                    "hidden_size",
                    "n_embd",
                    "intermediate_size",
                    "n_inner",
                    "num_hidden_layers",
                    "n_layer",
                    "num_attention_heads",
                    "n_head",
                    "num_key_value_heads",
                    "head_dim",
                    "vocab_size",
                    "max_position_embeddings",
                    "n_positions",
                    "sliding_window",
                    "rope_theta",
                    "rope_scaling",
                    "rope_parameters",
                    "rotary_pct",
                    "partial_rotary_factor",
                    "hidden_act",
                    "hidden_activation",
                    "activation_function",
                    "tie_word_embeddings",
                    "torch_dtype",
                    "dtype",
                    "quantization_config",
                    "transformers_version");

    private static final List<String> ADAPTER_KEYS =
            List.of(
                    "peft_type",
                    "task_type",
                    "base_model_name_or_path",
                    "r",
                    "lora_alpha",
                    "lora_dropout",
                    "target_modules",
                    "modules_to_save",
                    "layers_to_transform",
                    "rank_pattern",
                    "alpha_pattern",
                    "bias",
                    "use_rslora",
                    "use_dora",
                    "peft_version");

    private ModelInspector() {}

    /**
     * Reads headers and the small files beside them.
     *
     * @param path a model folder, an adapter folder, or a file that ends in {@code .gguf} or {@code
     *     .safetensors}
     * @throws IOException when it is none of these, or a file in it other than those of the
     *     tokenizer is not valid; the message names the file and says what to do
     */
    public static ModelFacts inspect(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return Files.isRegularFile(path.resolve(ADAPTER_CONFIG))
                    ? adapter(path)
                    : modelFolder(path);
        }
        String name = path.toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".gguf")) {
            return gguf(path);
        }
        if (name.endsWith(".safetensors")) {
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                return facts(
                        path, "safetensors file", null, List.of(), file, SideFiles.of(path), null);
            }
        }
        throw new IOException(
                path
                        + (Files.exists(path)
                                ? " is neither a folder nor a .gguf or .safetensors file"
                                : " does not exist")
                        + "; give a model folder, an adapter folder or such a file");
    }

    private static ModelFacts modelFolder(Path folder) throws IOException {
        SideFiles files = SideFiles.of(folder);
        JsonNode config = files.json("config.json");
        if (config == null) {
            throw new IOException(
                    folder
                            + " has neither config.json nor "
                            + ADAPTER_CONFIG
                            + "; give a complete model or adapter folder");
        }
        boolean has = Files.isRegularFile(folder.resolve("tokenizer.json"));
        try (SafetensorsFolder weights = SafetensorsFolder.open(folder)) {
            List<String> notes = new ArrayList<>();
            if (weights.files().size() > 1) {
                notes.add("weights in " + weights.files().size() + " shards");
            }
            return facts(
                    folder,
                    "model folder",
                    config,
                    notes,
                    weights,
                    files,
                    has ? () -> Tokenizer.load(folder) : null);
        }
    }

    private static ModelFacts adapter(Path folder) throws IOException {
        SideFiles files = SideFiles.of(folder);
        JsonNode config = files.json(ADAPTER_CONFIG);
        Path weights = folder.resolve("adapter_model.safetensors");
        if (!Files.exists(weights) && Files.exists(folder.resolve("adapter_model.bin"))) {
            throw new IOException(
                    folder
                            + " holds its weights only as adapter_model.bin; pickle files can run"
                            + " code and are not read; save it again in Python with"
                            + " safe_serialization=True");
        }
        try (SafetensorsFile file = SafetensorsFile.open(weights)) {
            return facts(folder, "adapter folder", config, List.of(), file, files, null);
        }
    }

    private static ModelFacts gguf(Path path) throws IOException {
        try (GgufModel model = GgufModel.open(path);
                TensorSource tensors = model.tensors()) {
            Map<String, byte[]> made = new LinkedHashMap<>(model.sidecars());
            made.put("config.json", model.configJson().getBytes(StandardCharsets.UTF_8));
            String types =
                    model.storedTypes().entrySet().stream()
                            .map(type -> type.getValue() + " " + type.getKey())
                            .collect(Collectors.joining(", "));
            List<String> notes =
                    List.of(
                            "file of "
                                    + InspectionText.bytes(Files.size(path))
                                    + ", tensors stored as "
                                    + types,
                            "types and sizes below are those after decoding");
            SideFiles files = SideFiles.of(path, made);
            JsonNode config = files.json("config.json");
            return facts(
                    path,
                    "GGUF file",
                    config,
                    notes,
                    tensors,
                    files,
                    () -> Tokenizer.of(path.toString(), made));
        }
    }

    private static ModelFacts facts(
            Path path,
            String kind,
            @Nullable JsonNode config,
            List<String> notes,
            TensorSource source,
            SideFiles files,
            @Nullable TokenizerOpener opener)
            throws IOException {
        List<TensorFacts> tensors = new ArrayList<>();
        Map<ParameterPart, Long> counts = new EnumMap<>(ParameterPart.class);
        long bytes = 0;
        for (TensorInfo info : source.tensors().values()) {
            tensors.add(
                    new TensorFacts(
                            info.name(),
                            info.dtype().safetensorsName(),
                            info.shape(),
                            info.byteCount()));
            counts.merge(ParameterPart.of(info.name()), info.elementCount(), Long::sum);
            bytes += info.byteCount();
        }
        counts.remove(ParameterPart.BUFFERS);
        Map<String, Long> parameters = new LinkedHashMap<>();
        for (ParameterPart part :
                List.of(
                        ParameterPart.EMBEDDING,
                        ParameterPart.ATTENTION,
                        ParameterPart.MLP,
                        ParameterPart.NORMS,
                        ParameterPart.HEAD,
                        ParameterPart.OTHER)) {
            Long count = counts.get(part);
            if (count != null) {
                parameters.put(part.title(), count);
            }
        }
        // what is wrong with a tokenizer must not hide the rest
        String error = null;
        TokenizerFacts tokenizer = null;
        ChatTemplateFacts template = null;
        try (Tokenizer opened = opener == null ? null : opener.open()) {
            tokenizer = opened == null ? null : tokenizer(opened);
        } catch (IOException e) {
            error = String.valueOf(e.getMessage());
        }
        try {
            template = chatTemplate(files);
        } catch (IOException e) {
            error = error == null ? String.valueOf(e.getMessage()) : error;
        }
        List<String> allNotes = new ArrayList<>(notes);
        Map<String, JsonNode> keys = new LinkedHashMap<>();
        if (config != null) {
            for (String key : kind.startsWith("adapter") ? ADAPTER_KEYS : MODEL_KEYS) {
                JsonNode value = config.path(key);
                boolean empty = value.isContainerNode() && value.isEmpty();
                if (!value.isMissingNode() && !value.isNull() && !empty) {
                    keys.put(key, value);
                }
            }
            if (config.path("tie_word_embeddings").asBoolean()
                    && !counts.containsKey(ParameterPart.HEAD)) {
                allNotes.add("the head is the embedding (tie_word_embeddings)");
            }
            int rows = config.path("vocab_size").asInt();
            if (tokenizer != null && rows > 0 && tokenizer.vocabularySize() > rows) {
                allNotes.add(
                        "the tokenizer has more tokens than vocab_size; the folder mixes two"
                                + " models");
            }
        }
        return new ModelFacts(
                path.toString(),
                kind,
                keys,
                allNotes,
                tensors,
                parameters,
                counts.values().stream().mapToLong(Long::longValue).sum(),
                bytes,
                tokenizer,
                error,
                template,
                licence(path, files));
    }

    private interface TokenizerOpener {
        Tokenizer open() throws IOException;
    }

    private static TokenizerFacts tokenizer(Tokenizer tokenizer) {
        Map<String, Integer> special = new LinkedHashMap<>();
        Map<String, OptionalInt> named = new LinkedHashMap<>();
        named.put("bos", tokenizer.bosId());
        named.put("eos", tokenizer.eosId());
        named.put("pad", tokenizer.padId());
        named.put("unk", tokenizer.unkId());
        named.forEach((name, id) -> id.ifPresent(value -> special.put(name, value)));
        return new TokenizerFacts(
                tokenizer.modelType(),
                tokenizer.vocabularySize(),
                tokenizer.addedTokens().stream().map(AddedToken::content).toList(),
                special,
                tokenizer.eosIds());
    }

    /** Looks where transformers does, the file of its own first. */
    private static @Nullable ChatTemplateFacts chatTemplate(SideFiles files) throws IOException {
        String own = files.text("chat_template.jinja");
        if (own != null) {
            return template("chat_template.jinja", own);
        }
        for (String name : List.of("chat_template.json", "tokenizer_config.json")) {
            JsonNode config = files.json(name);
            JsonNode template = config == null ? null : config.get("chat_template");
            if (template != null && template.isTextual()) {
                return template(name, template.asText());
            }
            if (template != null && template.isArray() && !template.isEmpty()) {
                return template(name, template.path(0).path("template").asText());
            }
        }
        return null;
    }

    private static ChatTemplateFacts template(String origin, String text) {
        return new ChatTemplateFacts(
                origin, text.codePointCount(0, text.length()), SideFiles.firstLine(text));
    }

    private static @Nullable String licence(Path path, SideFiles files) throws IOException {
        byte[] readme = files.start("README.md", 1 << 16);
        if (readme != null) {
            List<String> lines = new String(readme, StandardCharsets.UTF_8).lines().toList();
            boolean inside = !lines.isEmpty() && lines.get(0).strip().equals("---");
            for (String line : inside ? lines.subList(1, lines.size()) : List.<String>of()) {
                if (line.strip().equals("---")) {
                    break;
                }
                if (line.startsWith("license:") && line.length() > 9) {
                    String name = line.substring(8).strip().replaceAll("^[\"']|[\"']$", "");
                    return name + " (README.md)";
                }
            }
        }
        if (!Files.isDirectory(path)) {
            return null;
        }
        try (Stream<Path> all = Files.list(path)) {
            List<String> names =
                    all.filter(Files::isRegularFile)
                            .map(file -> String.valueOf(file.getFileName()))
                            .filter(name -> name.matches("(?i)(licen[sc]e|copying)([.-].*)?"))
                            .sorted()
                            .toList();
            for (String name : names) {
                byte[] start = files.start(name, 2_000);
                if (start != null) {
                    String text = new String(start, StandardCharsets.UTF_8);
                    return SideFiles.firstLine(text) + " (" + name + ")";
                }
            }
        }
        return null;
    }
}
