package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The scaling of the rotary embedding, from metadata and tables of factors, as transformers. */
final class GgufRope {

    private static final String FREQUENCIES = "rope_freqs.weight";
    private static final String LONG = "rope_factors_long.weight";
    private static final String SHORT = "rope_factors_short.weight";
    private static final int MAX_TABLE = 1 << 16;

    private final GgufFile file;
    private final GgufMetadata metadata;
    private final String prefix;

    GgufRope(GgufFile file, Architecture architecture) {
        this.file = file;
        this.metadata = file.metadata();
        this.prefix = architecture.ggufName() + ".rope.";
    }

    /** Returns whether a tensor belongs to the rotary embedding and not to the weights. */
    static boolean isTable(String name) {
        return List.of(FREQUENCIES, LONG, SHORT).contains(name);
    }

    double theta() throws GgufException {
        return metadata.number(prefix + "freq_base", 10000);
    }

    /** Returns the size of the part of a head that is turned. */
    int size(int headSize) throws GgufException {
        return metadata.positive(prefix + "dimension_count", headSize);
    }

    int originalContext(int context) throws GgufException {
        return metadata.positive(prefix + "scaling.original_context_length", context);
    }

    /**
     * Returns the {@code rope_scaling} of {@code config.json}, or null for none.
     *
     * @throws GgufException when the file describes one that cannot be said exactly
     */
    @Nullable ObjectNode scaling(int headSize, int context) throws IOException {
        String stated = metadata.optionalText(prefix + "scaling.type");
        String type = stated == null ? "none" : stated;
        double factor = metadata.number(prefix + "scaling.factor", 0);
        if (factor == 0 && metadata.has(prefix + "scale_linear")) {
            factor = metadata.number(prefix + "scale_linear", 1);
            type = factor == 1 ? "none" : "linear";
        }
        float[] frequencies = table(FREQUENCIES);
        if (frequencies != null
                && IntStream.range(0, frequencies.length).anyMatch(i -> frequencies[i] != 1)) {
            if (!type.equals("none")) {
                throw metadata.fail(
                        "it has both " + FREQUENCIES + " and rope scaling of type " + type);
            }
            return llama3(frequencies, size(headSize));
        }
        if (file.tensors().containsKey(LONG) || type.equals("longrope")) {
            return longRope(context);
        }
        ObjectNode scaling = JsonNodeFactory.instance.objectNode();
        switch (type) {
            case "none" -> {
                return null;
            }
            case "linear" -> scaling.put("rope_type", "linear").put("factor", positive(factor));
            case "yarn" -> {
                scaling.put("rope_type", "yarn").put("factor", positive(factor));
                scaling.put("original_max_position_embeddings", originalContext(context));
                yarnDetails(scaling);
            }
            default ->
                    throw metadata.fail(
                            prefix
                                    + "scaling.type "
                                    + GgufHeader.quote(type)
                                    + " is not supported; supported are none, linear, yarn,"
                                    + " longrope and llama3 frequency tables");
        }
        return scaling;
    }

    private void yarnDetails(ObjectNode scaling) throws GgufException {
        for (String name : List.of("attn_factor", "yarn_attn_factor")) {
            if (metadata.number(prefix + "scaling." + name, 1) != 1) {
                throw metadata.fail(prefix + "scaling." + name + " other than 1 is not supported");
            }
        }
        if (metadata.number(prefix + "scaling.yarn_log_multiplier", 0) != 0) {
            throw metadata.fail(prefix + "scaling.yarn_log_multiplier is not supported");
        }
        for (String name : List.of("beta_fast", "beta_slow")) {
            if (metadata.has(prefix + "scaling.yarn_" + name)) {
                scaling.put(name, metadata.number(prefix + "scaling.yarn_" + name, 0));
            }
        }
    }

    private double positive(double factor) throws GgufException {
        if (!(factor > 0)) {
            throw metadata.fail(prefix + "scaling.factor must be a positive number");
        }
        return factor;
    }

    private float @Nullable [] table(String name) throws IOException {
        GgufTensor tensor = file.tensors().get(name);
        if (tensor == null) {
            return null;
        }
        if (tensor.elementCount() > MAX_TABLE) {
            throw metadata.fail("tensor " + name + " is too large for a table of frequencies");
        }
        float[] values = new float[(int) tensor.elementCount()];
        file.readFloats(tensor, 0, values, 0, values.length);
        return values;
    }

    /**
     * Finds the parameters of Llama 3's scaling that give a table of frequency divisors.
     *
     * <p>A frequency with wavelength w, for an original context c: divisor 1 when w is below c/4,
     * the factor f when above c, and between them 1 / ((1 - s) / f + s) with s = (c/w - 1) / 3.
     */
    private ObjectNode llama3(float[] divisors, int size) throws GgufException {
        double last = GgufMetadata.shortest(divisors[divisors.length - 1]);
        IntStream contexts =
                IntStream.concat(IntStream.of(8192), IntStream.range(5, 21).map(bits -> 1 << bits));
        for (int context : contexts.toArray()) {
            for (double factor : new double[] {8, 32, last}) {
                if (divisors.length * 2 == size && matches(divisors, factor, context)) {
                    return JsonNodeFactory.instance
                            .objectNode()
                            .put("rope_type", "llama3")
                            .put("factor", factor)
                            .put("low_freq_factor", 1.0)
                            .put("high_freq_factor", 4.0)
                            .put("original_max_position_embeddings", context);
                }
            }
        }
        throw metadata.fail(
                "tensor "
                        + FREQUENCIES
                        + " is not the rope scaling of Llama 3 with low_freq_factor 1 and"
                        + " high_freq_factor 4, the only frequency table that is supported");
    }

    private boolean matches(float[] divisors, double factor, int context) throws GgufException {
        double theta = theta();
        for (int i = 0; i < divisors.length; i++) {
            double wavelength = 2 * Math.PI * Math.pow(theta, (double) i / divisors.length);
            double smooth = (context / wavelength - 1) / 3;
            double clamped = Math.max(0, Math.min(1, smooth));
            double expected = 1 / ((1 - clamped) / factor + clamped);
            if (!(Math.abs(divisors[i] - expected) <= 1e-4 * expected)) {
                return false;
            }
        }
        return true;
    }

    private ObjectNode longRope(int context) throws IOException {
        float[] longFactors = table(LONG);
        float[] shortFactors = table(SHORT);
        if (longFactors == null || shortFactors == null) {
            throw metadata.fail(
                    "rope scaling longrope needs the tensors " + LONG + " and " + SHORT);
        }
        double scale = (double) context / originalContext(context);
        double usual =
                scale <= 1
                        ? 1
                        : Math.sqrt(1 + Math.log(scale) / Math.log(originalContext(context)));
        double stated = metadata.number(prefix + "scaling.attn_factor", usual);
        if (!(Math.abs(stated - usual) <= 1e-4)) {
            throw metadata.fail(
                    prefix
                            + "scaling.attn_factor is "
                            + stated
                            + "; only the usual one of longrope, "
                            + usual
                            + ", is supported");
        }
        ObjectNode scaling = JsonNodeFactory.instance.objectNode().put("type", "longrope");
        fill(scaling.putArray("long_factor"), longFactors);
        fill(scaling.putArray("short_factor"), shortFactors);
        return scaling;
    }

    private static void fill(ArrayNode node, float[] values) {
        IntStream.range(0, values.length)
                .mapToDouble(i -> GgufMetadata.shortest(values[i]))
                .forEach(node::add);
    }
}
