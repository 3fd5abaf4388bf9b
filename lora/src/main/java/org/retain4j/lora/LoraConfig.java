package org.retain4j.lora;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Shape of an adapter, with PEFT's names and defaults ({@code adapter_config.json}).
 *
 * <p>LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale · B A to a weight, with scale = alpha / r;
 * rsLoRA (Kalajdzievski 2023, arXiv:2312.03732) takes alpha / √r; DoRA (Liu et al. 2024,
 * arXiv:2402.09353) learns the length of each row by itself.
 *
 * <pre>{@code
 * LoraConfig.rank(8).alpha(16).targets("all-linear")
 * }</pre>
 *
 * <p>Immutable.
 *
 * @param r rank
 * @param loraAlpha {@code lora_alpha}
 * @param loraDropout {@code lora_dropout}, share of inputs that training drops, from 0 to below 1
 * @param targetModules {@code target_modules}; null for those that suit the family
 * @param excludeModules {@code exclude_modules}; null for none
 * @param layersToTransform {@code layers_to_transform}, numbers of blocks; null for all
 * @param layersPattern {@code layers_pattern}, what stands before the number; empty for anything
 * @param rankPattern {@code rank_pattern}, other ranks by expressions for the end of names
 * @param alphaPattern {@code alpha_pattern}, other alphas likewise
 * @param modulesToSave {@code modules_to_save}, ends of names of modules trained as a whole
 * @param bias which biases are trained
 * @param useRslora {@code use_rslora}
 * @param useDora {@code use_dora}
 * @param initLoraWeights {@code init_lora_weights} as text: {@code true}, {@code false}, {@code
 *     gaussian}, {@code pissa}, {@code pissa_niter_N}, {@code olora}, {@code eva}, {@code corda},
 *     {@code orthogonal}; {@code lora_null} and {@code lora_null_v1} are of this library
 * @param trainableTokenIndices {@code trainable_token_indices}, ids whose embeddings are trained;
 *     null for none
 * @param baseModel {@code base_model_name_or_path}; null when unknown
 * @param revision {@code revision} of the base; null for none
 * @param taskType {@code task_type}
 */
