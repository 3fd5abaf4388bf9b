package org.retain4j.lora;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Penalty on how far an adapter moves the weights, λ Σ F ⊙ (s B A)²: L2-SP with F = 1, EWC with a
 * Fisher diagonal of the base weights.
 *
 * <p>The anchor is the product, not A and B: these start anywhere, and the Fisher information of A
 * is 0 while B is. Without F no matrix of the size of a weight is made: ‖B A‖² is the trace of (Bᵀ
 * B)(A Aᵀ). Used by one thread at a time.
 */
public final class MergedAnchor {

    private final double lambda;
    private final Map<LinearLora, @Nullable Tensor> importance = new LinkedHashMap<>();

    private MergedAnchor(double lambda) {
        if (!(lambda >= 0) || Double.isInfinite(lambda)) {
            throw new IllegalArgumentException("lambda must be at least 0, is " + lambda);
        }
        this.lambda = lambda;
    }

    /**
     * Pulls the weights under an adapter's linear layers to the base, all alike.
     *
     * @throws IllegalArgumentException if λ is negative, or the adapter is more than products
     */
    public static MergedAnchor l2(Lora lora, String adapter, double lambda) {
        return new MergedAnchor(lambda).over(lora, adapter, Map.of(), false);
    }

    /**
     * Pulls the weights under an adapter's linear layers to the base by their importance.
     *
     * @param fisher importance by the name of the weight, of its shape, computed before there was
     *     an adapter; kept open by the caller
     * @throws IllegalArgumentException if λ is negative, the adapter is more than products, or a
     *     weight has no importance of its shape
     */
    public static MergedAnchor ewc(
            Lora lora, String adapter, Map<String, Tensor> fisher, double lambda) {
        return new MergedAnchor(lambda).over(lora, adapter, fisher, true);
    }

    private MergedAnchor over(
            Lora lora, String adapter, Map<String, Tensor> fisher, boolean needed) {
        NamedAdapter own = lora.adapter(adapter);
        if (own.config().useDora() || own.config().changesBase()) {
            throw new IllegalArgumentException(
                    "adapter " + adapter + " is more than products of two matrices");
        }
        for (LinearLora layer : own.linears()) {
            String weight = layer.layer().weight().name();
            Tensor matrix = fisher.get(weight);
            if (needed) {
                long[] shape = layer.layer().weight().value().shape();
                if (matrix == null || !Arrays.equals(matrix.shape(), shape)) {
                    throw new IllegalArgumentException(
                            weight + " has no importance of its shape, but " + matrix);
                }
            }
            importance.put(layer, matrix);
        }
        return this;
    }

    /** Returns the importance as {@code [out, in]}. */
    private static Tensor turned(LinearLora layer, Tensor fisher) {
        return layer.layer().isTransposed() ? fisher.transpose(0, 1) : fisher;
    }

    /** Returns the value of the penalty now. */
    public double value() {
        double sum = 0;
        for (Map.Entry<LinearLora, @Nullable Tensor> entry : importance.entrySet()) {
            try (Scope scope = Scope.open()) {
                LinearLora layer = entry.getKey();
                Tensor a = layer.a().value().detach();
                Tensor b = layer.b().value().detach();
                Tensor fisher = entry.getValue();
                double squares;
                if (fisher == null) {
                    Tensor bb = b.transpose(0, 1).matmul(b);
                    Tensor aa = a.matmul(a.transpose(0, 1));
                    squares = bb.mul(aa).sum().item();
                } else {
                    Tensor product = b.matmul(a);
                    squares = product.mul(product).mul(turned(layer, fisher)).sum().item();
                }
                sum += layer.scale() * layer.scale() * squares;
            }
        }
        return lambda * sum;
    }

    /**
     * Adds the penalty's gradient.
     *
     * @param parameters trained parameters, in the order of the gradients
     * @return Euclidean norm of what was added
     */
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        double squares = 0;
        for (Map.Entry<LinearLora, @Nullable Tensor> entry : importance.entrySet()) {
            try (Scope scope = Scope.open()) {
                LinearLora layer = entry.getKey();
                Tensor a = layer.a().value().detach();
                Tensor b = layer.b().value().detach();
                double factor = 2 * lambda * layer.scale() * layer.scale();
                Tensor fisher = entry.getValue();
                Tensor ofA;
                Tensor ofB;
                if (fisher == null) {
                    ofA = b.transpose(0, 1).matmul(b).matmul(a);
                    ofB = b.matmul(a.matmul(a.transpose(0, 1)));
                } else {
                    Tensor weighted = b.matmul(a).mul(turned(layer, fisher));
                    ofA = b.transpose(0, 1).matmul(weighted);
                    ofB = weighted.matmul(a.transpose(0, 1));
                }
                squares += add(parameters, gradients, layer.a(), ofA, factor);
                squares += add(parameters, gradients, layer.b(), ofB, factor);
            }
        }
        return Math.sqrt(squares);
    }

    private static double add(
            List<Parameter> parameters,
            List<Tensor> gradients,
            Parameter parameter,
            Tensor gradient,
            double factor) {
        int at = parameters.indexOf(parameter);
        if (at < 0) {
            return 0;
        }
        gradients.get(at).addInPlace(gradient, factor);
        double norm = factor * gradient.norm().item();
        return norm * norm;
    }
}
