package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.inspect.ParameterPart;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.DecoderSpec;
import org.retain4j.core.model.ModelSource;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.core.text.jinja.TemplateException;
import org.retain4j.finetune.data.ChatFormat;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.lora.Osf;

/** The model that a run starts from, known before its weights are loaded. */
final class BaseModel implements AutoCloseable {

    private final String name;
    private final @Nullable Path path;
    private final DecoderSpec spec;
    private final Tokenizer tokenizer;
    private final @Nullable ChatFormat chat;
    private final Map<String, Long> parameters;
    private @Nullable CausalLm embedded;
    private @Nullable CausalLm spare;

    private BaseModel(
            String name,
            @Nullable Path path,
            DecoderSpec spec,
            Tokenizer tokenizer,
            @Nullable ChatFormat chat,
            Map<String, Long> parameters) {
        this.name = name;
        this.path = path;
        this.spec = spec;
        this.tokenizer = tokenizer;
        this.chat = chat;
        this.parameters = parameters;
    }

    /**
     * Opens a model.
     *
     * @param path where it lies; null for the embedded one
     * @param template file of a chat template to use instead of its own; null for its own
     */
    static BaseModel open(String name, @Nullable Path path, @Nullable String template)
            throws IOException {
        if (path == null) {
            CausalLm model = Pretrained.load(name);
            Map<String, Long> parameters = new LinkedHashMap<>();
            for (Parameter parameter : model.parameters()) {
                parameters.put(parameter.name(), parameter.elements());
            }
            BaseModel base =
                    new BaseModel(
                            name,
                            null,
                            model.spec(),
                            model.tokenizer(),
                            template == null ? null : chat(template, Map.of()),
                            parameters);
            base.embedded = model;
            return base;
        }
        try (ModelSource source = ModelSource.open(path)) {
            DecoderSpec spec = Pretrained.spec(source.config());
            Map<String, Long> parameters = parameters(spec, source.tensors().tensors().values());
            Tokenizer tokenizer = source.tokenizer();
            try {
                ChatFormat chat =
                        template == null
                                ? own(path, source)
                                : chat(
                                        template,
                                        Files.isDirectory(path)
                                                ? ChatTemplate.specialTokens(path)
                                                : Map.of());
                return new BaseModel(name, path, spec, tokenizer, chat, parameters);
            } catch (IOException | RuntimeException e) {
                tokenizer.close();
                throw e;
            }
        }
    }

    /** Returns the sizes of parameters under the names that the model gives them. */
    private static Map<String, Long> parameters(DecoderSpec spec, Collection<TensorInfo> tensors) {
        String head = spec.names().head() + ".";
        String blocks = spec.names().blocks();
        String base = blocks.substring(0, blocks.indexOf('.') + 1);
        // as the weights of some models without a head are stored
        String prefix =
                tensors.stream().anyMatch(tensor -> tensor.name().startsWith(base)) ? "" : base;
        Map<String, Long> parameters = new LinkedHashMap<>();
        for (TensorInfo tensor : tensors) {
            boolean isHead = tensor.name().startsWith(head);
            if (!(isHead && spec.tiedHead())
                    && ParameterPart.of(tensor.name()) != ParameterPart.BUFFERS) {
                parameters.put((isHead ? "" : prefix) + tensor.name(), tensor.elementCount());
            }
        }
        return parameters;
    }

    private static @Nullable ChatFormat own(Path path, ModelSource source) throws IOException {
        try {
            return ChatFormat.ofFiles(path.toString(), source.sidecars());
        } catch (TemplateException e) {
            // conversations in the data will be told so, with the line
            return null;
        }
    }

    private static ChatFormat chat(String file, Map<String, ?> tokens) throws IOException {
        Path path = Path.of(file);
        if (!Files.isRegularFile(path)) {
            throw new UsageException("chat_template: " + file + " does not exist or is no file");
        }
        try {
            return ChatFormat.of(Files.readString(path), tokens);
        } catch (TemplateException e) {
            throw new UsageException("chat_template: " + file + ": " + e.getMessage());
        }
    }

    /** Loads the weights, or hands out what {@link #trainable} has loaded. */
    CausalLm load(Device device, Precision precision) throws IOException {
        CausalLm loaded = spare;
        if (loaded != null) {
            spare = null;
            return loaded;
        }
        return path == null
                ? Pretrained.load(name, device, precision)
                : Pretrained.load(path, device, precision);
    }

    /**
     * Returns the number of elements of every parameter that a run may train, by its name.
     *
     * <p>An adapter is attached for that and taken off again; the model stays loaded.
     */
    Map<String, Long> trainable(RunConfig config, @Nullable LoraConfig lora) throws IOException {
        RegularizationSection.OsfSection osf = config.regularization.osf;
        if (lora == null && osf == null) {
            return parameters;
        }
        Device device = TrainingPlan.device(config);
        CausalLm model = load(device, TrainingPlan.precision(config, device));
        spare = model;
        if (lora == null) {
            return osf == null
                    ? parameters
                    : Osf.sizes(model, OsfProjection.modules(model), osf.effectiveRank);
        }
        Map<String, Long> trainable = new LinkedHashMap<>();
        LoraConfig plain = Adapter.needsInputs(lora) ? lora.init("true") : lora;
        try (Lora attached = Adapter.attach(model, plain, config, null)) {
            for (Parameter parameter : attached.parameters()) {
                trainable.put(parameter.name(), parameter.elements());
            }
        }
        return trainable;
    }

    String name() {
        return name;
    }

    /** Returns where the model lies; null for the embedded one. */
    @Nullable Path path() {
        return path;
    }

    DecoderSpec spec() {
        return spec;
    }

    Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Returns how conversations are written; null when the model does not say. */
    @Nullable ChatFormat chat() {
        return chat;
    }

    /** Returns the number of elements of every parameter by its name. */
    Map<String, Long> parameters() {
        return parameters;
    }

    @Override
    public void close() {
        if (spare != null) {
            spare.close();
        }
        if (embedded == null) {
            tokenizer.close();
        } else {
            embedded.close();
        }
    }
}
