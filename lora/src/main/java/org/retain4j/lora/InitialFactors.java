package org.retain4j.lora;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Tensor;

/**
 * Factors that an adapter starts with, on the CPU.
 *
 * @param a {@code [r, in]}
 * @param b {@code [out, r]}
 * @param takenOut whether their product is taken out of the base weight, so that nothing changes
 */
record InitialFactors(Tensor a, Tensor b, boolean takenOut) {

    /** Seed of the whole adapter and name of the module, so that each module draws its own. */
    record Draw(long seed, String module) {
        Random random(String what) {
            return Random.at(seed, 0, "lora " + what + " " + module);
        }

        /** Uniform numbers of Kaiming's rule with a = √5: from −1/√fanIn to 1/√fanIn. */
        Tensor kaiming(String what, long rows, long fanIn) {
            Random random = random(what);
            double bound = 1 / Math.sqrt(fanIn);
            float[] values = new float[Math.toIntExact(Math.multiplyExact(rows, fanIn))];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (bound * (2 * random.nextDouble() - 1));
            }
            return Tensor.of(values, rows, fanIn);
        }
    }

    /**
     * Makes factors of a linear layer, in the scope of the caller.
     *
     * @param weight the base weight, {@code [out, in]}
     * @param scale what B A is multiplied by
     * @param inputs inputs of the layer, for starts that depend on data
     */
    static InitialFactors of(
            String how,
            Draw draw,
            Tensor weight,
            int rank,
            double scale,
            LayerInputs.@Nullable Second inputs) {
        long out = weight.size(0);
        long in = weight.size(1);
        switch (how) {
            case "gaussian" -> {
                return plain(draw.random("A").normal(1.0 / rank, rank, in), out);
            }
            case "orthogonal" -> {
                return orthogonal(draw, rank, in, out);
            }
            case "false" -> {
                return new InitialFactors(
                        draw.kaiming("A", rank, in), draw.kaiming("B", out, rank), false);
            }
            case "olora" -> {
                requireRank(how, draw, rank, Math.min(in, out));
                List<Tensor> qr = Kernels.callForList("qr", cpu(weight));
                return new InitialFactors(
                        qr.get(1).narrow(0, 0, rank).contiguous(),
                        qr.get(0).narrow(1, 0, rank).contiguous(),
                        true);
            }
            case "eva" -> {
                requireRank(how, draw, rank, in);
                return plain(Calibrated.largest(required(how, inputs), rank), out);
            }
            case "corda" -> {
                requireRank(how, draw, rank, Math.min(in, out));
                return Calibrated.corda(cpu(weight), required(how, inputs), rank, scale);
            }
            case "lora_null" -> {
                requireRank(how, draw, rank, in);
                return plain(Calibrated.smallest(required(how, inputs), rank), out);
            }
            case "lora_null_v1" -> {
                requireRank(how, draw, rank, Math.min(in, out));
                return Calibrated.nullSpace(cpu(weight), required(how, inputs), rank, scale);
            }
            default -> {
                if (how.startsWith("pissa")) {
                    requireRank(how, draw, rank, Math.min(in, out));
                    return split(Kernels.callForList("svd", cpu(weight)), 0, rank, scale);
                }
                return plain(draw.kaiming("A", rank, in), out);
            }
        }
    }

    private static Tensor cpu(Tensor weight) {
        return weight.detach().to(DType.FLOAT32).to(Device.CPU);
    }

    private static LayerInputs.Second required(String how, LayerInputs.@Nullable Second inputs) {
        if (inputs == null) {
            throw new IllegalArgumentException(
                    "init_lora_weights "
                            + how
                            + " needs inputs of the layers; collect them with LayerInputs first");
        }
        return inputs;
    }

    private static void requireRank(String how, Draw draw, int rank, long largest) {
        if (rank > largest) {
            throw new IllegalArgumentException(
                    "r is "
                            + rank
                            + ", but with init_lora_weights "
                            + how
                            + " it is at most "
                            + largest
                            + " for "
                            + draw.module());
        }
    }

    private static InitialFactors plain(Tensor a, long out) {
        return new InitialFactors(
                a, Tensor.zeros(DType.FLOAT32, Device.CPU, out, a.size(0)), false);
    }

    /** Returns U √(S / scale) and √(S / scale) Vᵀ of some singular values, B and A. */
    static InitialFactors split(List<Tensor> svd, long first, long rank, double scale) {
        Tensor root = svd.get(1).narrow(0, first, rank).mul(1 / scale).sqrt();
        return new InitialFactors(
                svd.get(2).narrow(0, first, rank).mul(root.reshape(rank, 1)),
                svd.get(0).narrow(1, first, rank).mul(root),
                true);
    }

    /** A and B of random rows over orthogonal halves of a space, so that B A is 0 at the start. */
    private static InitialFactors orthogonal(Draw draw, int rank, long in, long out) {
        if (rank % 2 != 0) {
            throw new IllegalArgumentException(
                    "init_lora_weights orthogonal needs an even r, not " + rank);
        }
        Tensor q = Kernels.callForList("qr", draw.random("Q").normal(1, rank, rank)).get(0);
        Tensor byTwo = q.reshape(rank / 2, 2, rank);
        Tensor even = byTwo.select(1, 0);
        Tensor odd = byTwo.select(1, 1);
        Tensor a = draw.random("A").normal(0.1, in, rank / 2).matmul(even).transpose(0, 1);
        Tensor b = draw.random("B").normal(0.1, out, rank / 2).matmul(odd);
        return new InitialFactors(a.contiguous(), b.contiguous(), false);
    }
}
