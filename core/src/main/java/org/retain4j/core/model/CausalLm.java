package org.retain4j.core.model;

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
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.nn.Attention;
import org.retain4j.core.nn.DecoderBlock;
import org.retain4j.core.nn.ForwardContext;
import org.retain4j.core.nn.GatedMlp;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSource;
import org.retain4j.core.nn.RmsNorm;
import org.retain4j.core.nn.Rotary;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.text.Tokenizer;

/**
 * Decoder-only language model with its tokenizer.
 *
 * <p>Weights are float32 and belong to the model; {@link #close} frees them. Forward passes may run
 * in several threads at once, each inside its own {@link Scope}, while no thread changes weights.
 * The tokenizer is shared by copies and needs no closing by the user of a copy.
 */
public final class CausalLm implements AutoCloseable {

    private static final int LOG_PROB_CHUNK = 256;
    private static final int WRITE_PART = 16 << 20;

    private final Scope scope;
    private final DecoderSpec spec;
    private final ModelConfig config;
    private final @Nullable Tokenizer tokenizer;
    private final Map<String, byte[]> sidecars;
    private final Device device;
    private final Precision precision;
    private final Parameter embedding;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final RmsNorm norm;
    private final Linear head;
    private final Rotary rotary;
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();

    private CausalLm(
            Scope scope,
            DecoderSpec spec,
            ModelConfig config,
            @Nullable Tokenizer tokenizer,
            Map<String, byte[]> sidecars,
            Device device,
            Precision precision,
            ParameterSource source) {
        this.scope = scope;
        this.spec = spec;
        this.config = config;
        this.tokenizer = tokenizer;
        this.sidecars = sidecars;
        this.device = device;
        this.precision = precision;
        embedding =
                source.get("model.embed_tokens.weight", spec.vocabularySize(), spec.hiddenSize());
        for (int i = 0; i < spec.layers(); i++) {
            String prefix = "model.layers." + i;
            Attention attention =
                    new Attention(
                            source,
                            prefix,
                            i,
                            spec.hiddenSize(),
                            spec.heads(),
                            spec.kvHeads(),
                            spec.headDim(),
                            spec.attentionBias(),
                            spec.normEpsilon());
            GatedMlp mlp =
                    new GatedMlp(
                            source,
                            prefix,
                            spec.hiddenSize(),
                            spec.intermediateSize(),
                            spec.mlpBias(),
                            spec.normEpsilon());
            blocks.add(new DecoderBlock(attention, mlp));
        }
        norm = new RmsNorm(source, "model.norm", spec.hiddenSize(), spec.normEpsilon());
        head =
                spec.tiedHead()
                        ? new Linear(embedding)
                        : new Linear(
                                source, "lm_head", spec.hiddenSize(), spec.vocabularySize(), false);
        try (Scope building = Scope.open()) {
            rotary = new Rotary(spec.headDim(), spec.ropeTheta(), device);
        }
        register(embedding);
        blocks.forEach(block -> block.parameters().forEach(this::register));
        norm.parameters().forEach(this::register);
        head.parameters().forEach(this::register);
    }

    private void register(Parameter parameter) {
        parameters.put(parameter.name(), parameter);
    }

