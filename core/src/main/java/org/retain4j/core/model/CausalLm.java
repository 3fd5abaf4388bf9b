package org.retain4j.core.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.DecoderBlock;
import org.retain4j.core.nn.ForwardContext;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSource;
import org.retain4j.core.nn.Rotary;
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
    private final Parameter embedding;
    private final @Nullable Parameter positions;
    private final List<DecoderBlock> blocks = new ArrayList<>();
    private final Norm norm;
    private final Linear head;
    private final List<Rotary> rotaries = new ArrayList<>();
    private final Set<Integer> windows = new TreeSet<>();
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
        embedding = source.get(names.embedding() + ".weight", spec.vocabularySize(), width);
        String learned = names.positions();
        positions =
                learned == null
                        ? null
                        : source.get(learned + ".weight", spec.maxPositions(), width);
        for (int i = 0; i < spec.layers().size(); i++) {
            DecoderSpec.Layer layer = spec.layers().get(i);
            windows.add(layer.window());
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
                        ? new Linear(names.head(), embedding)
                        : new Linear(source, names.head(), width, spec.vocabularySize(), false);
        try (Scope building = Scope.open()) {
            for (Rotary.Spec rotary : spec.rotaries()) {
                rotaries.add(new Rotary(rotary, device));
            }
        }
        register(embedding);
        if (positions != null) {
            register(positions);
        }
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
        return hidden(batch, taps, List.of());
    }

    /**
     * Runs the model up to the final norm.
     *
     * @param noise what is added to what enters the first block; empty for nothing
     */
    Tensor hidden(TokenBatch batch, Taps taps, List<Tensor> noise) {
        requireModules(taps);
        try (Scope pass = Scope.open()) {
            ForwardContext context = context(batch, null, taps);
            Tensor x = embed(batch, noise);
            x = taps.output(spec.names().embedding(), x);
            int last = taps.stopsEarly() ? lastTapped(taps) : blocks.size();
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

    private int lastTapped(Taps taps) {
        if (taps.isBelow(spec.names().norm())) {
            return blocks.size();
        }
        for (int i = blocks.size() - 1; i >= 0; i--) {
            if (taps.isBelow(blocks.get(i).name())) {
                return i;
            }
        }
        return -1;
    }

    private void requireModules(Taps taps) {
        for (String module : taps.modules()) {
            boolean known =
                    module.equals(spec.names().embedding()) || module.equals(spec.names().norm());
            for (DecoderBlock block : blocks) {
                known |= block.hasModule(module);
            }
            if (!known) {
                throw new IllegalArgumentException(
                        "the model has no module "
                                + module
                                + " to tap; modules are "
                                + spec.names().embedding()
                                + ", "
                                + spec.blockName(0)
                                + " to "
                                + spec.blockName(blocks.size() - 1)
                                + ", their parts such as "
                                + blocks.get(0).linears().get(0).name()
                                + ", and "
                                + spec.names().norm());
            }
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
            ForwardContext context = context(batch, cache, Taps.NONE);
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
                                    head.weight().value(),
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
                                            spec.logitSoftCap(),
                                            precision.computeType().scalarType())
                                    .toLongArray();
                    System.arraycopy(labels, 0, drawn, start, length);
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
        Tensor x = Kernels.call("embedding", embedding.value(), idTensor(batch));
        if (spec.embeddingScale() != 1) {
            x = x.mul(spec.embeddingScale());
        }
        if (positions != null) {
            Tensor places = positionTensor(batch, start, cache);
            x = x.add(Kernels.call("embedding", positions.value(), places));
        }
        return x;
    }

    private Tensor positionTensor(TokenBatch batch, int start, @Nullable KvCache cache) {
        int tokens = batch.tokens();
        if (cache != null && cache.isPadded()) {
            long[] places = new long[batch.rows() * tokens];
            for (int i = 0; i < places.length; i++) {
                places[i] = Math.max(0, start + i % tokens - cache.padding(i / tokens));
            }
            return Tensor.of(places, batch.rows(), tokens).to(device);
        }
        if (batch.isLeftPadded() || batch.isPacked()) {
            return Tensor.of(batch.positions(), batch.rows(), tokens).to(device);
        }
        return Tensor.arange(start, (long) start + tokens, device).reshape(1, tokens);
    }

    Tensor idTensor(TokenBatch batch) {
        return Tensor.of(batch.ids(), batch.rows(), batch.tokens()).to(device);
    }

    /** Returns the embeddings of tokens and, where they are learned, of positions. */
    List<Parameter> embeddings() {
        return positions == null ? List.of(embedding) : List.of(embedding, positions);
    }

    List<DecoderBlock> blocks() {
        return blocks;
    }

    Norm norm() {
        return norm;
    }

    /** Checks a batch and makes what all blocks need for it. */
    ForwardContext context(TokenBatch batch, @Nullable KvCache cache, Taps taps) {
        requireIds(batch);
        int start = cache == null ? 0 : cache.position();
        if (cache != null && batch.isPacked()) {
            throw new IllegalArgumentException("a cache holds one sequence a row, not packed ones");
        }
        int end = start + batch.extent();
        if (end > spec.maxPositions()) {
            throw new IllegalArgumentException(
                    "a row of "
                            + end
                            + " tokens is longer than the model's "
                            + spec.maxPositions()
                            + " positions (max_position_embeddings); cut it");
        }
        Tensor ids = positionTensor(batch, start, cache);
        List<List<Tensor>> tables = new ArrayList<>();
        for (Rotary rotary : rotaries) {
            tables.add(rotary.tables(ids, end));
        }
        ForwardContext context =
                new ForwardContext(
                        tables,
                        realTokens(batch, start, cache),
                        batch.isPacked()
                                ? List.of(
                                        Tensor.of(batch.segments(), batch.rows(), batch.tokens())
                                                .to(device))
                                : List.of(),
                        ids,
                        batch.tokens(),
                        start,
                        spec.block().attention().softCap() > 0,
                        precision.computeType(),
                        cache,
                        taps);
        context.prepare(windows);
        return context;
    }

    /** Returns where tokens and not padding are, as far as a left-padded batch needs it. */
    private List<Tensor> realTokens(TokenBatch batch, int start, @Nullable KvCache cache) {
        int rows = batch.rows();
        if (cache == null) {
            return batch.isLeftPadded()
                    ? List.of(Tensor.of(batch.mask(), rows, batch.tokens()).to(device))
                    : List.of();
        }
        int end = start + batch.tokens();
        for (int r = 0; r < rows; r++) {
            int allowed = start == 0 ? cache.padding(r) : 0;
            if (batch.count(r) != batch.tokens() - allowed) {
                throw new IllegalArgumentException(
                        "row "
                                + r
                                + " of a cached batch has padding that is not before its first"
                                + " token; use TokenBatch.padded with padding on the left, and"
                                + " none after the first tokens");
            }
        }
        if (!cache.isPadded()) {
            return List.of();
        }
        boolean[] real = new boolean[rows * end];
        for (int i = 0; i < real.length; i++) {
            real[i] = i % end >= cache.padding(i / end);
        }
        return List.of(Tensor.of(real, rows, end).to(device));
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
     * @throws IOException if the folder cannot be written; no file is left half written
     */
    public void save(Path folder, DType type, long maxShardSize) throws IOException {
        ModelWriter.write(this, folder, type, maxShardSize);
    }

    /** Returns the files beside weights and configuration that belong to the model. */
    Map<String, byte[]> sidecars() {
        return Collections.unmodifiableMap(sidecars);
    }

    /** Frees the weights; the tokenizer is freed with the process. */
    @Override
    public void close() {
        rotaries.forEach(Rotary::close);
        scope.close();
    }
}
