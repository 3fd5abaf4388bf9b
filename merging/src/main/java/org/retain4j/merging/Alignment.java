package org.retain4j.merging;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;

/**
 * Brings the units of a model into the order in which another model has them, without changing what
 * it computes: weight matching of Ainsworth et al., "Git Re-Basin", 2209.04836, for blocks of the
 * llama kind.
 *
 * <p>Units that may change places are the neurons of the feed-forward part, the groups of heads
 * that share a key and value, the heads within a group, and the dimensions of the values of a
 * group. The dimensions of queries and keys stay, as rotary positions bind them, and so does the
 * residual stream, which makes every block a problem of its own that is solved exactly. Of the
 * models themselves nothing is changed.
 *
 * <p>Memory is that of the largest matrix of both models and of a square of the neurons, in
 * float32.
 */
public final class Alignment {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FILE = "alignment.json";
    private static final long MAX_SHARD = 5_000_000_000L;
    private static final int ROWS = 256;

    /**
     * What was found for one block.
     *
     * @param layer number of the block
     * @param neurons place of every neuron in the model that was aligned
     * @param groups place of every group of heads in it
     * @param heads place of every head in it
     * @param values for each group, the place of each dimension of its values
     * @param before similarity of the blocks as they were: the cosine of all matrices together
     * @param after similarity once aligned
     */
    public record Block(
            int layer,
            int[] neurons,
            int[] groups,
            int[] heads,
            int[][] values,
            double before,
            double after) {

        /** Returns how many neurons have another place. */
        public int movedNeurons() {
            return moved(neurons);
        }

        /** Returns how many heads have another place. */
        public int movedHeads() {
            return moved(heads);
        }

        private static int moved(int[] places) {
            int moved = 0;
            for (int i = 0; i < places.length; i++) {
                moved += places[i] == i ? 0 : 1;
            }
            return moved;
        }
    }

    /** Sizes of the attention. */
    private record Heads(int heads, int groups, int width) {

        int each() {
            return heads / groups;
        }
    }

    /** Which rows, or columns, of a tensor of the aligned model come from where. */
    private record Moves(int @Nullable [] rows, int @Nullable [] columns) {}

    private final Weights base;
    private final Weights other;
    private final Heads heads;

    private Alignment(Weights base, Weights other, Heads heads) {
        this.base = base;
        this.other = other;
        this.heads = heads;
    }

    /**
     * Writes a model whose units are in the order of another.
     *
     * @param base folder of the model that gives the order
     * @param other folder of the model to align, of the same shapes
     * @param out folder of the result, made if missing; gets {@code alignment.json} too
     * @param progress told of blocks matched, then of bytes written
     * @return what was found, block by block
     * @throws MergeException if the models differ in shape or are not of the llama kind
     */
    public static List<Block> align(Path base, Path other, Path out, TensorCopy.Progress progress)
            throws IOException {
        ModelFolder.requireOther(base, out);
        ModelFolder.requireOther(other, out);
        try (Weights first = Weights.ofModel(base);
                Weights second = Weights.ofModel(other)) {
            Alignment alignment = new Alignment(first, second, heads(other));
            int layers = alignment.check();
            List<Block> blocks = new ArrayList<>();
            for (int layer = 0; layer < layers; layer++) {
                blocks.add(alignment.match(layer));
                progress.at(layer + 1, layers);
            }
            alignment.write(blocks, out, progress);
            ModelFolder.copyBeside(other, out);
            AtomicFile.write(out.resolve(FILE), record(first, second, blocks));
            return blocks;
        }
    }

    private static Heads heads(Path model) throws IOException {
        JsonNode config = MergeInputs.config(model);
        int heads = config.path("num_attention_heads").asInt(0);
        int groups = config.path("num_key_value_heads").asInt(heads);
        int hidden = config.path("hidden_size").asInt(0);
        if (heads < 1 || groups < 1 || heads % groups != 0 || hidden < heads) {
            throw new MergeException(
                    model.resolve("config.json")
                            + " has num_attention_heads "
                            + heads
                            + ", num_key_value_heads "
                            + groups
                            + " and hidden_size "
                            + hidden
                            + "; expected a model of the llama kind");
        }
        return new Heads(heads, groups, config.path("head_dim").asInt(hidden / heads));
    }

