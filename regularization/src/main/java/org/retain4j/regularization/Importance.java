package org.retain4j.regularization;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.StateTensors;

/**
 * How much each single weight matters for what the model knows: one non-negative tensor a
 * parameter, the mean over sequences.
 *
 * <p>Estimates from parts of the data, made by different runs or machines, {@link #merge} into that
 * from all of it. Owns its tensors. Safe to read from all threads.
 */
public final class Importance implements AutoCloseable {

    /** How importances are scaled before use. */
    public enum Normalization {
        /** As estimated. */
        NONE,
        /** So that the largest is 1. */
        MAX_1,
        /** So that the mean over all weights is 1, which makes strengths comparable. */
        MEAN_1
    }

    private static final String KIND = "retain4j-importance";
    private static final String FORMAT = "format";
    private static final String SEQUENCES = "sequences";

    private final Scope scope = Scope.unbound();
    private final Map<String, Tensor> byName = new LinkedHashMap<>();
    private long sequences;
    private final Map<String, String> provenance;

    /**
     * Takes over importances of unknown origin, as if estimated from one sequence.
     *
     * @param values tensors by parameter name, of the parameters' shapes
     */
    public Importance(Map<String, Tensor> values) {
        this(values, 1, Map.of());
    }

    /**
     * Takes over importances.
     *
     * @param values tensors by parameter name, of the parameters' shapes
     * @param sequences number of sequences that they are the mean over, 1 or more
     * @param provenance how they were made, as hashes of model and data; saved with them
     */
    public Importance(Map<String, Tensor> values, long sequences, Map<String, String> provenance) {
        if (sequences < 1) {
            throw new IllegalArgumentException(
                    "an importance is of at least one sequence, not " + sequences);
        }
        values.forEach((name, value) -> byName.put(name, scope.adopt(value)));
        this.sequences = sequences;
        this.provenance = new LinkedHashMap<>(provenance);
    }

    /**
     * Reads importances that {@link #save} wrote.
     *
     * @throws SafetensorsException if the file is damaged or holds something else
     */
    public static Importance load(Path file) throws IOException {
        try (SafetensorsFile stored = SafetensorsFile.open(file);
                Scope reading = Scope.open()) {
            Map<String, String> metadata = new LinkedHashMap<>(stored.metadata());
            String count = String.valueOf(metadata.remove(SEQUENCES));
            if (!KIND.equals(metadata.remove(FORMAT)) || !count.matches("[1-9]\\d{0,17}")) {
                throw new SafetensorsException(
                        file + " holds no importances; expected a file that save has written");
            }
            Map<String, Tensor> values = new LinkedHashMap<>();
            for (TensorInfo info : stored.tensors().values()) {
                Tensor value = StateTensors.read(stored, info);
                if (!info.dtype().isFloatingPoint() || !nonNegative(value)) {
                    throw new SafetensorsException(
                            file
                                    + ": tensor "
                                    + info.name()
                                    + " holds numbers that are no importances; expected finite"
                                    + " ones from 0 on");
                }
                values.put(info.name(), value);
            }
            return new Importance(values, Long.parseLong(count), metadata);
        }
    }

    private static boolean nonNegative(Tensor value) {
        return value.allFinite() && Kernels.call("list_min", List.of(value)).item() >= 0;
    }

    /**
     * Writes the importances, their provenance and the number of their sequences.
     *
     * @param file safetensors; replaced when it exists
     */
    public void save(Path file) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>(provenance);
        metadata.put(FORMAT, KIND);
        metadata.put(SEQUENCES, String.valueOf(sequences));
        StateTensors.write(file, byName, metadata);
    }

    /**
     * Joins an estimate from other sequences into this one, so that it is the mean over all of
     * them; both must not be normalised yet.
     *
     * @throws IllegalArgumentException if the other is of other parameters
     */
    public void merge(Importance other) {
        if (!byName.keySet().equals(other.byName.keySet())) {
            throw new IllegalArgumentException(
                    "the importances are of different parameters and cannot be merged");
        }
        byName.forEach(
                (name, value) -> {
                    long[] shape = other.of(name).shape();
                    if (!Arrays.equals(value.shape(), shape)) {
                        throw new IllegalArgumentException(
                                "the importances of "
                                        + name
                                        + " have shapes "
                                        + Arrays.toString(value.shape())
                                        + " and "
                                        + Arrays.toString(shape));
                    }
                });
        List<Tensor> own = List.copyOf(byName.values());
        List<Tensor> more = byName.keySet().stream().map(other::of).toList();
        double all = (double) sequences + other.sequences;
        try (Scope merging = Scope.open()) {
            Kernels.call("list_lerp_", own, more, other.sequences / all);
        }
        sequences += other.sequences;
    }

    /**
     * Adds a share of earlier importances, F ← F + γ F_earlier, as online EWC does from task to
     * task.
     *
     * @throws IllegalArgumentException if the other is of other parameters
     */
    public void addEarlier(Importance earlier, double gamma) {
        List<Tensor> own = List.copyOf(byName.values());
        List<Tensor> more = byName.keySet().stream().map(earlier::of).toList();
        try (Scope adding = Scope.open()) {
            Kernels.call("list_add_", own, more, gamma);
        }
    }

    /** Returns the number of sequences that this is the mean over. */
    public long sequences() {
        return sequences;
    }

    /** Returns how the importances were made. */
    public Map<String, String> provenance() {
        return Collections.unmodifiableMap(provenance);
    }

    /**
     * Returns the importance of a parameter.
     *
     * @throws IllegalArgumentException if there is none
     */
    public Tensor of(String name) {
        Tensor value = byName.get(name);
        if (value == null) {
            throw new IllegalArgumentException("there is no importance of parameter " + name);
        }
        return value;
    }

    /** Returns the importances of parameters, in their order. */
    List<Tensor> of(List<Parameter> parameters) {
        return parameters.stream().map(parameter -> of(parameter.name())).toList();
    }

    Map<String, Tensor> byName() {
        return byName;
    }

    /** Returns the sum over all single weights: for a Fisher information its trace. */
    public double trace() {
        try (Scope reading = Scope.open()) {
            return Kernels.call("list_sum", List.copyOf(byName.values())).item();
        }
    }

    /** Returns the mean over all single weights. */
    public double mean() {
        return trace() / byName.values().stream().mapToLong(Tensor::elements).sum();
    }

    /**
     * Scales the importances in place and returns them.
     *
     * @throws IllegalArgumentException if they are to be scaled and all are 0
     */
    public Importance normalize(Normalization normalization) {
        if (normalization == Normalization.NONE) {
            return this;
        }
        try (Scope scaling = Scope.open()) {
            List<Tensor> all = List.copyOf(byName.values());
            boolean byMean = normalization == Normalization.MEAN_1;
            double now = byMean ? mean() : Kernels.call("list_max", all).item();
            if (!(now > 0)) {
                throw new IllegalArgumentException(
                        "all importances are 0 and cannot be scaled to a "
                                + (byMean ? "mean" : "largest")
                                + " of 1");
            }
            Kernels.call("list_mul_scalar_", all, 1 / now);
        }
        return this;
    }

    /** Frees the tensors. */
    @Override
    public void close() {
        scope.close();
    }
}
