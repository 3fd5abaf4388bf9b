package org.retain4j.core.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.DecoderBlock;
import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.ForwardContext;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Module;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.nn.ParameterSource;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.text.ChatTemplate;
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

    private final Scope scope;
    private final DecoderSpec spec;
    private final ModelConfig config;
    private final @Nullable Tokenizer tokenizer;
    private final Map<String, byte[]> sidecars;
    private final Device device;
    private final Precision precision;
    private final Embedding embedding;
    private final @Nullable Embedding positions;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final Norm norm;
    private final Linear head;
    private final PassInputs inputs;
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
        DecoderSpec.Names names = spec.names();
        int width = spec.hiddenSize();
        embedding = new Embedding(source, names.embedding(), spec.vocabularySize(), width);
        String learned = names.positions();
        positions =
                learned == null ? null : new Embedding(source, learned, spec.maxPositions(), width);
        for (int i = 0; i < spec.layers().size(); i++) {
            DecoderSpec.Layer layer = spec.layers().get(i);
            blocks.add(
                    new DecoderBlock(
                            source,
                            spec.blockName(i),
                            i,
                            width,
                            spec.block(),
                            layer.window(),
                            layer.rotary()));
        }
        norm = new Norm(source, names.norm(), width, spec.block().norm());
        head =
                spec.tiedHead()
                        ? new Linear(names.head(), embedding.weight())
                        : new Linear(source, names.head(), width, spec.vocabularySize(), false);
        inputs = new PassInputs(spec, device, precision);
        modules()
                .flatMap(part -> part.parameters().stream())
                .forEach(parameter -> parameters.putIfAbsent(parameter.name(), parameter));
    }

    /** Returns all parts in the order of the forward pass. */
    private Stream<Module> modules() {
        List<Module> all = new ArrayList<>(embeddings());
        all.addAll(blocks);
        all.add(norm);
        all.add(head);
        return all.stream();
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

    /**
     * Returns an independent copy with the model's own weights and nothing attached; the tokenizer
     * is shared.
     */
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

    /** Returns whether the model came with a tokenizer. */
    public boolean hasTokenizer() {
        return tokenizer != null;
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

    /**
     * Returns the chat template that came with the model.
     *
     * @throws IOException if the model has none, or one that is not well formed
     */
    public ChatTemplate chatTemplate() throws IOException {
        return ChatTemplate.ofFiles("the model", sidecars);
    }

    /**
     * Returns the model's own parameters, a tied head once, in the order of the forward pass;
     * attaching something changes nothing about them.
     */
    public List<Parameter> parameters() {
        return List.copyOf(parameters.values());
    }

    /**
     * Returns the parameters that training changes, in the order of the forward pass: those of the
     * model and of what is attached to it, without frozen ones.
     */
    public List<Parameter> trainable() {
        Set<Parameter> all = Collections.newSetFromMap(new IdentityHashMap<>());
        return modules()
                .flatMap(part -> part.parameters().stream())
                .filter(parameter -> parameter.isTrainable() && all.add(parameter))
                .toList();
    }

    /**
     * Returns the places of all parameters, where others may stand in for them; a tied head has a
     * place of its own.
     */
    public List<ParameterSlot> slots() {
        return modules().flatMap(part -> part.slots().stream()).toList();
    }

    /** Returns whether something is attached or stands in for one of the model's parameters. */
    public boolean isAdapted() {
        return modules()
                .flatMap(part -> part.parameters().stream())
                .anyMatch(parameter -> !isOwn(parameter));
    }

    @SuppressWarnings("ReferenceEquality")
    private boolean isOwn(Parameter parameter) {
        return parameters.get(parameter.name()) == parameter;
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

    /** Returns the output head, which shares its weight with the embedding where it is tied. */
    public Linear headLayer() {
        return head;
    }

    /** Returns the embeddings of tokens and, where they are learned, of positions. */
    public List<Embedding> embeddings() {
        return positions == null ? List.of(embedding) : List.of(embedding, positions);
    }

    /**
     * Returns the weight that the output head uses now, {@code [vocabulary, hidden]}.
     *
     * @throws IllegalStateException if adapters are attached to the head; a loss then takes {@link
     *     TrainingPass#headMatrix}
     */
    public Parameter headWeight() {
        if (head.isAdapted()) {
            throw new IllegalStateException(
                    "adapters are attached to "
                            + head.name()
                            + ", so that no single parameter is its weight");
        }
        return head.parameters().get(0);
    }

    /**
     * Returns the matrix of the output head with its adapters, {@code [vocabulary, hidden]}, in the
     * scope of the caller; the weight itself when there are none.
     */
    public Tensor headMatrix() {
        return head.adaptedMatrix();
    }

    /**
     * Runs the model up to the final norm.
     *
     * @return {@code [rows, tokens, hidden]}, in the calling thread's scope
     * @throws IllegalArgumentException if an id is not in the vocabulary or rows are too long
     */
    public Tensor hidden(TokenBatch batch) {
        return hidden(batch, Taps.NONE);
    }

    /**
     * Runs the model up to the final norm and shows taps what goes through it.
     *
     * @return {@code [rows, tokens, hidden]}, in the calling thread's scope; what the last tapped
     *     block gives out when the taps {@linkplain Taps#stopAfterLast stop early}
     * @throws IllegalArgumentException if an id is not in the vocabulary, rows are too long, or
     *     there is no module of a tap's name
     */
    public Tensor hidden(TokenBatch batch, Taps taps) {
        return hidden(batch, taps, List.of(), null);
    }

    /**
     * Runs the model up to the final norm.
     *
     * @param noise what is added to what enters the first block; empty for nothing
     * @param dropoutSeed seed of the masks of adapters with dropout, or null for no dropout
     */
    Tensor hidden(TokenBatch batch, Taps taps, List<Tensor> noise, @Nullable Long dropoutSeed) {
        TapPlaces places = new TapPlaces(spec, blocks);
        places.requireModules(taps);
        try (Scope pass = Scope.open()) {
            ForwardContext context = inputs.context(batch, null, taps, dropoutSeed);
            Tensor x = embed(batch, noise);
            x = taps.output(spec.names().embedding(), x);
            int last = taps.stopsEarly() ? places.lastTapped(taps) : blocks.size();
            for (int i = 0; i < blocks.size() && i <= last; i++) {
                Tensor y = blocks.get(i).forward(x, context);
                if (taps == Taps.NONE) {
                    x.close();
                }
                x = y;
            }
            return pass.passOut(
                    last < blocks.size() ? x : taps.output(spec.names().norm(), norm.forward(x)));
        }
    }

    /**
     * Runs the model on the next tokens of each row, with the keys and values of earlier ones.
     *
     * @param batch next tokens of every row of the cache; only the first ones may have padding, on
     *     the left
     * @return hidden states of these tokens, {@code [rows, tokens, hidden]}; never recorded
     * @throws IllegalArgumentException if an id is not in the vocabulary, rows are too long or of
     *     another number than the cache's, or padding stands anywhere else
     * @throws IllegalStateException if the tokens do not fit into the cache
     */
    public Tensor hidden(TokenBatch batch, KvCache cache) {
        cache.requireRoom(batch.rows(), batch.tokens());
        try (Scope pass = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            if (cache.position() == 0) {
                for (int r = 0; r < batch.rows(); r++) {
                    cache.padding(r, batch.leftPadding(r));
                }
            }
            ForwardContext context = inputs.context(batch, cache, Taps.NONE, null);
            Tensor x = embed(batch, cache.position(), cache);
            for (DecoderBlock block : blocks) {
                Tensor y = block.forward(x, context);
                x.close();
                x = y;
            }
            cache.advance(batch.tokens());
            return pass.passOut(norm.forward(x));
        }
    }

    /** Creates an empty cache for this many rows of at most this many tokens. */
    public KvCache newCache(int rows, int capacity) {
        try (Scope creating = Scope.open()) {
            return new KvCache(
                    blocks.size(),
                    rows,
                    spec.block().attention().kvHeads(),
                    capacity,
                    spec.block().attention().headDim(),
                    precision.computeType(),
                    device);
        }
    }

    /**
     * Applies the output head to hidden states; the result is {@code [.., vocabulary]}, float32.
     */
    public Tensor head(Tensor hidden) {
        Tensor scores = head.forward(hidden, precision.computeType()).to(DType.FLOAT32);
        return spec.logitSoftCap() > 0
                ? Kernels.call("soft_cap", scores, spec.logitSoftCap())
                : scores;
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
        return tokenScores(batch).logProbs();
    }

    /**
     * What the model says of the tokens of a batch.
     *
     * @param logProbs natural log-probability of each token given those before it, {@code
     *     [rows][tokens]}; 0 for the first token of a row and for padding
     * @param best whether each token has the largest probability of all; false where there is none
     */
    public record TokenScores(double[][] logProbs, boolean[][] best) {}

    /** Returns log-probabilities and whether greedy decoding would choose the same tokens. */
    public TokenScores tokenScores(TokenBatch batch) {
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
                                    "token_scores",
                                    hidden,
                                    headMatrix(),
                                    Tensor.of(targets, targets.length).to(device),
                                    LOG_PROB_CHUNK,
                                    spec.logitSoftCap(),
                                    precision.computeType().scalarType())
                            .toFloatArray();
            double[][] logProbs = new double[rows][tokens];
            boolean[][] best = new boolean[rows][tokens];
            for (int r = 0; r < rows; r++) {
                for (int t = 1; t < tokens; t++) {
                    logProbs[r][t] = flat[r * tokens + t - 1];
                    best[r][t] = flat[rows * tokens + r * tokens + t - 1] == 1;
                }
            }
            return new TokenScores(logProbs, best);
        }
    }

    /**
     * Draws one next token at every position from the model's own distribution there.
     *
     * @return {@code [rows · tokens]} in row-major order, also at padding
     */
    public long[] sampleNext(TokenBatch batch, Random random) {
        try (Scope pass = Scope.open()) {
            long places = (long) batch.rows() * batch.tokens();
            Tensor hidden = hidden(batch).reshape(places, spec.hiddenSize());
            Tensor weight = headMatrix();
            long[] drawn = new long[(int) places];
            for (int start = 0; start < places; start += LOG_PROB_CHUNK) {
                int length = (int) Math.min(LOG_PROB_CHUNK, places - start);
                try (Scope part = Scope.open()) {
                    Tensor states = hidden.narrow(0, start, length);
                    int type = precision.computeType().scalarType();
                    Tensor labels =
                            Kernels.call(
                                    "sampled_labels",
                                    states,
                                    weight,
                                    random.uniform(length).to(device),
                                    spec.logitSoftCap(),
                                    type);
                    System.arraycopy(labels.toLongArray(), 0, drawn, start, length);
                }
            }
            return drawn;
        }
    }

    Tensor embed(TokenBatch batch, List<Tensor> noise) {
        Tensor x = embed(batch, 0, null);
        return noise.isEmpty() ? x : x.add(noise.get(0));
    }

    private Tensor embed(TokenBatch batch, int start, @Nullable KvCache cache) {
        Tensor x = embedding.forward(inputs.ids(batch));
        if (spec.embeddingScale() != 1) {
            x = x.mul(spec.embeddingScale());
        }
        return positions == null
                ? x
                : x.add(positions.forward(inputs.positions(batch, start, cache)));
    }

    List<DecoderBlock> blocks() {
        return blocks;
    }

    Norm norm() {
        return norm;
    }

    PassInputs inputs() {
        return inputs;
    }

    /**
     * Writes the model as a Hugging Face folder in float32, in shards of at most 5 GB.
     *
     * @param folder created when missing; files of the same names are replaced one by one
     * @throws IOException if the folder cannot be written; no file is left half written
     */
    public void save(Path folder) throws IOException {
        save(folder, DType.FLOAT32, ModelWriter.MAX_SHARD_SIZE);
    }

    /**
     * Writes the model as a Hugging Face folder: configuration, tokenizer files and weights.
     *
     * @param folder created when missing; files of the same names are replaced one by one
     * @param type type of the weights: float32, float16 or bfloat16, rounded to nearest
     * @param maxShardSize largest size of a weight file in bytes, exceeded only by a single tensor
     * @throws IllegalStateException if something is attached to the model, which such a folder
     *     cannot hold
     * @throws IOException if the folder cannot be written; no file is left half written
     */
    public void save(Path folder, DType type, long maxShardSize) throws IOException {
        if (isAdapted()) {
            throw new IllegalStateException(
                    "adapters are attached to the model, which a model folder cannot hold; save"
                            + " them by themselves, or merge them into a folder");
        }
        ModelWriter.write(this, folder, type, maxShardSize);
    }

    /** Returns the files beside weights and configuration that belong to the model. */
    Map<String, byte[]> sidecars() {
        return Collections.unmodifiableMap(sidecars);
    }

    /** Frees the weights; the tokenizer is freed with the process. */
    @Override
    public void close() {
        inputs.close();
        scope.close();
    }
}
