package org.retain4j.merging;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.FloatSource;

/**
 * How the models and the result of a merge differ from the base at one tensor, or from the first
 * model where there is no base.
 *
 * @param reference length of the base
 * @param models length of the change of each model
 * @param result length of the change of the result
 * @param cosines cosine of the change of each model with that of the result, 0 where one is 0
 * @param pairs cosine of the changes of models i and j &lt; i, row after row
 * @param conflicts share of elements that models change in opposite directions
 * @param changed share of elements that are not those of the base, once rounded
 */
record TensorStatistics(
        double reference,
        List<Double> models,
        double result,
        List<Double> cosines,
        List<Double> pairs,
        double conflicts,
        double changed) {

    TensorStatistics {
        models = List.copyOf(models);
        cosines = List.copyOf(cosines);
        pairs = List.copyOf(pairs);
    }

    /** Returns how long the change of the result is, measured by the base. */
    double relative() {
        return reference == 0 ? 0 : result / reference;
    }

    ObjectNode json() {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("base_norm", reference);
        node.put("result_delta_norm", result);
        numbers(node.putArray("delta_norms"), models);
        numbers(node.putArray("cosines_with_result"), cosines);
        numbers(node.putArray("cosines_between"), pairs);
        node.put("sign_conflicts", conflicts);
        node.put("changed", changed);
        return node;
    }

    private static void numbers(ArrayNode array, List<Double> values) {
        values.forEach(array::add);
    }

    static TensorStatistics of(JsonNode node) {
        return new TensorStatistics(
                node.path("base_norm").asDouble(),
                numbers(node.path("delta_norms")),
                node.path("result_delta_norm").asDouble(),
                numbers(node.path("cosines_with_result")),
                numbers(node.path("cosines_between")),
                node.path("sign_conflicts").asDouble(),
                node.path("changed").asDouble());
    }

    private static List<Double> numbers(JsonNode array) {
        List<Double> values = new ArrayList<>();
        array.forEach(value -> values.add(value.asDouble()));
        return values;
    }

    /** Remembers the last part that was read of a tensor, so that it need not be read again. */
    private static final class Remembered implements FloatSource {

        private final FloatSource source;
        private float[] part = new float[0];
        private long start = -1;
        private int length;

        Remembered(FloatSource source) {
            this.source = source;
        }

        @Override
        public void read(long at, float[] target, int count) throws IOException {
            source.read(at, target, count);
            if (part.length < count) {
                part = new float[count];
            }
            System.arraycopy(target, 0, part, 0, count);
            start = at;
            length = count;
        }

        float[] part(long at, int count) throws IOException {
            if (start != at || length != count) {
                read(at, new float[count], count);
            }
            return part;
        }
    }

    /** Sums over the parts of a tensor as they are written; for one thread. */
    static final class Collector {

        private static final int LANES = 2048;

        private final List<Remembered> sources = new ArrayList<>();
        private final boolean hasBase;
        private final DType type;
        private final int n;
        private final double[][] products;
        private final float[] lanes = new float[LANES];
        private float[][] deltas = new float[0][];
        private float[] low = new float[0];
        private float[] high = new float[0];
        private double reference;
        private long conflicts;
        private long changed;
        private long elements;

        /**
         * Starts.
         *
         * @param models number of models that change something, the reference not among them
         */
        Collector(int models, boolean hasBase, DType type) {
            this.hasBase = hasBase;
            this.type = type;
            this.n = hasBase ? models : models - 1;
            this.products = new double[n + 1][n + 1];
        }

        /** Adds a source, the base first or the models in order, and returns what to read from. */
        FloatSource watch(FloatSource source) {
            Remembered remembered = new Remembered(source);
            sources.add(remembered);
            return remembered;
        }

        /** Adds a part of the result; the base was watched last where there is one. */
        void add(long at, float[] result, int count) throws IOException {
            Remembered base = sources.get(hasBase ? sources.size() - 1 : 0);
            float[] from = base.part(at, count);
            room(count);
            for (int i = 0; i < n; i++) {
                Remembered model = sources.get(hasBase ? i : i + 1);
                subtract(model.part(at, count), from, deltas[i], count);
            }
            subtract(result, from, deltas[n], count);
            reference += dot(from, from, count);
            for (int i = 0; i <= n; i++) {
                for (int j = 0; j <= i; j++) {
                    products[i][j] += dot(deltas[i], deltas[j], count);
                }
            }
            if (n > 1) {
                conflicts += conflicts(count);
            }
            changed +=
                    type == DType.BFLOAT16
                            ? changedBfloats(result, from, count)
                            : changed(result, from, count);
            elements += count;
        }

        private void room(int count) {
            if (low.length < count) {
                deltas = new float[n + 1][count];
                low = new float[count];
                high = new float[count];
            }
        }

        private static void subtract(float[] a, float[] b, float[] target, int count) {
            for (int k = 0; k < count; k++) {
                target[k] = a[k] - b[k];
            }
        }

        /** Sums in many lanes, which is fast and loses less than one sum would. */
        private double dot(float[] a, float[] b, int count) {
            Arrays.fill(lanes, 0);
            int at = 0;
            for (; at + LANES <= count; at += LANES) {
                lanes(a, b, at, lanes);
            }
            double sum = 0;
            for (float lane : lanes) {
                sum += lane;
            }
            for (; at < count; at++) {
                sum += (double) a[at] * b[at];
            }
            return sum;
        }

        private static void lanes(float[] a, float[] b, int at, float[] sums) {
            for (int k = 0; k < LANES; k++) {
                sums[k] += a[at + k] * b[at + k];
            }
        }

        private long conflicts(int count) {
            System.arraycopy(deltas[0], 0, low, 0, count);
            System.arraycopy(deltas[0], 0, high, 0, count);
            for (int i = 1; i < n; i++) {
                bounds(deltas[i], low, high, count);
            }
            int found = 0;
            for (int k = 0; k < count; k++) {
                found +=
                        (Float.floatToRawIntBits(low[k]) & Float.floatToRawIntBits(0f - high[k]))
                                >>> 31;
            }
            return found;
        }

        private static void bounds(float[] delta, float[] low, float[] high, int count) {
            for (int k = 0; k < count; k++) {
                low[k] = Math.min(low[k], delta[k]);
                high[k] = Math.max(high[k], delta[k]);
            }
        }

        private static long changed(float[] a, float[] b, int count) {
            int found = 0;
            for (int k = 0; k < count; k++) {
                found += a[k] == b[k] ? 0 : 1;
            }
            return found;
        }

        private static long changedBfloats(float[] a, float[] b, int count) {
            int same = 0;
            for (int k = 0; k < count; k++) {
                int bits = Float.floatToRawIntBits(a[k]);
                int rounded = bits + 0x7fff + ((bits >>> 16) & 1) & 0xffff0000;
                int different = rounded ^ Float.floatToRawIntBits(b[k]);
                same += (different | -different) >>> 31;
            }
            return same;
        }

        TensorStatistics result() {
            List<Double> lengths = new ArrayList<>();
            List<Double> cosines = new ArrayList<>();
            List<Double> pairs = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                lengths.add(Math.sqrt(products[i][i]));
                cosines.add(cosine(n, i));
                for (int j = 0; j < i; j++) {
                    pairs.add(cosine(i, j));
                }
            }
            double all = Math.max(1, elements);
            return new TensorStatistics(
                    Math.sqrt(reference),
                    lengths,
                    Math.sqrt(products[n][n]),
                    cosines,
                    pairs,
                    conflicts / all,
                    changed / all);
        }

        private double cosine(int i, int j) {
            double lengths = Math.sqrt(products[i][i]) * Math.sqrt(products[j][j]);
            return lengths > 0 ? Math.max(-1, Math.min(1, products[i][j] / lengths)) : 0;
        }
    }
}
