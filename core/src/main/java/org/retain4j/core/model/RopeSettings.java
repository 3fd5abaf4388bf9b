package org.retain4j.core.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.retain4j.core.nn.RopeScaling;
import org.retain4j.core.nn.Rotary;

/**
 * Reads the rotary embedding of a configuration, under the key names of transformers 4 ({@code
 * rope_theta}, {@code rope_scaling}) and 5 ({@code rope_parameters}).
 */
final class RopeSettings {

    private static final Set<String> PLAIN = Set.of("rope_type", "type", "rope_theta");
    private static final int PHI3_POSITIONS = 4096;
    private static final String FACTOR = "factor";
    private static final String ORIGINAL = "original_max_position_embeddings";

    private final ModelConfig config;
    private final String key;
    private final ObjectNode node;
    private final Kind kind;

    private RopeSettings(ModelConfig config, String key, ObjectNode node, Kind kind) {
        this.config = config;
        this.key = key;
        this.node = node;
        this.kind = kind;
    }

    /** What families do differently. */
    private enum Kind {
        /** Heads are rotated as a whole. */
        WHOLE,
        /** Heads may be rotated in part. */
        PARTIAL,
        /** In part, and scaled by lists of factors or not at all, as in Phi 3. */
        LONG
    }

    /**
     * Reads the one embedding of a model.
     *
     * @param headDim width of a head
     * @param thetaKey key of the base in the style of transformers 4
     * @param theta base when no key names one
     * @param shareKey key of the rotated share of a head in the style of transformers 4
     * @param share rotated share when no key names one
     */
    static Rotary.Spec read(
            ModelConfig config,
            int headDim,
            String thetaKey,
            double theta,
            String shareKey,
            double share)
            throws ModelException {
        double base = config.positiveNumber(thetaKey, theta);
        double part = config.positiveNumber(shareKey, share);
        return of(config, Kind.PARTIAL).spec(headDim, base, part);
    }

    /** Reads the embedding of Llama and the families like it. */
    static Rotary.Spec read(ModelConfig config, int headDim) throws ModelException {
        return of(config, Kind.WHOLE).spec(headDim, config.positiveNumber("rope_theta", 10_000), 1);
    }

    /** Reads the embedding of Phi 3. */
    static Rotary.Spec readLong(ModelConfig config, int headDim) throws ModelException {
        return of(config, Kind.LONG)
                .spec(
                        headDim,
                        config.positiveNumber("rope_theta", 10_000),
                        config.positiveNumber("partial_rotary_factor", 1));
    }

    private static RopeSettings of(ModelConfig config, Kind kind) throws ModelException {
        ObjectNode old = object(config, "rope_scaling", config.node("rope_scaling"));
        ObjectNode node = object(config, "rope_parameters", config.node("rope_parameters"));
        if (node.isEmpty()) {
            return new RopeSettings(config, "rope_scaling", old, kind);
        }
        requireOneOf(config, old);
        return new RopeSettings(config, "rope_parameters", node, kind);
    }

    private static void requireOneOf(ModelConfig config, ObjectNode old) throws ModelException {
        if (!old.isEmpty()) {
            throw config.unsupported("rope_scaling", "there is also \"rope_parameters\"; keep one");
        }
    }

    /**
     * Returns settings by type of layer, as transformers 5 writes them; empty when there are none.
     */
    static ObjectNode byLayerType(ModelConfig config) throws ModelException {
        String key = "rope_parameters";
        ObjectNode node = object(config, key, config.node(key));
        for (String type : (Iterable<String>) node::fieldNames) {
            if (!type.equals("full_attention") && !type.equals("sliding_attention")) {
                throw config.unsupported(
                        key, "expected \"full_attention\" and \"sliding_attention\"");
            }
        }
        if (!node.isEmpty()) {
            requireOneOf(config, object(config, "rope_scaling", config.node("rope_scaling")));
        }
        return node;
    }

