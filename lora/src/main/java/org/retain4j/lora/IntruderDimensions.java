package org.retain4j.lora;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Singular vectors of tuned matrices without a counterpart in the base (Shuttleworth et al. 2024,
 * arXiv:2410.21228): many of them predict that much was forgotten.
 *
 * <p>A leading left singular vector of the tuned matrix is an intruder when its largest absolute
 * cosine with all left singular vectors of the base matrix stays below a threshold.
 *
 * @param threshold largest cosine of an intruder
 * @param leading how many leading vectors of each matrix were looked at
 * @param matrices one entry a matrix, in the order of the model
 */
public record IntruderDimensions(double threshold, int leading, List<Matrix> matrices) {

    /** Threshold by default. */
    public static final double THRESHOLD = 0.5;

    /** Leading vectors by default. */
    public static final int LEADING = 10;

    /**
     * Intruders of one matrix.
     *
     * @param module Hugging Face name
     * @param cosines for each leading vector, largest first value, its largest absolute cosine
     * @param intruders places of the intruders among the leading vectors, from 0
     * @param values singular values of the leading vectors
     */
    public record Matrix(
            String module, List<Double> cosines, List<Integer> intruders, List<Double> values) {
        /** Makes an entry with its own copies of the lists. */
        public Matrix {
            cosines = List.copyOf(cosines);
            intruders = List.copyOf(intruders);
            values = List.copyOf(values);
        }
    }

    /** Makes a report with its own copy of the list. */
    public IntruderDimensions {
        matrices = List.copyOf(matrices);
    }

    /** Returns the number of intruders in all matrices. */
    public int count() {
        return matrices.stream().mapToInt(matrix -> matrix.intruders().size()).sum();
    }

    /** Compares two matrices {@code [out, in]} of the same shape. */
    public static Matrix compare(
            String module, Tensor base, Tensor tuned, int leading, double threshold) {
        require(leading, threshold);
        try (Scope scope = Scope.open()) {
            Tensor before = Kernels.callForList("svd", base).get(0);
            List<Tensor> after = Kernels.callForList("svd", tuned);
            long count = Math.min(leading, after.get(1).elements());
            Tensor own = after.get(0).narrow(1, 0, count);
            float[] similar = own.transpose(0, 1).matmul(before).abs().toFloatArray();
            int width = similar.length / (int) count;
            List<Double> cosines = new ArrayList<>();
            List<Integer> intruders = new ArrayList<>();
            List<Double> values = new ArrayList<>();
            float[] singular = after.get(1).narrow(0, 0, count).toFloatArray();
            for (int i = 0; i < count; i++) {
                double largest = 0;
                for (int j = 0; j < width; j++) {
                    largest = Math.max(largest, similar[i * width + j]);
                }
                cosines.add(largest);
                values.add((double) singular[i]);
                if (largest < threshold) {
                    intruders.add(i);
                }
            }
            return new Matrix(module, cosines, intruders, values);
        }
    }

    private static void require(int leading, double threshold) {
        if (leading < 1 || !(threshold > 0 && threshold <= 1)) {
            throw new IllegalArgumentException(
                    "intruders need at least 1 leading vector and a threshold above 0 and at most"
                            + " 1, got "
                            + leading
                            + " and "
                            + threshold);
        }
    }

    /**
     * Compares the models of two folders, matrix by matrix; matrices that are equal are left out.
     *
     * @param modules which linear layers to look at, by name
     * @throws LoraException if the models differ in shape
     * @throws IOException if a file cannot be read
     */
    public static IntruderDimensions of(
            Path base, Path tuned, Predicate<String> modules, int leading, double threshold)
            throws IOException {
        require(leading, threshold);
        List<Matrix> all = new ArrayList<>();
        try (BaseFiles from = BaseFiles.open(base);
                BaseFiles to = BaseFiles.open(tuned)) {
            for (String module : from.linears()) {
                if (!modules.test(module)) {
                    continue;
                }
                try (Scope scope = Scope.open()) {
                    Tensor before = matrix(from, module);
                    Tensor after = matrix(to, module);
                    if (!Arrays.equals(before.shape(), after.shape())) {
                        throw new LoraException(
                                module
                                        + " is "
                                        + before
                                        + " in "
                                        + base
                                        + " and "
                                        + after
                                        + " in "
                                        + tuned
                                        + "; the models are not of one family and size");
                    }
                    if (after.sub(before).norm().item() != 0) {
                        all.add(compare(module, before, after, leading, threshold));
                    }
                }
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return new IntruderDimensions(threshold, leading, all);
    }

    /** Compares a model with its active adapters to the model without, in memory. */
    public static IntruderDimensions of(
            Lora lora, Predicate<String> modules, int leading, double threshold) {
        require(leading, threshold);
        List<Matrix> all = new ArrayList<>();
        for (var layer : lora.model().linears()) {
            if (!layer.isAdapted() || !modules.test(layer.name())) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                Tensor after = layer.adaptedMatrix().detach();
                Tensor before = layer.matrix().detach();
                all.add(compare(layer.name(), before, after, leading, threshold));
            }
        }
        return new IntruderDimensions(threshold, leading, all);
    }

    private static Tensor matrix(BaseFiles files, String module) throws IOException {
        TensorInfo info = files.stored(module + ".weight");
        if (info == null) {
            throw new LoraException(files.path() + " has no tensor " + module + ".weight");
        }
        Tensor value = StoredAdapter.floats(files.tensors(), info);
        return files.isTransposed(module) ? value.transpose(0, 1).contiguous() : value;
    }
}