    /** Checks everything that matching needs and returns the number of blocks. */
    private int check() throws MergeException {
        for (TensorInfo info : base.tensors().values()) {
            TensorInfo there = other.find(info.name());
            if (there == null) {
                throw new MergeException(
                        other.path()
                                + " has no tensor "
                                + info.name()
                                + ", which "
                                + base.path()
                                + " has; expected models of the same kind");
            }
            other.requireShape(there, info.shape(), base.path());
        }
        int layers = MergeInputs.layers(other, new MergePlan.Module("", List.of(), List.of()));
        long largest = 0;
        for (int layer = 0; layer < layers; layer++) {
            for (Place place : Place.values()) {
                TensorInfo info = other.find(place.name(layer));
                if (info == null || info.shape().size() != 2) {
                    throw new MergeException(
                            other.path()
                                    + " has no matrix "
                                    + place.name(layer)
                                    + "; only models of the llama kind can be aligned");
                }
                largest = Math.max(largest, info.elementCount());
            }
            long neurons = size(Place.GATE, layer, 0);
            largest = Math.max(largest, neurons * neurons);
            requireShape(Place.Q, layer, heads.heads() * heads.width(), -1);
            requireShape(Place.K, layer, heads.groups() * heads.width(), -1);
            requireShape(Place.V, layer, heads.groups() * heads.width(), -1);
            requireShape(Place.O, layer, -1, heads.heads() * heads.width());
            requireShape(Place.UP, layer, neurons, -1);
            requireShape(Place.DOWN, layer, -1, neurons);
        }
        if (layers == 0) {
            throw new MergeException(other.path() + " has no blocks to align");
        }
        if (largest > Integer.MAX_VALUE - 8) {
            throw new MergeException(
                    other.path() + " has matrices of " + largest + " elements; too many to align");
        }
        long needed = 4 * largest * Float.BYTES;
        long most = Runtime.getRuntime().maxMemory();
        if (needed > most) {
            throw new MergeException(
                    "Aligning "
                            + other.path()
                            + " takes "
                            + needed
                            + " bytes of Java's heap and there are "
                            + most
                            + "; start with a larger one, as RETAIN4J_JAVA_OPTS=-Xmx"
                            + (needed * 5 / 4 / 1_000_000 + 1)
                            + "m");
        }
        return layers;
    }

    private void requireShape(Place place, int layer, long rows, long columns)
            throws MergeException {
        TensorInfo info = other.find(place.name(layer));
        if (info == null
                || (rows >= 0 && info.shape().get(0) != rows)
                || (columns >= 0 && info.shape().get(1) != columns)) {
            throw new MergeException(
                    other.path()
                            + " holds "
                            + place.name(layer)
                            + " with shape "
                            + (info == null ? "none" : info.shape())
                            + ", which does not fit config.json: "
                            + heads.heads()
                            + " heads in "
                            + heads.groups()
                            + " groups of width "
                            + heads.width());
        }
    }

    /** The matrices of a block. */
    private enum Place {
        Q("self_attn.q_proj"),
        K("self_attn.k_proj"),
        V("self_attn.v_proj"),
        O("self_attn.o_proj"),
        GATE("mlp.gate_proj"),
        UP("mlp.up_proj"),
        DOWN("mlp.down_proj");

        private final String module;

        Place(String module) {
            this.module = module;
        }

        String name(int layer) {
            return "model.layers." + layer + "." + module + ".weight";
        }

        static @Nullable Place of(String tensor) {
            for (Place place : values()) {
                if (tensor.contains("." + place.module + ".")) {
                    return place;
                }
            }
            return null;
        }
    }

    private long size(Place place, int layer, int dimension) {
        TensorInfo info = other.find(place.name(layer));
        return info == null ? 0 : info.shape().get(dimension);
    }

    /** Reads a matrix, turned so that every unit is a row. */
    private static float[] units(Weights weights, Place place, int layer) throws IOException {
        TensorInfo info = weights.find(place.name(layer));
        if (info == null) {
            throw new IllegalStateException(place.name(layer) + " was checked");
        }
        float[] values = new float[Math.toIntExact(info.elementCount())];
        weights.floats(info).read(0, values, values.length);
        boolean turned = place == Place.O || place == Place.DOWN;
        int rows = Math.toIntExact(info.shape().get(0));
        return turned ? transposed(values, rows, values.length / Math.max(1, rows)) : values;
    }

