package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;

/** Copies of a model whose units have changed places, and models of the same shape. */
class AlignmentTest {

    private static final int HIDDEN = 12;
    private static final int HEADS = 6;
    private static final int GROUPS = 3;
    private static final int WIDTH = 4;
    private static final int NEURONS = 20;
    private static final int LAYERS = 2;

    @TempDir Path folder = Path.of("");

    private record Tensor(int rows, int columns, float[] values) {

        /** Returns the tensor with rows taken from elsewhere. */
        Tensor rows(int[] places) {
            float[] moved = new float[values.length];
            for (int r = 0; r < rows; r++) {
                System.arraycopy(values, places[r] * columns, moved, r * columns, columns);
            }
            return new Tensor(rows, columns, moved);
        }

        Tensor columns(int[] places) {
            float[] moved = new float[values.length];
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    moved[r * columns + c] = values[r * columns + places[c]];
                }
            }
            return new Tensor(rows, columns, moved);
        }
    }

    private static Map<String, Tensor> random(long seed) {
        Random random = new Random(seed);
        Map<String, Tensor> model = new LinkedHashMap<>();
        model.put("model.embed_tokens.weight", tensor(random, 7, HIDDEN));
        for (int layer = 0; layer < LAYERS; layer++) {
            String block = "model.layers." + layer + ".";
            model.put(block + "input_layernorm.weight", tensor(random, HIDDEN, 1));
            model.put(block + "self_attn.q_proj.weight", tensor(random, HEADS * WIDTH, HIDDEN));
            model.put(block + "self_attn.q_proj.bias", tensor(random, HEADS * WIDTH, 1));
            model.put(block + "self_attn.k_proj.weight", tensor(random, GROUPS * WIDTH, HIDDEN));
            model.put(block + "self_attn.v_proj.weight", tensor(random, GROUPS * WIDTH, HIDDEN));
            model.put(block + "self_attn.o_proj.weight", tensor(random, HIDDEN, HEADS * WIDTH));
            model.put(block + "self_attn.o_proj.bias", tensor(random, HIDDEN, 1));
            model.put(block + "mlp.gate_proj.weight", tensor(random, NEURONS, HIDDEN));
            model.put(block + "mlp.up_proj.weight", tensor(random, NEURONS, HIDDEN));
            model.put(block + "mlp.down_proj.weight", tensor(random, HIDDEN, NEURONS));
        }
        return model;
    }

    private static Tensor tensor(Random random, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int k = 0; k < values.length; k++) {
            values[k] = (float) random.nextGaussian();
        }
        return new Tensor(rows, columns, values);
    }

    private static int[] shuffled(int n, Random random) {
        List<Integer> places = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            places.add(i);
        }
        Collections.shuffle(places, random);
        return places.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Returns a model that computes the same with its units in other places. */
    private static Map<String, Tensor> permuted(Map<String, Tensor> model, long seed) {
        Random random = new Random(seed);
        Map<String, Tensor> moved = new LinkedHashMap<>(model);
        int each = HEADS / GROUPS;
        for (int layer = 0; layer < LAYERS; layer++) {
            String block = "model.layers." + layer + ".";
            int[] neurons = shuffled(NEURONS, random);
            moved.computeIfPresent(block + "mlp.gate_proj.weight", (n, t) -> t.rows(neurons));
            moved.computeIfPresent(block + "mlp.up_proj.weight", (n, t) -> t.rows(neurons));
            moved.computeIfPresent(block + "mlp.down_proj.weight", (n, t) -> t.columns(neurons));
            int[] groups = shuffled(GROUPS, random);
            int[] keys = new int[GROUPS * WIDTH];
            int[] values = new int[GROUPS * WIDTH];
            int[] queries = new int[HEADS * WIDTH];
            int[] outputs = new int[HEADS * WIDTH];
            for (int g = 0; g < GROUPS; g++) {
                int[] within = shuffled(each, random);
                int[] dimensions = shuffled(WIDTH, random);
                for (int p = 0; p < WIDTH; p++) {
                    keys[g * WIDTH + p] = groups[g] * WIDTH + p;
                    values[g * WIDTH + p] = groups[g] * WIDTH + dimensions[p];
                    for (int i = 0; i < each; i++) {
                        int to = (g * each + i) * WIDTH;
                        int from = (groups[g] * each + within[i]) * WIDTH;
                        queries[to + p] = from + p;
                        outputs[to + p] = from + dimensions[p];
                    }
                }
            }
            String attention = block + "self_attn.";
            moved.computeIfPresent(attention + "q_proj.weight", (n, t) -> t.rows(queries));
            moved.computeIfPresent(attention + "q_proj.bias", (n, t) -> t.rows(queries));
            moved.computeIfPresent(attention + "k_proj.weight", (n, t) -> t.rows(keys));
            moved.computeIfPresent(attention + "v_proj.weight", (n, t) -> t.rows(values));
            moved.computeIfPresent(attention + "o_proj.weight", (n, t) -> t.columns(outputs));
        }
        return moved;
    }

    private Path write(String name, Map<String, Tensor> model) throws IOException {
        Path target = Files.createDirectories(folder.resolve(name));
        List<TensorSpec> specs = new ArrayList<>();
        model.forEach(
                (tensor, t) ->
                        specs.add(
                                t.columns() == 1
                                        ? TensorSpec.of(tensor, DType.FLOAT32, t.rows())
                                        : TensorSpec.of(
                                                tensor, DType.FLOAT32, t.rows(), t.columns())));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        target.resolve("model.safetensors"), specs, Map.of("format", "pt"))) {
            for (Map.Entry<String, Tensor> tensor : model.entrySet()) {
                float[] values = tensor.getValue().values();
                ByteBuffer bytes =
                        ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(values);
                writer.write(tensor.getKey(), bytes);
            }
            writer.commit();
        }
        Files.writeString(
                target.resolve("config.json"),
                ("{\"num_attention_heads\": %d, \"num_key_value_heads\": %d, \"head_dim\": %d,"
                                + " \"hidden_size\": %d, \"num_hidden_layers\": %d}")
                        .formatted(HEADS, GROUPS, WIDTH, HIDDEN, LAYERS));
        return target;
    }

    private static String hash(Path model) throws IOException {
        try (Weights weights = Weights.ofModel(model)) {
            return ModelFolder.hashOfTensors(weights);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void aPermutedCopyComesBackToTheByteAndMergesToTheOriginal(long seed) throws IOException {
        Map<String, Tensor> model = random(seed);
        Path base = write("base", model);
        Path other = write("other", permuted(model, seed + 100));
        assertThat(hash(other)).isNotEqualTo(hash(base));
        Path aligned = folder.resolve("aligned");
        List<Alignment.Block> blocks = Alignment.align(base, other, aligned, (done, total) -> {});
        assertThat(hash(aligned)).isEqualTo(hash(base));
        assertThat(blocks)
                .hasSize(LAYERS)
                .allSatisfy(
                        block -> {
                            assertThat(block.after()).isBetween(1 - 1e-6, 1 + 1e-6);
                            assertThat(block.before()).isLessThan(0.9);
                            assertThat(block.movedNeurons()).isPositive();
                        });
        MergePlan plan =
                MergePlan.parse(
                        "plan",
                        """
                        merge_method: linear
                        models:
                        - {model: base, parameters: {weight: 0.5}}
                        - {model: aligned, parameters: {weight: 0.5}}
                        """);
        Merge.of(plan).root(folder).run(folder.resolve("merged"));
        assertThat(hash(folder.resolve("merged"))).isEqualTo(hash(base));
    }

    @Test
    void anotherModelGetsNearerAndABlockIsOnlyPermuted() throws IOException {
        Path base = write("base", random(1));
        Path other = write("other", random(2));
        Path aligned = folder.resolve("aligned");
        List<Alignment.Block> blocks = Alignment.align(base, other, aligned, (done, total) -> {});
        assertThat(blocks).allSatisfy(b -> assertThat(b.after()).isGreaterThan(b.before()));
        for (String name : List.of("mlp.down_proj", "self_attn.v_proj", "self_attn.o_proj")) {
            String tensor = "model.layers.1." + name + ".weight";
            float[] before = Fixtures.read(other, tensor);
            float[] after = Fixtures.read(aligned, tensor);
            Arrays.sort(before);
            Arrays.sort(after);
            assertThat(after).containsExactly(before);
        }
    }

    @Test
    void modelsOfOtherKindsAreRefused() throws IOException {
        Map<String, Tensor> model = random(1);
        Path base = write("base", model);
        model.remove("model.layers.1.mlp.up_proj.weight");
        Path other = write("other", model);
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> Alignment.align(base, other, out, (done, total) -> {}))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("model.layers.1.mlp.up_proj.weight");
        assertThatThrownBy(() -> Alignment.align(other, other, out, (done, total) -> {}))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("llama kind");
        assertThat(out).doesNotExist();
    }

    @Test
    void assignmentsAreThoseOfAllPermutations() {
        Random random = new Random(5);
        for (int trial = 0; trial < 300; trial++) {
            int n = 1 + random.nextInt(6);
            float[] gain = new float[n * n];
            for (int k = 0; k < gain.length; k++) {
                gain[k] = random.nextInt(7) - 3;
            }
            int[] found = Assignment.maximize(gain, n);
            assertThat(found).doesNotHaveDuplicates();
            double sum = 0;
            for (int i = 0; i < n; i++) {
                sum += gain[i * n + found[i]];
            }
            assertThat(sum).isEqualTo(best(gain, n, 0, new boolean[n]));
        }
    }

    private static double best(float[] gain, int n, int row, boolean[] used) {
        if (row == n) {
            return 0;
        }
        double best = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < n; c++) {
            if (!used[c]) {
                used[c] = true;
                best = Math.max(best, gain[row * n + c] + best(gain, n, row + 1, used));
                used[c] = false;
            }
        }
        return best;
    }
}
