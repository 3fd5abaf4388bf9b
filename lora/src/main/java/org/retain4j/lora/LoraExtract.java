package org.retain4j.lora;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Makes an adapter of the difference between a base and a tuned model, the best one of its rank:
 * the largest singular values of each matrix of differences.
 *
 * <p>Reads both models matrix by matrix. Immutable.
 */
public final class LoraExtract {

    private final Path base;
    private final Path tuned;
    private final int rank;
    private final boolean others;

    private LoraExtract(Path base, Path tuned, int rank, boolean others) {
        this.base = base;
        this.tuned = tuned;
        this.rank = rank;
        this.others = others;
    }

    /** Compares the models of two folders, for an adapter of rank 16. */
    public static LoraExtract of(Path base, Path tuned) {
        return new LoraExtract(base, tuned, 16, false);
    }

    /** Sets the rank; a smaller matrix gets its own largest one. */
    public LoraExtract rank(int value) {
        if (value < 1) {
            throw new IllegalArgumentException("the rank must be at least 1, is " + value);
        }
        return new LoraExtract(base, tuned, value, others);
    }

    /**
     * Stores embeddings, output head and norms that differ as a whole ({@code modules_to_save}).
     */
    public LoraExtract withOthers() {
        return new LoraExtract(base, tuned, rank, true);
    }

    /**
     * How well an adapter stands for a difference.
     *
     * @param modules extracted modules in the order of the model
     * @param residual ‖rest‖ / ‖difference‖ over all matrices, in Frobenius norm
     * @param others parameters that differ too and are not in low rank, such as norms
     * @param stored whether these are stored as a whole; if not, the adapter lacks them
     */
    public record Report(
            List<Extracted> modules, double residual, List<String> others, boolean stored) {
        /** Makes a report with its own copies of the lists. */
        public Report {
            modules = List.copyOf(modules);
            others = List.copyOf(others);
        }
    }

    /**
     * One matrix of differences.
     *
     * @param module Hugging Face name
     * @param rank rank of its factors
     * @param norm Frobenius norm of the difference
     * @param residual norm of what the factors leave, divided by that of the difference
     */
    public record Extracted(String module, int rank, double norm, double residual) {}

    /**
     * Writes the adapter.
     *
     * @param out folder of the adapter, made if missing
     * @throws LoraException if the models differ in shape, or not at all
     * @throws IOException if a file cannot be read or written
     */
    public Report run(Path out) throws IOException {
        try (BaseFiles from = BaseFiles.open(base);
                BaseFiles to = BaseFiles.open(tuned);
                Scope factors = Scope.open()) {
            List<Extracted> modules = new ArrayList<>();
            Map<String, AdapterWriter.Value> values = new LinkedHashMap<>();
            Map<String, Integer> ranks = new LinkedHashMap<>();
            double whole = 0;
            double rest = 0;
            boolean transposed = false;
            for (String module : from.linears()) {
                Extracted found = extract(from, to, module, values);
                if (found.norm() == 0) {
                    continue;
                }
                modules.add(found);
                transposed |= from.isTransposed(module);
                if (found.rank() != rank) {
                    ranks.put(module, found.rank());
                }
                whole += found.norm() * found.norm();
                rest += Math.pow(found.norm() * found.residual(), 2);
            }
            List<String> different = others(from, to);
            if (modules.isEmpty() && (different.isEmpty() || !others)) {
                throw new LoraException(
                        tuned
                                + " does not differ from "
                                + base
                                + " in any linear layer"
                                + (different.isEmpty()
                                        ? ""
                                        : ", but in " + String.join(", ", different)));
            }
            Set<String> saved = new LinkedHashSet<>();
            if (others) {
                for (String parameter : different) {
                    saved.add(parameter.substring(0, parameter.lastIndexOf('.')));
                    Tensor value = read(to, parameter);
                    values.put(StoredAdapter.PREFIX + parameter, () -> value);
                }
            }
            Map<String, Double> alphas = new LinkedHashMap<>();
            ranks.forEach((module, own) -> alphas.put(module, (double) own));
            LoraConfig config =
                    LoraConfig.rank(rank)
                            .alpha(rank)
                            .targets(modules.stream().map(Extracted::module).toList())
                            .rankPattern(ranks)
                            .alphaPattern(alphas)
                            .modulesToSave(List.copyOf(saved))
                            .baseModel(base.toString());
            new AdapterWriter(config, transposed, values).write(out);
            return new Report(modules, whole == 0 ? 0 : Math.sqrt(rest / whole), different, others);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static Tensor read(BaseFiles files, String parameter) throws IOException {
        TensorInfo info = files.stored(parameter);
        if (info == null) {
            throw new LoraException(files.path() + " has no tensor " + parameter);
        }
        return StoredAdapter.floats(files.tensors(), info);
    }

    private static Tensor difference(BaseFiles from, BaseFiles to, String parameter)
            throws IOException {
        TensorInfo before = from.stored(parameter);
        TensorInfo after = to.stored(parameter);
        if (before == null || after == null || !before.shape().equals(after.shape())) {
            throw new LoraException(
                    parameter
                            + " is "
                            + (before == null ? "missing" : before.shape())
                            + " in "
                            + from.path()
                            + " and "
                            + (after == null ? "missing" : after.shape())
                            + " in "
                            + to.path()
                            + "; the models are not of one family and size");
        }
        return read(to, parameter).sub(read(from, parameter));
    }

    private Extracted extract(
            BaseFiles from, BaseFiles to, String module, Map<String, AdapterWriter.Value> values)
            throws IOException {
        try (Scope scope = Scope.open()) {
            Tensor stored = difference(from, to, module + ".weight");
            Tensor difference = from.isTransposed(module) ? stored.transpose(0, 1) : stored;
            double norm = difference.norm().item();
            if (!Double.isFinite(norm)) {
                throw new LoraException(
                        module + ".weight holds NaN or infinite numbers in one of the models");
            }
            int own = (int) Math.min(rank, Math.min(difference.size(0), difference.size(1)));
            if (norm == 0) {
                return new Extracted(module, own, 0, 0);
            }
            InitialFactors best =
                    InitialFactors.split(
                            Kernels.callForList("svd", difference.contiguous()), 0, own, 1);
            double rest = difference.sub(best.b().matmul(best.a())).norm().item();
            Tensor a = scope.passOut(best.a().contiguous());
            Tensor b = scope.passOut(best.b().contiguous());
            values.put(StoredAdapter.PREFIX + module + ".lora_A.weight", () -> a);
            values.put(StoredAdapter.PREFIX + module + ".lora_B.weight", () -> b);
            return new Extracted(module, own, norm, rest / norm);
        }
    }

    /** Returns the parameters outside of the matrices of blocks that differ. */
    private static List<String> others(BaseFiles from, BaseFiles to) throws IOException {
        Set<String> matrices = new LinkedHashSet<>();
        from.linears().forEach(module -> matrices.add(module + ".weight"));
        List<String> different = new ArrayList<>();
        for (String parameter : from.tensors().tensors().keySet()) {
            boolean matrix =
                    matrices.contains(parameter)
                            || matrices.stream().anyMatch(m -> m.endsWith("." + parameter));
            if (matrix || to.stored(parameter) == null) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                if (difference(from, to, parameter).norm().item() != 0) {
                    different.add(parameter);
                }
            }
        }
        return different;
    }
}