public record LoraConfig(
        int r,
        double loraAlpha,
        double loraDropout,
        @Nullable Targets targetModules,
        @Nullable Targets excludeModules,
        @Nullable List<Integer> layersToTransform,
        List<String> layersPattern,
        Map<String, Integer> rankPattern,
        Map<String, Double> alphaPattern,
        List<String> modulesToSave,
        Bias bias,
        boolean useRslora,
        boolean useDora,
        String initLoraWeights,
        @Nullable Map<String, List<Integer>> trainableTokenIndices,
        @Nullable String baseModel,
        @Nullable String revision,
        String taskType) {

    /** Which biases of the model are trained and saved beside the adapter. */
    public enum Bias {
        /** None. */
        NONE,
        /** All of the model. */
        ALL,
        /** Those of layers with an adapter. */
        LORA_ONLY;

        /** Returns PEFT's name, for example {@code lora_only}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Key under which ids are kept that were given without the name of an embedding. */
    static final String INPUT_EMBEDDING = "";

    /**
     * Creates a configuration.
     *
     * @throws IllegalArgumentException if a number is out of its range; the message names the key
     */
    public LoraConfig {
        require(r >= 1, "r must be at least 1, is " + r);
        require(
                loraDropout >= 0 && loraDropout < 1,
                "lora_dropout must be from 0 to below 1, is " + loraDropout);
        require(Double.isFinite(loraAlpha), "lora_alpha must be a number, is " + loraAlpha);
        require(
                layersToTransform == null
                        || targetModules == null
                        || targetModules.pattern() == null,
                "layers_to_transform needs target_modules as a list of names, not "
                        + targetModules);
        rankPattern.forEach(
                (name, rank) ->
                        require(
                                rank >= 1,
                                "rank_pattern of " + name + " must be at least 1, is " + rank));
        alphaPattern.forEach(
                (name, alpha) ->
                        require(
                                Double.isFinite(alpha),
                                "alpha_pattern of " + name + " must be a number, is " + alpha));
        layersToTransform = layersToTransform == null ? null : List.copyOf(layersToTransform);
        layersPattern = List.copyOf(layersPattern);
        rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        modulesToSave = List.copyOf(modulesToSave);
        trainableTokenIndices =
                trainableTokenIndices == null
                        ? null
                        : Collections.unmodifiableMap(new LinkedHashMap<>(trainableTokenIndices));
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }

    /** PEFT's defaults: rank 8, alpha 8, no dropout, the modules that suit the family. */
    public static LoraConfig defaults() {
        return new LoraConfig(
                8,
                8,
                0,
                null,
                null,
                null,
                List.of(),
                Map.of(),
                Map.of(),
                List.of(),
                Bias.NONE,
                false,
                false,
                "true",
                null,
                null,
                null,
                "CAUSAL_LM");
    }

    /** The defaults with another rank; alpha stays 8. */
    public static LoraConfig rank(int r) {
        return defaults().with(draft -> draft.r = r);
    }

    /**
     * Reads an {@code adapter_config.json}.
     *
     * @throws LoraException if it is missing, damaged, or asks for something unsupported
     */
    public static LoraConfig read(Path file) throws LoraException {
        return ConfigFile.read(file).config();
    }

    /**
     * Reads settings given as JSON or YAML under the keys of {@code adapter_config.json}, of which
     * all may be left out.
     *
     * @param origin where they come from, for messages
     * @throws LoraException if a key is unknown or its value not as expected
     */
    public static LoraConfig fromJson(String origin, JsonNode node) throws LoraException {
        return ConfigFile.settings(origin, node);
    }

    /** Another {@code lora_alpha}. */
    public LoraConfig alpha(double alpha) {
        return with(draft -> draft.alpha = alpha);
    }

    /** Another {@code lora_dropout}. */
    public LoraConfig dropout(double dropout) {
        return with(draft -> draft.dropout = dropout);
    }

    /** Modules by an expression for whole names, or {@code all-linear}. */
    public LoraConfig targets(String pattern) {
        return with(draft -> draft.targets = Targets.matching(pattern));
    }

    /** Modules by the ends of their names. */
    public LoraConfig targets(List<String> names) {
        return with(draft -> draft.targets = Targets.of(names));
    }

    /** Modules that get no adapter, by the ends of their names. */
    public LoraConfig exclude(List<String> names) {
        return with(draft -> draft.exclude = Targets.of(names));
    }

    /** Blocks that get adapters, by number. */
    public LoraConfig layers(List<Integer> numbers) {
        return with(draft -> draft.layers = numbers);
    }

    /** Other ranks of modules whose names end as an expression says. */
    public LoraConfig rankPattern(Map<String, Integer> ranks) {
        return with(draft -> draft.rankPattern = ranks);
    }

    /** Other alphas of modules whose names end as an expression says. */
    public LoraConfig alphaPattern(Map<String, Double> alphas) {
        return with(draft -> draft.alphaPattern = alphas);
    }

    /** Modules that are trained and saved as a whole, by the ends of their names. */
    public LoraConfig modulesToSave(List<String> names) {
        return with(draft -> draft.modulesToSave = names);
    }

    /** Biases that are trained. */
    public LoraConfig bias(Bias which) {
        return with(draft -> draft.bias = which);
    }

    /** Rank-stabilised scale, alpha / √r. */
    public LoraConfig rslora(boolean use) {
        return with(draft -> draft.rslora = use);
    }

    /** Magnitude and direction apart. */
    public LoraConfig dora(boolean use) {
        return with(draft -> draft.dora = use);
    }

    /** How A and B start; see {@link #initLoraWeights}. */
    public LoraConfig init(String how) {
        return with(draft -> draft.init = how);
    }

    /** Ids whose embeddings are trained. */
    public LoraConfig trainableTokens(List<Integer> ids) {
        return with(draft -> draft.tokens = Map.of(INPUT_EMBEDDING, List.copyOf(ids)));
    }

    /** Name or path of the base, as it is recorded in the file. */
    public LoraConfig baseModel(@Nullable String name) {
        return with(draft -> draft.base = name);
    }

    LoraConfig with(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.build();
    }

    /**
     * Returns the rank of a module.
     *
     * @param module Hugging Face name, for example {@code model.layers.0.self_attn.q_proj}
     */
    public int rankOf(String module) {
        String key = NameRules.patternFor(rankPattern.keySet(), module);
        Integer other = key == null ? null : rankPattern.get(key);
        return other == null ? r : other;
    }

    /** Returns the alpha of a module. */
    public double alphaOf(String module) {
        String key = NameRules.patternFor(alphaPattern.keySet(), module);
        Double other = key == null ? null : alphaPattern.get(key);
        return other == null ? loraAlpha : other;
    }

    /** Returns what B A is multiplied by for a module. */
    public double scaleOf(String module) {
        return scale(alphaOf(module), rankOf(module));
    }

    double scale(double alpha, int rank) {
        return alpha / (useRslora ? Math.sqrt(rank) : rank);
    }

    /** Returns whether the start takes a part out of the base weight. */
    boolean changesBase() {
        return initLoraWeights.startsWith("pissa")
                || initLoraWeights.equals("olora")
                || initLoraWeights.equals("corda")
                || initLoraWeights.equals("lora_null_v1");
    }

    /** The components of a configuration, to change some of them. */
    static final class Draft {
        int r;
        double alpha;
        double dropout;
        @Nullable Targets targets;
        @Nullable Targets exclude;
        @Nullable List<Integer> layers;
        List<String> layersPattern;
        Map<String, Integer> rankPattern;
        Map<String, Double> alphaPattern;
        List<String> modulesToSave;
        Bias bias;
        boolean rslora;
        boolean dora;
        String init;
        @Nullable Map<String, List<Integer>> tokens;
        @Nullable String base;
        @Nullable String revision;
        String task;

        private Draft(LoraConfig from) {
            r = from.r;
            alpha = from.loraAlpha;
            dropout = from.loraDropout;
            targets = from.targetModules;
            exclude = from.excludeModules;
            layers = from.layersToTransform;
            layersPattern = from.layersPattern;
            rankPattern = from.rankPattern;
            alphaPattern = from.alphaPattern;
            modulesToSave = from.modulesToSave;
            bias = from.bias;
            rslora = from.useRslora;
            dora = from.useDora;
            init = from.initLoraWeights;
            tokens = from.trainableTokenIndices;
            base = from.baseModel;
            revision = from.revision;
            task = from.taskType;
        }

        private LoraConfig build() {
            return new LoraConfig(
                    r,
                    alpha,
                    dropout,
                    targets,
                    exclude,
                    layers,
                    layersPattern,
                    rankPattern,
                    alphaPattern,
                    modulesToSave,
                    bias,
                    rslora,
                    dora,
                    init,
                    tokens,
                    base,
                    revision,
                    task);
        }
    }
}
