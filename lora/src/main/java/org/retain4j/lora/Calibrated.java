package org.retain4j.lora;

import java.util.List;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/** Starts that depend on what goes into a layer. */
final class Calibrated {

    private Calibrated() {}

    /** Main directions of the inputs as rows, {@code [r, in]} (EVA, arXiv:2410.07170). */
    static Tensor largest(LayerInputs.Second inputs, int rank) {
        Tensor vectors = Kernels.callForList("eigh", inputs.sum()).get(1);
        long in = vectors.size(1);
        Tensor rows = vectors.narrow(1, in - rank, rank).transpose(0, 1);
        long[] reversed = new long[rank];
        for (int i = 0; i < rank; i++) {
            reversed[i] = rank - 1L - i;
        }
        return rows.indexSelect(0, Tensor.of(reversed, rank)).to(DType.FLOAT32).contiguous();
    }

    /** Directions that the inputs use least, as rows, {@code [r, in]} (LoRA-Null). */
    static Tensor smallest(LayerInputs.Second inputs, int rank) {
        Tensor vectors = Kernels.callForList("eigh", inputs.sum()).get(1);
        return vectors.narrow(1, 0, rank).transpose(0, 1).to(DType.FLOAT32).contiguous();
    }

    /**
     * The part of a weight that acts on directions which the inputs do not use, as factors
     * (LoRA-Null, version 1): W U Uᵀ for the last r eigenvectors U of the inputs' second moment.
     */
    static InitialFactors nullSpace(
            Tensor weight, LayerInputs.Second inputs, int rank, double scale) {
        Tensor rows = smallest(inputs, rank).to(DType.FLOAT64);
        Tensor part = weight.to(DType.FLOAT64).matmul(rows.transpose(0, 1)).matmul(rows);
        List<Tensor> svd = Kernels.callForList("svd", part);
        InitialFactors wide = InitialFactors.split(svd, 0, rank, scale);
        return new InitialFactors(
                wide.a().to(DType.FLOAT32), wide.b().to(DType.FLOAT32), wide.takenOut());
    }

    /**
     * The part of a weight that matters least for given inputs, as factors: the last r components
     * of the SVD of W C, taken back by C⁻¹ (CorDA in its knowledge-preserving mode,
     * arXiv:2406.05223). C is damped by 1 % of its mean diagonal, doubled until C C⁻¹ is the
     * identity to 0.05.
     */
    static InitialFactors corda(Tensor weight, LayerInputs.Second inputs, int rank, double scale) {
        Tensor moment = inputs.sum().mul(1.0 / inputs.batches());
        int in = Math.toIntExact(moment.size(0));
        double mean = Kernels.call("diagonal", moment).mean().item();
        if (!(mean > 0)) {
            throw new IllegalArgumentException(
                    "the inputs of a layer are all zero; CorDA needs real ones");
        }
        Tensor identity = identity(in);
        Tensor damped = moment;
        Tensor inverse = moment;
        double error = Double.POSITIVE_INFINITY;
        for (double damp = 0.01; !(error < 0.05); damp *= 2) {
            if (damp > 1e6) {
                throw new IllegalArgumentException(
                        "the second moment of a layer's inputs cannot be inverted");
            }
            damped = moment.add(identity.mul(mean * damp));
            inverse = Kernels.call("inverse", damped);
            error = damped.matmul(inverse).sub(identity).norm().item();
        }
        List<Tensor> svd = Kernels.callForList("svd", weight.to(DType.FLOAT64).matmul(damped));
        long last = svd.get(1).size(0) - rank;
        Tensor root = svd.get(1).narrow(0, last, rank).mul(1 / scale).sqrt();
        Tensor a = svd.get(2).narrow(0, last, rank).matmul(inverse).mul(root.reshape(rank, 1));
        Tensor b = svd.get(0).narrow(1, last, rank).mul(root);
        return new InitialFactors(
                a.to(DType.FLOAT32).contiguous(), b.to(DType.FLOAT32).contiguous(), true);
    }

    private static Tensor identity(int size) {
        double[] values = new double[Math.multiplyExact(size, size)];
        for (int i = 0; i < size; i++) {
            values[i * size + i] = 1;
        }
        return Tensor.of(values, size, size).to(Device.CPU);
    }
}