    private static float[] transposed(float[] values, int rows, int columns) {
        float[] turned = new float[values.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                turned[c * rows + r] = values[r * columns + c];
            }
        }
        return turned;
    }

    /** Adds the inner products of all rows of one matrix with all rows of another. */
    private static void addProducts(float[] a, float[] b, int n, float[] sums) {
        int width = a.length / n;
        float[] turned = transposed(b, n, width);
        float[] row = new float[n];
        for (int i = 0; i < n; i++) {
            System.arraycopy(sums, i * n, row, 0, n);
            for (int k = 0; k < width; k++) {
                axpy(a[i * width + k], turned, k * n, row, n);
            }
            System.arraycopy(row, 0, sums, i * n, n);
        }
    }

    private static void axpy(float factor, float[] x, int from, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] += factor * x[from + j];
        }
    }

    private Block match(int layer) throws IOException {
        double[] sums = new double[4];
        int neurons = Math.toIntExact(size(Place.GATE, layer, 0));
        float[] gains = new float[neurons * neurons];
        for (Place place : List.of(Place.GATE, Place.UP, Place.DOWN)) {
            float[] a = units(base, place, layer);
            float[] b = units(other, place, layer);
            addNorms(a, b, sums);
            addProducts(a, b, neurons, gains);
        }
        int[] matched = Assignment.maximize(gains, neurons);
        for (int i = 0; i < neurons; i++) {
            sums[2] += gains[i * neurons + i];
            sums[3] += gains[i * neurons + matched[i]];
        }
        Attention attention = attention(layer, sums);
        double lengths = Math.sqrt(sums[0]) * Math.sqrt(sums[1]);
        double scale = lengths == 0 ? 1 : lengths;
        return new Block(
                layer,
                matched,
                attention.groups,
                attention.heads,
                attention.values,
                sums[2] / scale,
                sums[3] / scale);
    }

    private static void addNorms(float[] a, float[] b, double[] sums) {
        for (int k = 0; k < a.length; k++) {
            sums[0] += (double) a[k] * a[k];
            sums[1] += (double) b[k] * b[k];
        }
    }

    private record Attention(int[] groups, int[] heads, int[][] values) {}

    private Attention attention(int layer, double[] sums) throws IOException {
        int n = heads.groups();
        int each = heads.each();
        int width = heads.width();
        float[][] a = new float[4][];
        float[][] b = new float[4][];
        for (Place place : List.of(Place.Q, Place.K, Place.V, Place.O)) {
            a[place.ordinal()] = units(base, place, layer);
            b[place.ordinal()] = units(other, place, layer);
            addNorms(a[place.ordinal()], b[place.ordinal()], sums);
        }
        float[] gains = new float[n * n];
        int[][] within = new int[n * n][];
        int[][] values = new int[n * n][];
        double before = 0;
        for (int g = 0; g < n; g++) {
            for (int h = 0; h < n; h++) {
                float[] queries = new float[each * each];
                for (int i = 0; i < each; i++) {
                    for (int j = 0; j < each; j++) {
                        queries[i * each + j] =
                                (float) dot(a[0], b[0], g * each + i, h * each + j, heads.heads());
                    }
                }
                int[] order = Assignment.maximize(queries, each);
                double keys = dot(a[1], b[1], g, h, n);
                double gain = keys;
                float[] dimensions = new float[width * width];
                for (int p = 0; p < width; p++) {
                    for (int q = 0; q < width; q++) {
                        double sum = dot(a[2], b[2], g * width + p, h * width + q, n * width);
                        for (int i = 0; i < each; i++) {
                            int from = (g * each + i) * width + p;
                            int to = (h * each + order[i]) * width + q;
                            sum += dot(a[3], b[3], from, to, heads.heads() * width);
                        }
                        dimensions[p * width + q] = (float) sum;
                    }
                }
                int[] places = Assignment.maximize(dimensions, width);
                for (int i = 0; i < each; i++) {
                    gain += queries[i * each + order[i]];
                }
                for (int p = 0; p < width; p++) {
                    gain += dimensions[p * width + places[p]];
                }
                gains[g * n + h] = (float) gain;
                within[g * n + h] = order;
                values[g * n + h] = places;
            }
            before += dot(a[1], b[1], g, g, n);
            before += dot(a[2], b[2], g, g, n);
            for (int i = g * each; i < (g + 1) * each; i++) {
                before += dot(a[0], b[0], i, i, heads.heads());
                before += dot(a[3], b[3], i, i, heads.heads());
            }
        }
        sums[2] += before;
        int[] groups = Assignment.maximize(gains, n);
        int[] order = new int[heads.heads()];
        int[][] places = new int[n][];
        for (int g = 0; g < n; g++) {
            int from = groups[g];
            sums[3] += gains[g * n + from];
            places[g] = values[g * n + from];
            for (int i = 0; i < each; i++) {
                order[g * each + i] = from * each + within[g * n + from][i];
            }
        }
        return new Attention(groups, order, places);
    }

    /** Returns the inner product of two of the equal parts that matrices are cut into. */
    private static double dot(float[] a, float[] b, int i, int j, int parts) {
        int length = a.length / parts;
        int from = i * length;
        int to = j * length;
        double even = 0;
        double odd = 0;
        int k = 0;
        for (; k + 1 < length; k += 2) {
            even += (double) a[from + k] * b[to + k];
            odd += (double) a[from + k + 1] * b[to + k + 1];
        }
        return even + odd + (k < length ? (double) a[from + k] * b[to + k] : 0);
    }

    private void write(List<Block> blocks, Path out, TensorCopy.Progress progress)
            throws IOException {
        List<TensorSpec> specs = other.tensors().values().stream().map(TensorInfo::spec).toList();
        long total = specs.stream().mapToLong(TensorSpec::byteCount).sum();
        long done = 0;
        try (ShardedWriter writer =
                ShardedWriter.create(out, specs, Map.of("format", "pt"), MAX_SHARD)) {
            for (TensorInfo info : other.tensors().values()) {
                OptionalInt layer = Layers.of(info.name());
                Place place = Place.of(info.name());
                if (layer.isEmpty() || place == null) {
                    TaskVector.copy(other, info, writer::write);
                } else {
                    Block block = blocks.get(layer.getAsInt());
                    permute(info, moves(place, block, info.shape().size() == 1), writer);
                }
                done += info.byteCount();
                progress.at(done, total);
            }
            writer.commit();
        }
    }

    private Moves moves(Place place, Block block, boolean bias) {
        int width = heads.width();
        int each = heads.each();
        return switch (place) {
            case GATE, UP -> new Moves(block.neurons(), null);
            case DOWN -> new Moves(null, bias ? null : block.neurons());
            case Q -> new Moves(spread(block.heads(), width, null, 1), null);
            case K -> new Moves(spread(block.groups(), width, null, 1), null);
            case V -> new Moves(spread(block.groups(), width, block.values(), 1), null);
            case O ->
                    new Moves(
                            null, bias ? null : spread(block.heads(), width, block.values(), each));
        };
    }

    /** Turns places of heads or groups into places of their dimensions. */
    private static int[] spread(int[] places, int width, int @Nullable [][] within, int each) {
        int[] all = new int[places.length * width];
        for (int i = 0; i < places.length; i++) {
            for (int p = 0; p < width; p++) {
                int inside = within == null ? p : within[i / each][p];
                all[i * width + p] = places[i] * width + inside;
            }
        }
        return all;
    }

    private void permute(TensorInfo info, Moves moves, ShardedWriter writer) throws IOException {
        int rows = Math.toIntExact(info.shape().get(0));
        int bytes = Math.toIntExact(info.byteCount() / Math.max(1, rows));
        int width = info.dtype().bytes();
        ByteBuffer in = ByteBuffer.allocate(bytes);
        ByteBuffer out = ByteBuffer.allocate(bytes * Math.min(ROWS, Math.max(1, rows)));
        for (int r = 0; r < rows; r++) {
            int from = moves.rows() == null ? r : moves.rows()[r];
            other.bytes(info, (long) from * bytes, in.clear());
            byte[] row = in.array();
            if (moves.columns() == null) {
                out.put(row);
            } else {
                for (int column : moves.columns()) {
                    out.put(row, column * width, width);
                }
            }
            if (!out.hasRemaining() || r == rows - 1) {
                writer.write(info.name(), out.flip());
                out.clear();
            }
        }
    }

    private static byte[] record(Weights base, Weights other, List<Block> blocks)
            throws IOException {
        ObjectNode record = JSON.createObjectNode();
        record.put("version", 1);
        record.put("base_sha256", base.hash());
        record.put("other_sha256", other.hash());
        ArrayNode all = record.putArray("blocks");
        for (Block block : blocks) {
            ObjectNode node = all.addObject();
            node.put("layer", block.layer());
            node.put("cosine_before", block.before());
            node.put("cosine_after", block.after());
            Arrays.stream(block.neurons()).forEach(node.putArray("neurons")::add);
            Arrays.stream(block.groups()).forEach(node.putArray("groups")::add);
            Arrays.stream(block.heads()).forEach(node.putArray("heads")::add);
            ArrayNode values = node.putArray("values");
            for (int[] group : block.values()) {
                Arrays.stream(group).forEach(values.addArray()::add);
            }
        }
        return JSON.writeValueAsBytes(record);
    }
}