    static CausalLm build(
            DecoderSpec spec,
            ModelConfig config,
            @Nullable Tokenizer tokenizer,
            Map<String, byte[]> sidecars,
            Device device,
            Precision precision,
            WeightFactory weights) {
        Scope scope = Scope.unbound();
        try (Scope building = Scope.open()) {
            return new CausalLm(
                    scope,
                    spec,
                    config,
                    tokenizer,
                    sidecars,
                    device,
                    precision,
                    weights.create(scope));
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /** Makes a source of parameters that belong to the given owner. */
    interface WeightFactory {
        ParameterSource create(Scope owner);
    }

    /**
     * Creates a model with random weights, for measuring and testing.
     *
     * @param config a configuration of a known family
     * @param seed seed of the weights
     */
    public static CausalLm random(ModelConfig config, long seed, Device device, Precision precision)
            throws ModelException {
        return build(
                Pretrained.spec(config),
                config,
                null,
                Map.of(),
                device,
                precision,
                owner -> Weights.random(seed, owner, device));
    }

    /** Returns an independent copy with the same weights; the tokenizer is shared. */
    public CausalLm copy() {
        return build(
                spec,
                config,
                tokenizer,
                sidecars,
                device,
                precision,
                owner -> Weights.copyOf(this, owner));
    }

    /** Returns the shape of the model. */
    public DecoderSpec spec() {
        return spec;
    }

    /** Returns the configuration that the model was made from. */
    public ModelConfig config() {
        return config;
    }

    /** Returns the device of the weights. */
    public Device device() {
        return device;
    }

    /** Returns the precision of matrix products. */
    public Precision precision() {
        return precision;
    }

    /**
     * Returns the tokenizer.
     *
     * @throws IllegalStateException if the model has none
     */
    public Tokenizer tokenizer() {
        if (tokenizer == null) {
            throw new IllegalStateException("this model was made without a tokenizer");
        }
        return tokenizer;
    }

    /** Returns all parameters, a tied head once, in the order of the forward pass. */
    public List<Parameter> parameters() {
        return List.copyOf(parameters.values());
    }

    /**
     * Returns a parameter by its Hugging Face name.
     *
     * @throws IllegalArgumentException if there is none of this name
     */
    public Parameter parameter(String name) {
        Parameter parameter = parameters.get(name);
        if (parameter == null) {
            throw new IllegalArgumentException("the model has no parameter " + name);
        }
        return parameter;
    }

    /**
     * Returns the linear layers of all blocks, without the output head, in the order of the forward
     * pass; the name of a layer is that of its weight.
     */
    public List<Linear> linears() {
        return blocks.stream().flatMap(block -> block.linears().stream()).toList();
    }

    /** Returns the weight of the output head, {@code [vocabulary, hidden]}. */
    public Parameter headWeight() {
        return head.weight();
    }

    /**
     * Runs the model up to the final norm.
     *
     * @return {@code [rows, tokens, hidden]}, in the calling thread's scope
     * @throws IllegalArgumentException if an id is not in the vocabulary or rows are too long
     */
    public Tensor hidden(TokenBatch batch) {
        try (Scope pass = Scope.open()) {
            ForwardContext context = context(batch, null);
            Tensor x = embed(batch);
            for (DecoderBlock block : blocks) {
                Tensor y = block.forward(x, context);
                x.close();
                x = y;
            }
            return pass.passOut(norm.forward(x));
        }
    }

    /**
     * Runs the model on the next tokens of each row, with the keys and values of earlier ones.
     *
     * @param batch next tokens of every row of the cache, without padding
     * @return hidden states of these tokens, {@code [rows, tokens, hidden]}; never recorded
     * @throws IllegalArgumentException if an id is not in the vocabulary, rows are too long or of
     *     another number than the cache's
     * @throws IllegalStateException if the tokens do not fit into the cache
     */
    public Tensor hidden(TokenBatch batch, KvCache cache) {
        cache.requireRoom(batch.rows(), batch.tokens());
        try (Scope pass = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            ForwardContext context = context(batch, cache);
            Tensor x = embed(batch);
            for (DecoderBlock block : blocks) {
                x = block.forward(x, context);
            }
            cache.advance(batch.tokens());
            return pass.passOut(norm.forward(x));
        }
    }

    /** Creates an empty cache for this many rows of at most this many tokens. */
    public KvCache newCache(int rows, int capacity) {
        try (Scope creating = Scope.open()) {
            return new KvCache(
                    spec.layers(),
                    rows,
                    spec.kvHeads(),
                    capacity,
                    spec.headDim(),
                    precision.computeType(),
                    device);
        }
    }

    /**
     * Applies the output head to hidden states; the result is {@code [.., vocabulary]}, float32.
     */
    public Tensor head(Tensor hidden) {
        return head.forward(hidden, precision.computeType()).to(DType.FLOAT32);
    }

    /** Returns the scores of all next tokens, {@code [rows, tokens, vocabulary]}, float32. */
    public Tensor logits(TokenBatch batch) {
        try (Scope pass = Scope.open()) {
            return pass.passOut(head(hidden(batch)));
        }
    }

    /**
     * Returns the natural log-probability of every token given those before it.
     *
     * <p>The scores of the vocabulary are computed in parts and never held all at once.
     *
     * @return {@code [rows][tokens]}; 0 for the first token of a row and for padding
     */
    public double[][] tokenLogProbs(TokenBatch batch) {
        int rows = batch.rows();
        int tokens = batch.tokens();
        long[] targets = new long[rows * tokens];
        for (int r = 0; r < rows; r++) {
            for (int t = 0; t < tokens; t++) {
                boolean counted = t + 1 < tokens && batch.isToken(r, t) && batch.isToken(r, t + 1);
                targets[r * tokens + t] = counted ? batch.id(r, t + 1) : -100;
            }
        }
        try (Scope pass = Scope.open()) {
            Tensor hidden = hidden(batch).reshape((long) rows * tokens, spec.hiddenSize());
            float[] flat =
                    Kernels.call(
                                    "token_log_probs",
                                    hidden,
                                    head.weight().value(),
                                    Tensor.of(targets, targets.length).to(device),
                                    LOG_PROB_CHUNK,
                                    precision.computeType().scalarType())
                            .toFloatArray();
            double[][] result = new double[rows][tokens];
            for (int r = 0; r < rows; r++) {
                for (int t = 1; t < tokens; t++) {
                    result[r][t] = flat[r * tokens + t - 1];
                }
            }
            return result;
        }
    }

    /**
     * Draws one next token at every position from the model's own distribution there.
     *
     * @return {@code [rows · tokens]} in row-major order, also at padding
     */
    public long[] sampleNext(TokenBatch batch, Random random) {
        try (Scope pass = Scope.open()) {
            long positions = (long) batch.rows() * batch.tokens();
            Tensor hidden = hidden(batch).reshape(positions, spec.hiddenSize());
            long[] drawn = new long[(int) positions];
            for (int start = 0; start < positions; start += LOG_PROB_CHUNK) {
                int length = (int) Math.min(LOG_PROB_CHUNK, positions - start);
                try (Scope part = Scope.open()) {
                    long[] labels =
                            Kernels.call(
                                            "sampled_labels",
                                            hidden.narrow(0, start, length),
                                            head.weight().value(),
                                            random.uniform(length).to(device),
                                            precision.computeType().scalarType())
                                    .toLongArray();
                    System.arraycopy(labels, 0, drawn, start, length);
                }
            }
            return drawn;
        }
    }

    Tensor embed(TokenBatch batch) {
        return Kernels.call("embedding", embedding.value(), idTensor(batch));
    }

    Tensor idTensor(TokenBatch batch) {
        return Tensor.of(batch.ids(), batch.rows(), batch.tokens()).to(device);
    }

    Parameter embedding() {
        return embedding;
    }

    List<DecoderBlock> blocks() {
        return blocks;
    }

    RmsNorm norm() {
        return norm;
    }

    /** Checks a batch and makes what all blocks need for it. */
    ForwardContext context(TokenBatch batch, @Nullable KvCache cache) {
        requireIds(batch);
        int start = cache == null ? 0 : cache.position();
        if (start + batch.tokens() > spec.maxPositions()) {
            throw new IllegalArgumentException(
                    "a row of "
                            + (start + batch.tokens())
                            + " tokens is longer than the model's "
                            + spec.maxPositions()
                            + " positions (max_position_embeddings); cut it");
        }
        List<Tensor> tables;
        List<Tensor> mask = List.of();
        if (batch.isLeftPadded()) {
            if (cache != null) {
                throw new IllegalArgumentException("a cached batch cannot have padding");
            }
            tables =
                    rotary.tables(
                            Tensor.of(batch.positions(), batch.rows(), batch.tokens()).to(device));
            Tensor real = Tensor.of(batch.mask(), batch.rows(), batch.tokens()).to(device);
            mask = List.of(Kernels.call("causal_padding_mask", real));
        } else {
            tables = rotary.tables(start, batch.tokens());
        }
        return new ForwardContext(
                tables.get(0), tables.get(1), mask, precision.computeType(), cache);
    }

    private void requireIds(TokenBatch batch) {
        for (int r = 0; r < batch.rows(); r++) {
            for (int t = 0; t < batch.tokens(); t++) {
                int id = batch.id(r, t);
                if (id < 0 || id >= spec.vocabularySize()) {
                    throw new IllegalArgumentException(
                            "token id "
                                    + id
                                    + " at row "
                                    + r
                                    + ", position "
                                    + t
                                    + " is not in the model's vocabulary of "
                                    + spec.vocabularySize()
                                    + "; is the tokenizer the model's own?");
                }
            }
        }
    }

    /**
     * Writes the model as a Hugging Face folder: configuration, tokenizer files and float32
     * weights.
     *
     * @param folder created when missing; files of the same names are replaced one by one
     * @throws IOException if the folder cannot be written; no file is left half written
     */
    public void save(Path folder) throws IOException {
        Files.createDirectories(folder);
        List<TensorSpec> specs = new ArrayList<>();
        for (Parameter parameter : parameters.values()) {
            specs.add(TensorSpec.of(parameter.name(), DType.FLOAT32, parameter.value().shape()));
        }
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        folder.resolve("model.safetensors"), specs, Map.of("format", "pt"))) {
            for (Parameter parameter : parameters.values()) {
                write(writer, parameter);
            }
            writer.commit();
        }
        AtomicFile.write(folder.resolve("config.json"), config.textWithDtype(DType.FLOAT32));
        for (Map.Entry<String, byte[]> file : sidecars.entrySet()) {
            AtomicFile.write(folder.resolve(file.getKey()), file.getValue());
        }
    }

    private static void write(SafetensorsWriter writer, Parameter parameter) throws IOException {
        try (Scope pass = Scope.open()) {
            Tensor value = parameter.value().detach().to(Device.CPU).contiguous();
            long elements = value.elements();
            int width = value.dtype().bytes();
            for (long done = 0; done < elements; ) {
                int count = (int) Math.min(WRITE_PART / width, elements - done);
                ByteBuffer part = ByteBuffer.allocate(count * width).order(ByteOrder.LITTLE_ENDIAN);
                value.readBytes(done, part);
                writer.write(parameter.name(), part.flip());
                done += count;
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** Returns the files beside weights and configuration that belong to the model. */
    Map<String, byte[]> sidecars() {
        return Collections.unmodifiableMap(sidecars);
    }

    /** Frees the weights; the tokenizer is freed with the process. */
    @Override
    public void close() {
        rotary.close();
        scope.close();
    }
}
