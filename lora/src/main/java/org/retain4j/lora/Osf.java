package org.retain4j.lora;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.LowRank;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Fine-tuning in the subspace of small singular values (OSF, Nayak et al. 2025, arXiv:2504.07097).
 *
 * <p>Each matrix is split by its SVD into a frozen part of large singular values and a trained part
 * U S Vᵀ of small ones. After every step {@link #project} takes the frozen directions out of the
 * trained U and V: an optimizer such as Adam scales gradients entry by entry, so that projecting
 * these alone lets the update leave the subspace. {@link #commit} writes the result into the model
 * before the next task.
 *
 * <p>Needs one more copy of every split matrix and its factors in float32. Used by one thread.
 */
public final class Osf implements AutoCloseable {

    private final Scope scope = Scope.unbound();
    private final CausalLm model;
    private final List<Split> splits = new ArrayList<>();
    private final List<Parameter> frozen = new ArrayList<>();
    private boolean closed;

    private Osf(CausalLm model) {
        this.model = model;
    }

    /**
     * One matrix in two parts.
     *
     * @param highU frozen left directions, {@code [out, k]}
     * @param highV frozen right directions, {@code [k, in]}
     */
    private record Split(
            Linear layer,
            Tensor highU,
            Tensor highV,
            Parameter u,
            Parameter s,
            Parameter v,
            ParameterSlot slot)
            implements LinearAdapter {

        @Override
        public LowRank lowRank(PassMode mode) {
            return new LowRank(v.value(), u.value().mul(s.value()), 1);
        }

        @Override
        public Tensor apply(Tensor input, Tensor output, PassMode mode) {
            LowRank term = lowRank(mode);
            int type = mode.computeType().scalarType();
            return Kernels.call(
                    "low_rank", input, output, term.a(), term.b(), 1.0, List.of(), type);
        }

        @Override
        public Tensor weight(Tensor weight) {
            return Kernels.call(
                    "low_rank_weight", weight, v.value(), u.value().mul(s.value()), 1.0);
        }

        @Override
        public List<Parameter> parameters() {
            return List.of(u, s, v);
        }
    }

    /**
     * Splits the linear layers of a model and freezes everything else.
     *
     * @param modules which layers, by name
     * @param frozenShare share of singular directions that is frozen, above 0 and below 1; half of
     *     them in the paper, (task + 1) / tasks in a sequence
     * @throws IllegalArgumentException if the share leaves nothing to freeze or to train, no layer
     *     is chosen, or the model is adapted already
     */
    public static Osf attach(CausalLm model, Predicate<String> modules, double frozenShare) {
        if (!(frozenShare > 0 && frozenShare < 1)) {
            throw new IllegalArgumentException(
                    "the frozen share must be above 0 and below 1, is " + frozenShare);
        }
        if (model.isAdapted()) {
            throw new IllegalArgumentException("the model has adapters already; close them first");
        }
        Osf osf = new Osf(model);
        try {
            for (Linear layer : model.linears()) {
                if (modules.test(layer.name())) {
                    osf.split(layer, frozenShare);
                }
            }
            if (osf.splits.isEmpty()) {
                throw new IllegalArgumentException("no linear layer was chosen for OSF");
            }
            for (Parameter parameter : model.parameters()) {
                if (parameter.isTrainable()) {
                    osf.frozen.add(parameter.setTrainable(false));
                }
            }
            return osf;
        } catch (RuntimeException | Error e) {
            osf.close();
            throw e;
        }
    }

    /**
     * Returns the number of elements of every parameter that {@link #attach} would train, by name.
     */
    public static Map<String, Long> sizes(
            CausalLm model, Predicate<String> modules, double frozenShare) {
        Map<String, Long> sizes = new LinkedHashMap<>();
        for (Linear layer : model.linears()) {
            if (modules.test(layer.name())) {
                long all = Math.min(layer.in(), layer.out());
                long low = all - high(all, frozenShare);
                sizes.put(layer.name() + ".osf_U_low", layer.out() * low);
                sizes.put(layer.name() + ".osf_S_low", low);
                sizes.put(layer.name() + ".osf_V_low", low * layer.in());
            }
        }
        return sizes;
    }

    private static long high(long all, double share) {
        return Math.min(all - 1, Math.max(1, Math.round(share * all)));
    }

    private void split(Linear layer, double share) {
        try (Scope making = Scope.open()) {
            Tensor matrix = layer.matrix().detach().to(DType.FLOAT32);
            List<Tensor> svd = Kernels.callForList("svd", matrix);
            long all = svd.get(1).elements();
            long high = high(all, share);
            if (all < 2) {
                throw new IllegalArgumentException(
                        layer.name() + " has a single direction and cannot be split");
            }
            String name = layer.name() + ".osf_";
            Tensor u = own(svd.get(0).narrow(1, high, all - high));
            Tensor s = own(svd.get(1).narrow(0, high, all - high));
            Tensor v = own(svd.get(2).narrow(0, high, all - high));
            ParameterSlot slot = layer.slots().get(0);
            Tensor rest = matrix.sub(u.mul(s).matmul(v));
            Parameter kept =
                    new Parameter(
                                    slot.name() + ".high",
                                    own(layer.isTransposed() ? rest.transpose(0, 1) : rest))
                            .setTrainable(false);
            Split split =
                    new Split(
                            layer,
                            own(svd.get(0).narrow(1, 0, high)),
                            own(svd.get(2).narrow(0, 0, high)),
                            new Parameter(name + "U_low", u),
                            new Parameter(name + "S_low", s),
                            new Parameter(name + "V_low", v),
                            slot);
            slot.substitute(kept);
            layer.attach(split);
            splits.add(split);
        }
    }

    private Tensor own(Tensor value) {
        return scope.adopt(value.contiguous().copy());
    }

    /** Returns the trained parameters. */
    public List<Parameter> parameters() {
        return splits.stream().flatMap(split -> split.parameters().stream()).toList();
    }

    /** Takes the frozen directions out of the trained ones; called after every step. */
    public void project() {
        for (Split split : splits) {
            try (Scope projecting = Scope.open()) {
                Tensor u = split.u().value();
                Tensor v = split.v().value();
                Tensor inU = split.highU().transpose(0, 1).matmul(u.detach());
                Tensor inV = v.detach().matmul(split.highV().transpose(0, 1));
                u.addInPlace(split.highU().matmul(inU), -1);
                v.addInPlace(inV.matmul(split.highV()), -1);
            }
        }
    }

    /**
     * Takes the frozen directions out of gradients, as PEFT does; not enough for Adam by itself.
     *
     * @param parameters trained parameters, in the order of the gradients
     */
    public void projectGradients(List<Parameter> parameters, List<Tensor> gradients) {
        for (Split split : splits) {
            int u = parameters.indexOf(split.u());
            int v = parameters.indexOf(split.v());
            try (Scope projecting = Scope.open()) {
                if (u >= 0) {
                    Tensor g = gradients.get(u);
                    Tensor inside = split.highU().transpose(0, 1).matmul(g);
                    g.addInPlace(split.highU().matmul(inside), -1);
                }
                if (v >= 0) {
                    Tensor g = gradients.get(v);
                    Tensor inside = g.matmul(split.highV().transpose(0, 1));
                    g.addInPlace(inside.matmul(split.highV()), -1);
                }
            }
        }
    }

    /** Returns the largest absolute cosine between a frozen and a trained direction. */
    public double orthogonalityError() {
        double largest = 0;
        for (Split split : splits) {
            try (Scope measuring = Scope.open()) {
                Tensor u = split.u().value().detach();
                Tensor v = split.v().value().detach();
                Tensor left = split.highU().transpose(0, 1).matmul(u).abs();
                Tensor right = v.matmul(split.highV().transpose(0, 1)).abs();
                Tensor lengthU = u.mul(u).sum(0, true).sqrt().clamp(1e-30, 1e30);
                Tensor lengthV = v.mul(v).sum(1, true).sqrt().clamp(1e-30, 1e30);
                largest = Math.max(largest, left.div(lengthU).max().item());
                largest = Math.max(largest, right.div(lengthV).max().item());
            }
        }
        return largest;
    }

    /**
     * Writes the trained matrices into the model's own weights and closes this: the state that the
     * next task starts from. There is no way back.
     */
    public void commit() {
        for (Split split : splits) {
            try (Scope writing = Scope.open()) {
                Tensor whole = split.layer().adaptedMatrix().detach();
                Tensor stored = split.layer().isTransposed() ? whole.transpose(0, 1) : whole;
                split.slot().own().value().detach().copyInPlace(stored.contiguous());
            }
        }
        close();
    }

    /** Returns the model. */
    public CausalLm model() {
        return model;
    }

    /** Detaches everything; the model's own weights are as they were, unless committed. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (Split split : splits) {
            split.layer().detach(split);
            split.slot().substitute(null);
        }
        frozen.forEach(parameter -> parameter.setTrainable(true));
        scope.close();
    }
}
