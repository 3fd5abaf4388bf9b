package org.retain4j.lora;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An {@code adapter_config.json}.
 *
 * @param origin where it comes from, for messages
 * @param transposed {@code fan_in_fan_out}: whether the layers store weights as {@code [in, out]}
 */
record ConfigFile(String origin, LoraConfig config, boolean transposed) {

    static final String NAME = "adapter_config.json";

    /** Version of PEFT whose files are written. */
    private static final String PEFT_VERSION = "0.21.2";

    private static final Logger LOG = LoggerFactory.getLogger(ConfigFile.class);
    private static final long LIMIT = 16 << 20;
    private static final int MOST_ENTRIES = 100_000;
    private static final Pattern INITS =
            Pattern.compile(
                    "true|false|gaussian|pissa(_niter_[0-9]{1,3})?|olora|eva|corda|orthogonal"
                            + "|lora_null|lora_null_v1");

    private static final Set<String> SETTINGS =
            Set.of(
                    "r",
                    "lora_alpha",
                    "lora_dropout",
                    "target_modules",
                    "exclude_modules",
                    "layers_to_transform",
                    "layers_pattern",
                    "rank_pattern",
                    "alpha_pattern",
                    "modules_to_save",
                    "bias",
                    "use_rslora",
                    "use_dora",
                    "init_lora_weights",
                    "trainable_token_indices");

    /** Keys that say nothing about what an adapter computes once its weights are there. */
    private static final Set<String> INERT =
            Set.of(
                    "auto_mapping",
                    "base_model_name_or_path",
                    "corda_config",
                    "ensure_weight_tying",
                    "eva_config",
                    "fan_in_fan_out",
                    "inference_mode",
                    "loftq_config",
                    "lora_ga_config",
                    "megatron_core",
                    "peft_type",
                    "peft_version",
                    "qalora_group_size",
                    "revision",
                    "runtime_config",
                    "task_type");

    /** Keys whose features are not there: they must be empty. */
    private static final Set<String> UNSUPPORTED =
            Set.of(
                    "alora_invocation_tokens",
                    "arrow_config",
                    "kasa_config",
                    "layer_replication",
                    "lora_bias",
                    "megatron_config",
                    "monteclora_config",
                    "target_parameters",
                    "use_bdlora",
                    "use_qalora",
                    "velora_config");

    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
                    .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                    .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
                    .build();

    static ConfigFile read(Path file) throws LoraException {
        String text;
        try {
            if (!Files.isRegularFile(file)) {
                throw new LoraException(
                        file
                                + " is missing; an adapter folder holds "
                                + NAME
                                + " and adapter_model.safetensors");
            }
            if (Files.size(file) > LIMIT) {
                throw new LoraException(file + " is larger than 16 MB and no " + NAME);
            }
            text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (LoraException e) {
            throw e;
        } catch (IOException e) {
            throw new LoraException(file + " cannot be read: " + e.getMessage(), e);
        }
        return parse(file.toString(), text);
    }

    static ConfigFile parse(String origin, String text) throws LoraException {
        JsonNode root;
        try {
            root = JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new LoraException(
                    origin
                            + " is not valid JSON"
                            + (e.getLocation() == null
                                    ? ""
                                    : " at line " + e.getLocation().getLineNr()),
                    e);
        }
        Reader reader = reader(origin, root);
        String type = root.path("peft_type").asText("");
        if (!type.equals("LORA")) {
            throw new LoraException(
                    origin
                            + ": \"peft_type\" must be \"LORA\", is "
                            + shortened(root.path("peft_type"))
                            + "; other kinds of adapters are not supported");
        }
        List<String> unknown = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            String key = entry.getKey();
            if (UNSUPPORTED.contains(key) && !isEmpty(entry.getValue())) {
                throw new LoraException(
                        origin
                                + ": \""
                                + key
                                + "\" is "
                                + shortened(entry.getValue())
                                + ", which is not supported; the adapter would compute something"
                                + " else");
            }
            if (!SETTINGS.contains(key) && !INERT.contains(key) && !UNSUPPORTED.contains(key)) {
                unknown.add(key);
            }
        }
        if (!unknown.isEmpty()) {
            LOG.warn("{}: unknown keys {} are ignored", origin, shortened(unknown.toString()));
        }
        boolean transposed = root.path("fan_in_fan_out").asBoolean(false);
        return new ConfigFile(origin, reader.config(), transposed);
    }

