package org.retain4j.regularization;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/** The fixtures of golden/penalties; see the README there. */
public final class GoldenPenalties {

    private static final Path FOLDER = Path.of("src/test/resources/golden/penalties");

    private GoldenPenalties() {}

    /** Returns θ₀. */
    public static CausalLm model() throws IOException {
        CausalLm model =
                CausalLm.random(
                        ModelConfig.read(FOLDER.resolve("model/config.json")),
                        0,
                        Device.CPU,
                        Precision.F32);
        moveTo(model, "model/model.safetensors");
        return model;
    }

    /** Sets all weights of a model to those of a file. */
    public static void moveTo(CausalLm model, String file) throws IOException {
        Map<String, double[]> weights = arrays(file);
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                Tensor value = Tensor.of(weights.get(parameter.name()), parameter.value().shape());
                parameter.value().copyInPlace(value);
            }
        }
    }

    public static Map<String, double[]> arrays(String file) throws IOException {
        Map<String, double[]> arrays = new LinkedHashMap<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(FOLDER.resolve(file))) {
            for (TensorInfo info : tensors.tensors().values()) {
                ByteBuffer bytes =
                        ByteBuffer.allocate((int) info.byteCount()).order(ByteOrder.LITTLE_ENDIAN);
                tensors.read(info.name(), 0, bytes);
                bytes.flip();
                double[] values = new double[(int) info.elementCount()];
                for (int i = 0; i < values.length; i++) {
                    boolean wide = info.dtype() == DType.FLOAT64;
                    values[i] = wide ? bytes.getDouble() : bytes.getFloat();
                }
                arrays.put(info.name(), values);
            }
        }
        return arrays;
    }

    /** Returns importances of a file, as float32. */
    public static Importance importance(String file, CausalLm model) throws IOException {
        Map<String, double[]> arrays = arrays(file);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                tensors.put(
                        parameter.name(),
                        Tensor.of(arrays.get(parameter.name()), parameter.value().shape())
                                .to(DType.FLOAT32));
            }
            return new Importance(tensors);
        }
    }

    public static JsonNode expected() throws IOException {
        return new ObjectMapper().readTree(FOLDER.resolve("expected.json").toFile());
    }

    /** Returns the single sequences A. */
    public static List<TrainRow> sequences() throws IOException {
        List<TrainRow> rows = new ArrayList<>();
        for (JsonNode sequence : batches().get("A")) {
            int length = sequence.get("input_ids").size();
            rows.add(row(sequence.get("input_ids"), sequence.get("labels"), length));
        }
        return rows;
    }

    /** Returns one of the batches B without its padding. */
    public static List<TrainRow> batch(int index) throws IOException {
        return batch("B", index);
    }

    private static List<TrainRow> batch(String task, int index) throws IOException {
        JsonNode batch = batches().get(task).get(index);
        List<TrainRow> rows = new ArrayList<>();
        for (int r = 0; r < batch.get("input_ids").size(); r++) {
            int length = 0;
            for (JsonNode kept : batch.get("attention_mask").get(r)) {
                length += kept.asInt();
            }
            rows.add(row(batch.get("input_ids").get(r), batch.get("labels").get(r), length));
        }
        return rows;
    }

    /** Returns the batches B one after another, again and again. */
    public static BatchSource batchSource() throws IOException {
        return source("B");
    }

    private static BatchSource source(String task) throws IOException {
        List<TrainRow> all = new ArrayList<>();
        int batches = batches().get(task).size();
        for (int b = 0; b < batches; b++) {
            all.addAll(batch(task, b));
        }
        return (first, count) -> {
            List<TrainRow> rows = new ArrayList<>();
            for (long row = first; row < first + count; row++) {
                rows.add(all.get((int) (row % all.size())));
            }
            return rows;
        };
    }

    /** Returns the batches Z one after another, again and again. */
    public static BatchSource thirdTask() throws IOException {
        return source("Z");
    }

    public static double counted(List<TrainRow> rows) {
        return rows.stream().mapToDouble(TrainRow::totalWeight).sum();
    }

    private static JsonNode batches() throws IOException {
        return new ObjectMapper().readTree(FOLDER.resolve("batches.json").toFile());
    }

    private static TrainRow row(JsonNode inputIds, JsonNode labels, int length) {
        int[] ids = new int[length];
        float[] weights = new float[length];
        for (int t = 0; t < length; t++) {
            ids[t] = inputIds.get(t).asInt();
            weights[t] = labels.get(t).asInt() >= 0 ? 1 : 0;
        }
        return new TrainRow(ids, weights, false);
    }
}
