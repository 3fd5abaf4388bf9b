package org.retain4j.lora;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.TensorInfo;

/**
 * What a stored adapter makes of one tensor of its base.
 *
 * @param parameter Hugging Face name of the parameter
 * @param tensor where it is stored
 * @param module adapted module, or null when it is not
 * @param wholeKey key of what replaces it, or null
 * @param tokenKey key of the rows that replace some of its own, or null
 * @param transposed whether it is stored as {@code [in, out]}
 * @param share what the scale is multiplied by
 */
record WeightChange(
        String parameter,
        TensorInfo tensor,
        @Nullable String module,
        @Nullable String wholeKey,
        @Nullable String tokenKey,
        boolean transposed,
        double share) {

    /** Changes some rows of a tensor, given as float32 numbers one row after another. */
    interface Rows {
        /**
         * Changes numbers in place.
         *
         * @param values at least rows · columns numbers
         * @param first number of the first row in the tensor
         */
        void apply(float[] values, int rows, int columns, long first);
    }

    /** Returns all changes by the name of the parameter. */
    static Map<String, WeightChange> all(BaseFiles files, StoredAdapter stored, double share)
            throws LoraException {
        if (share != 1
                && (stored.config().useDora()
                        || !stored.wholes().isEmpty()
                        || !stored.tokenRows().isEmpty())) {
            throw new LoraException(
                    stored.folder()
                            + " is more than products of two matrices and cannot have the share "
                            + share);
        }
        Map<String, WeightChange> all = new LinkedHashMap<>();
        for (String module : stored.modules().keySet()) {
            put(all, files, stored, module + ".weight", module, null, null, share);
        }
        for (Map.Entry<String, String> whole : stored.wholes().entrySet()) {
            WeightChange other = all.get(whole.getKey());
            String module = other == null ? null : other.module();
            put(all, files, stored, whole.getKey(), module, whole.getValue(), null, share);
        }
        for (Map.Entry<String, String> rows : stored.tokenRows().entrySet()) {
            String parameter = rows.getKey() + ".weight";
            put(all, files, stored, parameter, null, null, rows.getValue(), share);
        }
        return all;
    }

    private static void put(
            Map<String, WeightChange> all,
            BaseFiles files,
            StoredAdapter stored,
            String parameter,
            @Nullable String module,
            @Nullable String wholeKey,
            @Nullable String tokenKey,
            double share)
            throws LoraException {
        boolean head = parameter.equals(files.names().head() + ".weight");
        TensorInfo tensor =
                head && files.hasTiedHead()
                        ? files.stored(files.names().embedding() + ".weight")
                        : files.stored(parameter);
        if (tensor == null) {
            throw new LoraException(
                    "adapter "
                            + stored.folder()
                            + " changes "
                            + parameter
                            + ", which "
                            + files.path()
                            + " does not have; it was made for "
                            + (stored.config().baseModel() == null
                                    ? "another model"
                                    : stored.config().baseModel()));
        }
        boolean transposed = module != null && files.isTransposed(module);
        WeightChange change =
                new WeightChange(parameter, tensor, module, wholeKey, tokenKey, transposed, share);
        change.requireShapes(stored);
        all.put(parameter, change);
    }

    /** Returns whether a tied head and the embedding are no longer the same after changes. */
    static boolean separatesHead(BaseFiles files, Map<String, WeightChange> changes) {
        WeightChange table = changes.get(files.names().embedding() + ".weight");
        return changes.containsKey(files.names().head() + ".weight")
                || table != null && table.tokenKey() == null;
    }

    private void requireShapes(StoredAdapter stored) throws LoraException {
        if (wholeKey != null && !stored.shape(wholeKey).equals(tensor.shape())) {
            throw wrong(stored, wholeKey + " has shape " + stored.shape(wholeKey), tensor.shape());
        }
        if (tokenKey != null) {
            List<Integer> ids = tokenIds(stored);
            List<Long> expected = List.of((long) ids.size(), tensor.shape().get(1));
            if (!stored.shape(tokenKey).equals(expected)) {
                throw wrong(stored, tokenKey + " has shape " + stored.shape(tokenKey), expected);
            }
            for (int id : ids) {
                if (id < 0 || id >= tensor.shape().get(0)) {
                    throw new LoraException(
                            stored.folder() + ": trainable_token_indices has no id " + id);
                }
            }
        }
        StoredAdapter.Matrices own = module == null ? null : stored.modules().get(module);
        if (own == null) {
            return;
        }
        long in = stored.shape(own.a()).get(1);
        long out = stored.shape(own.b()).get(0);
        boolean turned = transposed || own.isEmbedding();
        List<Long> expected = turned ? List.of(in, out) : List.of(out, in);
        if (!tensor.shape().equals(expected)) {
            throw wrong(
                    stored,
                    own.a()
                            + " is "
                            + stored.shape(own.a())
                            + " and "
                            + own.b()
                            + " "
                            + stored.shape(own.b())
                            + ", which fit a weight of "
                            + expected,
                    tensor.shape());
        }
    }

    private LoraException wrong(StoredAdapter stored, String found, List<Long> expected) {
        return new LoraException(
                "adapter "
                        + stored.folder()
                        + ": "
                        + found
                        + " but the base's "
                        + parameter
                        + " needs "
                        + expected
                        + "; the adapter belongs to another model");
    }

    private List<Integer> tokenIds(StoredAdapter stored) {
        Map<String, List<Integer>> ids = stored.config().trainableTokenIndices();
        return ids == null || ids.size() != 1 ? List.of() : ids.values().iterator().next();
    }

    /** Returns whether all it does is to add the product of two matrices. */
    boolean isProduct(StoredAdapter stored) {
        StoredAdapter.Matrices own = module == null ? null : stored.modules().get(module);
        return own != null && own.magnitude() == null && wholeKey == null && tokenKey == null;
    }

    /**
     * Loads what the change needs. The result may be used by several threads for different rows.
     *
     * @param halves whether numbers come in the order of {@link BfloatHalves}, for a product alone
     */
    Rows open(StoredAdapter stored, BaseFiles files, boolean halves) throws IOException {
        List<Rows> steps = new ArrayList<>();
        if (wholeKey != null) {
            float[] whole = stored.floats(wholeKey);
            steps.add(
                    (values, rows, columns, first) ->
                            System.arraycopy(
                                    whole,
                                    Math.toIntExact(first * columns),
                                    values,
                                    0,
                                    rows * columns));
        }
        if (tokenKey != null) {
            steps.add(tokens(stored, tokenKey));
        }
        StoredAdapter.Matrices own = module == null ? null : stored.modules().get(module);
        if (own != null) {
            steps.add(product(stored, own, files, halves));
        }
        return (values, rows, columns, first) ->
                steps.forEach(step -> step.apply(values, rows, columns, first));
    }

    private Rows tokens(StoredAdapter stored, String key) throws LoraException {
        List<Integer> ids = tokenIds(stored);
        float[] own = stored.floats(key);
        return (values, rows, columns, first) -> {
            for (int i = 0; i < ids.size(); i++) {
                long at = ids.get(i) - first;
                if (at >= 0 && at < rows) {
                    System.arraycopy(own, i * columns, values, (int) at * columns, columns);
                }
            }
        };
    }

    /** Adds left · right, rows of left with rows of the weight; DoRA sets the lengths then. */
    private Rows product(
            StoredAdapter stored, StoredAdapter.Matrices own, BaseFiles files, boolean halves)
            throws IOException {
        int rank = Math.toIntExact(stored.shape(own.a()).get(0));
        float[] a = stored.floats(own.a());
        float[] b = stored.floats(own.b());
        boolean turned = transposed || own.isEmbedding();
        float[] left = turned ? turned(a, rank) : b;
        float[] plain = turned ? turned(b, b.length / rank) : a;
        float[] right = halves ? BfloatHalves.ordered(plain, plain.length / rank) : plain;
        float scale = (float) (share * stored.config().scaleOf(String.valueOf(module)));
        Rows sum =
                (values, rows, columns, first) -> {
                    float[] added = new float[columns];
                    for (int row = 0; row < rows; row++) {
                        int leftAt = Math.toIntExact((first + row) * rank);
                        product(left, leftAt, right, rank, added);
                        int at = row * columns;
                        for (int j = 0; j < columns; j++) {
                            values[at + j] += scale * added[j];
                        }
                    }
                };
        if (own.magnitude() == null) {
            return sum;
        }
        float[] magnitude = stored.floats(own.magnitude());
        if (!turned) {
            return (values, rows, columns, first) -> {
                sum.apply(values, rows, columns, first);
                for (int row = 0; row < rows; row++) {
                    double squares = 0;
                    for (int j = row * columns; j < (row + 1) * columns; j++) {
                        squares += (double) values[j] * values[j];
                    }
                    double factor = magnitude[Math.toIntExact(first + row)] / Math.sqrt(squares);
                    for (int j = row * columns; j < (row + 1) * columns; j++) {
                        values[j] = (float) (values[j] * factor);
                    }
                }
            };
        }
        double[] factors = new double[magnitude.length];
        files.forEachPart(
                tensor,
                (values, rows, columns, first) -> {
                    sum.apply(values, rows, columns, first);
                    for (int i = 0; i < rows * columns; i++) {
                        factors[i % columns] += (double) values[i] * values[i];
                    }
                });
        for (int j = 0; j < factors.length; j++) {
            factors[j] = magnitude[j] / Math.sqrt(factors[j]);
        }
        return (values, rows, columns, first) -> {
            sum.apply(values, rows, columns, first);
            for (int i = 0; i < rows * columns; i++) {
                values[i] = (float) (values[i] * factors[i % columns]);
            }
        };
    }

    /** Sets a row of a product. */
    private static void product(float[] left, int leftAt, float[] right, int rank, float[] sum) {
        int columns = sum.length;
        Arrays.fill(sum, 0);
        int k = 0;
        // four terms at once: the sums are then read and written a quarter as often
        for (; k + 4 <= rank; k += 4) {
            float f0 = left[leftAt + k];
            float f1 = left[leftAt + k + 1];
            float f2 = left[leftAt + k + 2];
            float f3 = left[leftAt + k + 3];
            int s0 = k * columns;
            int s1 = s0 + columns;
            int s2 = s1 + columns;
            int s3 = s2 + columns;
            for (int j = 0; j < columns; j++) {
                sum[j] +=
                        f0 * right[s0 + j]
                                + f1 * right[s1 + j]
                                + f2 * right[s2 + j]
                                + f3 * right[s3 + j];
            }
        }
        for (; k < rank; k++) {
            float factor = left[leftAt + k];
            int start = k * columns;
            for (int j = 0; j < columns; j++) {
                sum[j] += factor * right[start + j];
            }
        }
    }

    /** Returns a matrix with its rows as columns. */
    private static float[] turned(float[] matrix, int rows) {
        int columns = matrix.length / rows;
        float[] result = new float[matrix.length];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[j * rows + i] = matrix[i * columns + j];
            }
        }
        return result;
    }
}
