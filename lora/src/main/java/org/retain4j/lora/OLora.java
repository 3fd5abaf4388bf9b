package org.retain4j.lora;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Orthogonal subspaces for a sequence of tasks (O-LoRA, Wang et al. 2023, arXiv:2310.14152): each
 * task has an adapter of its own on top of the frozen ones before, and pays for input directions
 * that those use.
 *
 * <p>The penalty is λ₁ Σ |A Aᵢᵀ| over layers and earlier adapters i, entry by entry, plus λ₂ ‖·‖²
 * of the task's own A and B. Used by one thread at a time; closing frees what was read from files.
 */
public final class OLora implements AutoCloseable {

    /** λ₁ of the paper's code. */
    public static final double LAMBDA1 = 0.5;

    private final Scope scope = Scope.unbound();
    private final double lambda1;
    private final double lambda2;
    private final Map<Parameter, List<Tensor>> earlier = new LinkedHashMap<>();
    private final List<Parameter> own = new ArrayList<>();

    private OLora(double lambda1, double lambda2) {
        if (!(lambda1 >= 0 && lambda2 >= 0)) {
            throw new IllegalArgumentException(
                    "lambda1 and lambda2 must be at least 0, are " + lambda1 + " and " + lambda2);
        }
        this.lambda1 = lambda1;
        this.lambda2 = lambda2;
    }

    /**
     * Starts a task: freezes all adapters there are, adds one for the task and makes all active.
     *
     * @param name name of the task's adapter
     */
    public static void startTask(Lora lora, String name, LoraConfig config, long seed) {
        List<String> before = List.copyOf(lora.names());
        lora.add(name, config, seed, null);
        before.forEach(other -> lora.setTrainable(other, false));
        List<String> all = new ArrayList<>(before);
        all.add(name);
        lora.activate(all.toArray(String[]::new));
    }

    /**
     * Prepares the penalty of a task.
     *
     * @param task name of the adapter that is trained
     * @throws IllegalArgumentException if a λ is negative
     */
    public static OLora of(Lora lora, String task, double lambda1, double lambda2) {
        OLora penalty = new OLora(lambda1, lambda2);
        for (LinearLora layer : lora.adapter(task).linears()) {
            List<Tensor> others = new ArrayList<>();
            for (String name : lora.active().keySet()) {
                for (LinearLora other : lora.adapter(name).linears()) {
                    if (!name.equals(task) && other.module().equals(layer.module())) {
                        others.add(other.a().value());
                    }
                }
            }
            penalty.earlier.put(layer.a(), others);
            penalty.own.add(layer.a());
            penalty.own.add(layer.b());
        }
        return penalty;
    }

    /**
     * Prepares the penalty of a task whose earlier adapters are merged into the base: only their
     * directions are needed.
     *
     * @param folders PEFT folders of the earlier tasks
     * @throws LoraException if one is damaged or has other layer sizes
     * @throws IllegalArgumentException if a λ is negative
     */
    public static OLora of(
            Lora lora, String task, List<Path> folders, double lambda1, double lambda2)
            throws LoraException {
        OLora penalty = of(lora, task, lambda1, lambda2);
        try {
            for (Path folder : folders) {
                try (StoredAdapter stored = StoredAdapter.open(folder);
                        Scope reading = Scope.open()) {
                    for (LinearLora layer : lora.adapter(task).linears()) {
                        penalty.add(layer, stored);
                    }
                }
            }
            return penalty;
        } catch (LoraException | RuntimeException | Error e) {
            penalty.close();
            throw e;
        }
    }

    private void add(LinearLora layer, StoredAdapter stored) throws LoraException {
        StoredAdapter.Matrices other = stored.modules().get(layer.module());
        if (other == null || other.isEmbedding()) {
            return;
        }
        Tensor own = layer.a().value();
        long in = stored.shape(other.a()).get(1);
        if (in != own.size(1)) {
            throw new LoraException(
                    stored.folder()
                            + ": "
                            + other.a()
                            + " has "
                            + in
                            + " input directions, "
                            + layer.module()
                            + " has "
                            + own.size(1)
                            + "; the adapter belongs to another model");
        }
        List<Tensor> all = new ArrayList<>(earlier.getOrDefault(layer.a(), List.of()));
        all.add(scope.adopt(stored.read(other.a()).to(own.device()).contiguous().copy()));
        earlier.put(layer.a(), all);
    }

    /** Frees what was read from files. */
    @Override
    public void close() {
        scope.close();
    }

    /** Returns the value of the penalty now. */
    public double value() {
        try (Scope scope = Scope.open()) {
            double overlap = overlap();
            double size = 0;
            for (Parameter parameter : lambda2 == 0 ? List.<Parameter>of() : own) {
                double norm = parameter.value().detach().norm().item();
                size += norm * norm;
            }
            return lambda1 * overlap + lambda2 * size;
        }
    }

    /** Returns Σ |A Aᵢᵀ|, 0 when the subspaces are orthogonal. */
    public double overlap() {
        double sum = 0;
        try (Scope scope = Scope.open()) {
            for (Map.Entry<Parameter, List<Tensor>> entry : earlier.entrySet()) {
                for (Tensor other : entry.getValue()) {
                    sum += product(entry.getKey(), other).abs().sum().item();
                }
            }
        }
        return sum;
    }

    private static Tensor product(Parameter a, Tensor other) {
        return a.value().detach().matmul(other.detach().transpose(0, 1));
    }

    /**
     * Adds the penalty's gradient.
     *
     * @param parameters trained parameters, in the order of the gradients
     * @return Euclidean norm of what was added
     */
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        double squares = 0;
        for (int i = 0; i < parameters.size(); i++) {
            Parameter parameter = parameters.get(i);
            if (!own.contains(parameter)) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                Tensor added = parameter.value().detach().mul(2 * lambda2);
                for (Tensor other : earlier.getOrDefault(parameter, List.of())) {
                    Tensor sign = Kernels.call("sign", product(parameter, other));
                    added = added.add(sign.matmul(other.detach()).mul(lambda1));
                }
                gradients.get(i).addInPlace(added, 1);
                double norm = added.norm().item();
                squares += norm * norm;
            }
        }
        return Math.sqrt(squares);
    }
}