    /** Reads settings from a user, of whom an unknown key is a mistake. */
    static LoraConfig settings(String origin, JsonNode root) throws LoraException {
        Reader reader = reader(origin, root);
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            if (!SETTINGS.contains(entry.getKey())) {
                throw new LoraException(
                        origin
                                + ": unknown key \""
                                + shortened(entry.getKey())
                                + "\"; known are "
                                + String.join(", ", new TreeSet<>(SETTINGS)));
            }
        }
        return reader.config();
    }

    private static Reader reader(String origin, @Nullable JsonNode root) throws LoraException {
        if (root == null || !root.isObject()) {
            throw new LoraException(origin + " is not a JSON object");
        }
        return new Reader(origin, root);
    }

    private static boolean isEmpty(JsonNode node) {
        return node.isNull()
                || node.isContainerNode() && node.isEmpty()
                || node.isBoolean() && !node.booleanValue();
    }

    private static String shortened(Object value) {
        String text = value.toString();
        return text.length() > 120 ? text.substring(0, 120) + "…" : text;
    }

    /** Reads values with named errors. */
    private record Reader(String origin, JsonNode root) {

        LoraConfig config() throws LoraException {
            LoraConfig none = LoraConfig.defaults();
            int rank = integer("r", none.r());
            double alpha = number("lora_alpha", none.loraAlpha());
            double dropout = number("lora_dropout", none.loraDropout());
            Targets targets = targets("target_modules");
            Targets exclude = targets("exclude_modules");
            List<Integer> layers =
                    root.hasNonNull("layers_to_transform")
                            ? integers("layers_to_transform", root.get("layers_to_transform"))
                            : null;
            List<String> layersPattern = texts("layers_pattern");
            Map<String, Integer> ranks = new LinkedHashMap<>();
            Map<String, Double> alphas = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : object("rank_pattern")) {
                ranks.put(entry.getKey(), integer("rank_pattern", entry.getValue()));
            }
            for (Map.Entry<String, JsonNode> entry : object("alpha_pattern")) {
                alphas.put(entry.getKey(), number("alpha_pattern", entry.getValue()));
            }
            List<String> save = texts("modules_to_save");
            LoraConfig.Bias bias = bias();
            boolean rslora = flag("use_rslora");
            boolean dora = flag("use_dora");
            String init = init();
            Map<String, List<Integer>> tokens = tokens();
            String base = text("base_model_name_or_path");
            String revision = text("revision");
            String task = text("task_type");
            try {
                return none.with(
                        draft -> {
                            draft.r = rank;
                            draft.alpha = alpha;
                            draft.dropout = dropout;
                            draft.targets = targets;
                            draft.exclude = exclude;
                            draft.layers = layers;
                            draft.layersPattern = layersPattern;
                            draft.rankPattern = ranks;
                            draft.alphaPattern = alphas;
                            draft.modulesToSave = save;
                            draft.bias = bias;
                            draft.rslora = rslora;
                            draft.dora = dora;
                            draft.init = init;
                            draft.tokens = tokens;
                            draft.base = base;
                            draft.revision = revision;
                            draft.task = task == null ? "CAUSAL_LM" : task;
                        });
            } catch (IllegalArgumentException e) {
                throw new LoraException(origin + ": " + e.getMessage(), e);
            }
        }

        private LoraException wrong(String key, String expected, JsonNode found) {
            return new LoraException(
                    origin + ": \"" + key + "\" must be " + expected + ", is " + shortened(found));
        }

        private int integer(String key, int absent) throws LoraException {
            return root.hasNonNull(key) ? integer(key, root.get(key)) : absent;
        }

        private int integer(String key, JsonNode node) throws LoraException {
            if (!node.isIntegralNumber() || !node.canConvertToInt()) {
                throw wrong(key, "an integer", node);
            }
            return node.intValue();
        }

        private double number(String key, double absent) throws LoraException {
            return root.hasNonNull(key) ? number(key, root.get(key)) : absent;
        }

        private double number(String key, JsonNode node) throws LoraException {
            if (!node.isNumber()) {
                throw wrong(key, "a number", node);
            }
            return node.doubleValue();
        }

        private boolean flag(String key) throws LoraException {
            if (!root.hasNonNull(key)) {
                return false;
            }
            if (!root.get(key).isBoolean()) {
                throw wrong(key, "true or false", root.get(key));
            }
            return root.get(key).booleanValue();
        }

        private @Nullable String text(String key) throws LoraException {
            if (!root.hasNonNull(key)) {
                return null;
            }
            if (!root.get(key).isTextual()) {
                throw wrong(key, "a text", root.get(key));
            }
            return root.get(key).textValue();
        }

        private List<String> texts(String key) throws LoraException {
            if (!root.hasNonNull(key)) {
                return List.of();
            }
            JsonNode node = root.get(key);
            if (node.isTextual()) {
                return List.of(node.textValue());
            }
            return list(key, node);
        }

        private List<String> list(String key, JsonNode node) throws LoraException {
            if (!node.isArray() || node.size() > MOST_ENTRIES) {
                throw wrong(key, "a list of names", node);
            }
            List<String> all = new ArrayList<>();
            for (JsonNode entry : node) {
                if (!entry.isTextual() || entry.textValue().isEmpty()) {
                    throw wrong(key, "a list of names", node);
                }
                all.add(entry.textValue());
            }
            return all;
        }

        private List<Integer> integers(String key, JsonNode node) throws LoraException {
            if (node.isIntegralNumber()) {
                return List.of(integer(key, node));
            }
            if (!node.isArray() || node.size() > MOST_ENTRIES) {
                throw wrong(key, "a list of integers", node);
            }
            List<Integer> all = new ArrayList<>();
            for (JsonNode entry : node) {
                all.add(integer(key, entry));
            }
            return all;
        }

        private Set<Map.Entry<String, JsonNode>> object(String key) throws LoraException {
            if (!root.hasNonNull(key)) {
                return Set.of();
            }
            JsonNode node = root.get(key);
            if (!node.isObject() || node.size() > MOST_ENTRIES) {
                throw wrong(key, "an object", node);
            }
            return node.properties();
        }

        private @Nullable Targets targets(String key) throws LoraException {
            if (!root.hasNonNull(key)) {
                return null;
            }
            JsonNode node = root.get(key);
            return node.isTextual()
                    ? Targets.matching(node.textValue())
                    : Targets.of(list(key, node));
        }

        private LoraConfig.Bias bias() throws LoraException {
            String name = text("bias");
            if (name == null) {
                return LoraConfig.Bias.NONE;
            }
            for (LoraConfig.Bias bias : LoraConfig.Bias.values()) {
                if (bias.toString().equals(name)) {
                    return bias;
                }
            }
            throw wrong("bias", "none, all or lora_only", root.get("bias"));
        }

        private String init() throws LoraException {
            JsonNode node = root.path("init_lora_weights");
            if (node.isMissingNode() || node.isNull()) {
                return "true";
            }
            String name = node.asText("").toLowerCase(Locale.ROOT);
            if (!(node.isBoolean() || node.isTextual()) || !INITS.matcher(name).matches()) {
                // what A and B were at the start matters only to those that change the base
                if (node.isTextual() && Set.of("loftq", "lora_ga", "mica").contains(name)) {
                    throw wrong("init_lora_weights", "another start; this is not supported", node);
                }
                throw wrong(
                        "init_lora_weights",
                        "true, false, gaussian, pissa, pissa_niter_N, olora, eva, corda,"
                                + " orthogonal or lora_null",
                        node);
            }
            return name;
        }

        private @Nullable Map<String, List<Integer>> tokens() throws LoraException {
            String key = "trainable_token_indices";
            if (!root.hasNonNull(key)) {
                return null;
            }
            JsonNode node = root.get(key);
            if (node.isArray()) {
                return Map.of(LoraConfig.INPUT_EMBEDDING, integers(key, node));
            }
            Map<String, List<Integer>> all = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : object(key)) {
                all.put(entry.getKey(), integers(key, entry.getValue()));
            }
            return all;
        }
    }

    /**
     * Returns the text of the file, with every key that PEFT writes.
     *
     * @param transposed whether the adapted layers store weights as {@code [in, out]}
     */
    static String text(LoraConfig config, boolean transposed) {
        Map<String, @Nullable Object> all = new TreeMap<>();
        for (String key : INERT) {
            all.put(key, null);
        }
        for (String key : UNSUPPORTED) {
            all.put(key, null);
        }
        all.remove("runtime_config");
        all.put("alpha_pattern", numbers(config.alphaPattern()));
        all.put("base_model_name_or_path", config.baseModel());
        all.put("bias", config.bias().toString());
        all.put("ensure_weight_tying", false);
        all.put("exclude_modules", targets(config.excludeModules()));
        all.put("fan_in_fan_out", transposed);
        all.put("inference_mode", true);
        all.put("init_lora_weights", init(config.initLoraWeights()));
        all.put("layers_pattern", orNull(config.layersPattern()));
        all.put("layers_to_transform", config.layersToTransform());
        all.put("loftq_config", Map.of());
        all.put("lora_alpha", number(config.loraAlpha()));
        all.put("lora_bias", false);
        all.put("lora_dropout", config.loraDropout());
        all.put("megatron_core", "megatron.core");
        all.put("modules_to_save", orNull(config.modulesToSave()));
        all.put("peft_type", "LORA");
        all.put("peft_version", PEFT_VERSION);
        all.put("qalora_group_size", 16);
        all.put("r", config.r());
        all.put("rank_pattern", config.rankPattern());
        all.put("revision", config.revision());
        all.put("target_modules", targets(config.targetModules()));
        all.put("task_type", config.taskType());
        all.put("trainable_token_indices", tokens(config.trainableTokenIndices()));
        all.put("use_dora", config.useDora());
        all.put("use_qalora", false);
        all.put("use_rslora", config.useRslora());
        DefaultPrettyPrinter printer =
                new DefaultPrettyPrinter(
                                Separators.createDefaultInstance()
                                        .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                                        .withObjectEmptySeparator("")
                                        .withArrayEmptySeparator(""))
                        .withObjectIndenter(new DefaultIndenter("  ", "\n"))
                        .withArrayIndenter(new DefaultIndenter("  ", "\n"));
        try {
            return JSON.writer(printer).writeValueAsString(all);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a map of texts and numbers is always JSON", e);
        }
    }

    private static Object init(String name) {
        return switch (name) {
            case "true" -> true;
            case "false" -> false;
            default -> name;
        };
    }

    private static @Nullable Object orNull(List<?> list) {
        return list.isEmpty() ? null : list;
    }

    private static Object number(double value) {
        if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            return (long) value;
        }
        return value;
    }

    private static Map<String, Object> numbers(Map<String, Double> values) {
        Map<String, Object> all = new TreeMap<>();
        values.forEach((name, value) -> all.put(name, number(value)));
        return all;
    }

    private static @Nullable Object targets(@Nullable Targets targets) {
        if (targets == null) {
            return null;
        }
        List<String> names = targets.names();
        return names == null ? targets.pattern() : names.stream().sorted().toList();
    }

    private static @Nullable Object tokens(@Nullable Map<String, List<Integer>> tokens) {
        if (tokens == null) {
            return null;
        }
        List<Integer> plain = tokens.get(LoraConfig.INPUT_EMBEDDING);
        return plain != null ? plain : tokens;
    }
}