    /** Reads one of several embeddings, whose settings are given. */
    static Rotary.Spec nested(
            ModelConfig config, String key, JsonNode settings, int headDim, double theta)
            throws ModelException {
        return new RopeSettings(config, key, object(config, key, settings), Kind.WHOLE)
                .spec(headDim, theta, 1);
    }

    private static ObjectNode object(ModelConfig config, String key, JsonNode node)
            throws ModelException {
        if (node.isMissingNode() || node.isNull()) {
            return JsonNodeFactory.instance.objectNode();
        }
        if (!(node instanceof ObjectNode object)) {
            throw config.unsupported(key, "expected an object with a \"rope_type\"");
        }
        return object;
    }

    private Rotary.Spec spec(int headDim, double theta, double share) throws ModelException {
        double base = number("rope_theta", theta);
        double part = number("partial_rotary_factor", share);
        if (part != 1 && kind == Kind.WHOLE) {
            throw config.unsupported(key, "this model type rotates whole heads");
        }
        int dims = (int) (headDim * part);
        if (part == 1 && dims % 2 != 0) {
            throw new ModelException(
                    config.origin()
                            + ": head_dim "
                            + dims
                            + " is odd, but the rotary embedding turns pairs of dimensions");
        }
        if (part > 1 || dims < 2 || dims % 2 != 0) {
            throw config.unsupported(
                    key,
                    "a share of "
                            + part
                            + " of a head of "
                            + headDim
                            + " must be an even number of dimensions, at least 2");
        }
        return new Rotary.Spec(dims, base, scaling(dims, base));
    }

    private RopeScaling scaling(int dims, double theta) throws ModelException {
        if (node.has("factor") && !node.has("rope_type") && !node.has("type")) {
            throw config.unsupported(key, "expected an object with a \"rope_type\"");
        }
        String type = node.path("rope_type").asText(node.path("type").asText("default"));
        if (kind == Kind.LONG && !Set.of("default", "longrope", "su").contains(type)) {
            throw config.unsupported(key, "this model type has rope types default and longrope");
        }
        switch (type) {
            case "default" -> {
                allow();
                return new RopeScaling.None();
            }
            case "linear" -> {
                allow(FACTOR);
                return new RopeScaling.Linear(factor());
            }
            case "dynamic" -> {
                allow(FACTOR, ORIGINAL);
                if (dims < 4) {
                    throw config.unsupported(key, "dynamic scaling needs 4 dimensions or more");
                }
                return new RopeScaling.Dynamic(
                        factor(), config.positiveInt("max_position_embeddings"));
            }
            case "llama3" -> {
                allow(FACTOR, "low_freq_factor", "high_freq_factor", ORIGINAL);
                double low = number("low_freq_factor");
                double high = number("high_freq_factor");
                if (high <= low) {
                    throw config.unsupported(key, "high_freq_factor must be above low_freq_factor");
                }
                return new RopeScaling.Llama3(factor(), low, high, originalPositions());
            }
            case "yarn" -> {
                if (theta <= 1) {
                    throw config.unsupported(key, "yarn needs a rope_theta above 1");
                }
                return yarn();
            }
            case "longrope", "su" -> {
                return longRope(dims);
            }
            default ->
                    throw config.unsupported(
                            key,
                            "supported rope types are default, linear, dynamic, llama3, yarn and"
                                    + " longrope");
        }
    }

    private RopeScaling yarn() throws ModelException {
        allow(
                FACTOR,
                ORIGINAL,
                "attention_factor",
                "beta_fast",
                "beta_slow",
                "mscale",
                "mscale_all_dim",
                "truncate");
        double original = originalPositions();
        if (!node.has(FACTOR)) {
            throw config.unsupported(key, "it has no \"factor\"");
        }
        double factor =
                node.hasNonNull(FACTOR)
                        ? factor()
                        : config.positiveInt("max_position_embeddings") / original;
        double attention = enlargement(factor, 1);
        if (node.hasNonNull("attention_factor")) {
            attention = number("attention_factor");
        } else if (node.path("mscale").asDouble() != 0
                && node.path("mscale_all_dim").asDouble() != 0) {
            attention =
                    enlargement(factor, number("mscale"))
                            / enlargement(factor, number("mscale_all_dim"));
        }
        return new RopeScaling.Yarn(
                factor,
                attention,
                number("beta_fast", 32),
                number("beta_slow", 1),
                original,
                truncate());
    }

    private boolean truncate() throws ModelException {
        JsonNode truncate = node.path("truncate");
        if (node.hasNonNull("truncate") && !truncate.isBoolean()) {
            throw config.unsupported(key, "truncate must be true or false");
        }
        return truncate.asBoolean(true);
    }

    private static double enlargement(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private RopeScaling longRope(int dims) throws ModelException {
        allow(FACTOR, ORIGINAL, "attention_factor", "short_factor", "long_factor");
        int original = (int) originalPositions();
        if (original < 2) {
            throw config.unsupported(key, ORIGINAL + " must be at least 2");
        }
        double factor =
                node.hasNonNull(FACTOR)
                        ? factor()
                        : (double) config.positiveInt("max_position_embeddings") / original;
        double attention = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        if (node.hasNonNull("attention_factor")) {
            attention = number("attention_factor");
        }
        return new RopeScaling.LongRope(
                factors("short_factor", dims / 2),
                factors("long_factor", dims / 2),
                original,
                attention);
    }

    private List<Double> factors(String name, int count) throws ModelException {
        JsonNode list = node.path(name);
        List<Double> factors = new ArrayList<>();
        for (JsonNode factor : list) {
            factors.add(config.positiveNumber(key + "." + name, factor));
        }
        if (!list.isArray() || factors.size() != count) {
            throw config.unsupported(key, name + " must be a list of " + count + " numbers");
        }
        return factors;
    }

    private double factor() throws ModelException {
        double factor = number(FACTOR);
        if (factor < 1) {
            throw config.unsupported(key, "factor must be at least 1");
        }
        return factor;
    }

    /** A length at the top level of the file goes before one inside, as in the reference. */
    private double originalPositions() throws ModelException {
        if (config.has(ORIGINAL)) {
            return config.positiveInt(ORIGINAL);
        }
        if (kind == Kind.LONG) {
            return PHI3_POSITIONS;
        }
        return node.hasNonNull(ORIGINAL)
                ? number(ORIGINAL)
                : config.positiveInt("max_position_embeddings");
    }

    private double number(String name) throws ModelException {
        if (!node.hasNonNull(name)) {
            throw config.unsupported(key, "it has no \"" + name + "\"");
        }
        return config.positiveNumber(key + "." + name, node.get(name));
    }

    private double number(String name, double absent) throws ModelException {
        return node.hasNonNull(name) ? number(name) : absent;
    }

    private void allow(String... names) throws ModelException {
        Set<String> unknown = new TreeSet<>();
        node.fieldNames().forEachRemaining(unknown::add);
        unknown.removeAll(PLAIN);
        unknown.remove("partial_rotary_factor");
        unknown.removeAll(Set.of(names));
        unknown.removeIf(name -> node.get(name).isNull());
        // newer files name the length of the first training for every type, also unscaled ones
        unknown.remove(ORIGINAL);
        if (!unknown.isEmpty()) {
            String first = unknown.iterator().next();
            String shown = first.length() > 100 ? first.substring(0, 100) + "…" : first;
            throw config.unsupported(key, "its \"" + shown + "\" is unknown");
        }
    }

    /** Returns the longest row that a model with this rotary embedding is meant for. */
    static int maxPositions(int configured, RopeScaling scaling) {
        double limit = configured;
        if (scaling instanceof RopeScaling.Linear linear) {
            limit = configured * linear.factor();
        } else if (scaling instanceof RopeScaling.Dynamic dynamic) {
            limit = configured * dynamic.factor();
        } else if (scaling instanceof RopeScaling.Yarn yarn) {
            limit = Math.max(limit, yarn.originalPositions() * yarn.factor());
        }
        return (int) Math.min(limit, Integer.MAX_VALUE);
    }
}
