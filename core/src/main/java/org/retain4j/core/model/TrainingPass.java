package org.retain4j.core.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.DecoderBlock;
import org.retain4j.core.nn.ForwardContext;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * A forward pass up to the final norm that waits for its backward pass.
 *
 * <p>The head is left to the caller, so that a loss never needs all scores of the vocabulary at
 * once. Belongs to the thread and scope that made it.
 */
public final class TrainingPass {

    private final CausalLm model;
    private final List<Parameter> trained;
    private final TokenBatch batch;
    private final Tensor hidden;
    private final Autograd.@Nullable Chain chain;
    private final Tensor headMatrix;

    private TrainingPass(
            CausalLm model,
            List<Parameter> trained,
            TokenBatch batch,
            Tensor hidden,
            Autograd.@Nullable Chain chain) {
        this.model = model;
        this.trained = trained;
        this.batch = batch;
        this.hidden = hidden;
        this.chain = chain;
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            headMatrix = model.headMatrix();
        }
    }

    /**
     * Runs the forward pass.
     *
     * @param trained parameters whose gradients are wanted; each must require gradients
     * @param checkpointing whether to keep only the inputs of blocks and compute the rest again in
     *     the backward pass: about a third more time, about half the memory
     */
    public static TrainingPass run(
            CausalLm model, TokenBatch batch, List<Parameter> trained, boolean checkpointing) {
        return run(model, batch, trained, checkpointing, List.of());
    }

    /**
     * Runs the forward pass with something added to the embeddings; otherwise as {@link
     * #run(CausalLm, TokenBatch, List, boolean)}.
     *
     * @param noise float32 {@code [rows, tokens, hidden]}, in a list of one; empty for nothing
     */
    public static TrainingPass run(
            CausalLm model,
            TokenBatch batch,
            List<Parameter> trained,
            boolean checkpointing,
            List<Tensor> noise) {
        return run(model, batch, trained, checkpointing, noise, null);
    }

    /**
     * Runs the forward pass with dropout in adapters that ask for it; otherwise as {@link
     * #run(CausalLm, TokenBatch, List, boolean, List)}.
     *
     * @param dropoutSeed seed of the pass's random masks, another one for every batch of a run;
     *     null for no dropout
     */
    public static TrainingPass run(
            CausalLm model,
            TokenBatch batch,
            List<Parameter> trained,
            boolean checkpointing,
            List<Tensor> noise,
            @Nullable Long dropoutSeed) {
        // one graph over all blocks stops where everything below is frozen
        boolean allTrain =
                model.blocks().stream().noneMatch(b -> keep(b.parameters(), trained).isEmpty());
        if (!checkpointing && !allTrain) {
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                Tensor hidden = model.hidden(batch, Taps.NONE, noise, dropoutSeed);
                return new TrainingPass(model, trained, batch, hidden, null);
            }
        }
        ForwardContext context = model.inputs().context(batch, null, Taps.NONE, dropoutSeed);
        Set<Parameter> wanted = identitySet(trained);
        List<Autograd.Stage> stages = new ArrayList<>();
        for (DecoderBlock block : model.blocks()) {
            if (checkpointing) {
                stages.add(
                        DecoderBlock.stage(
                                block.parameters(),
                                wanted::contains,
                                x -> block.forward(x, context)));
            } else {
                stages.addAll(block.stages(context, wanted::contains));
            }
        }
        stages.add(
                DecoderBlock.stage(
                        model.norm().parameters(), wanted::contains, model.norm()::forward));
        Tensor embedded = model.embed(batch, noise);
        Autograd.Chain chain =
                checkpointing
                        ? Autograd.checkpoint(stages, embedded)
                        : Autograd.record(stages, embedded);
        return new TrainingPass(model, trained, batch, chain.output(), chain);
    }

    private static List<Tensor> keep(List<Parameter> own, List<Parameter> trained) {
        return own.stream().filter(identitySet(trained)::contains).map(Parameter::value).toList();
    }

    private static Set<Parameter> identitySet(List<Parameter> parameters) {
        Set<Parameter> set = Collections.newSetFromMap(new IdentityHashMap<>());
        set.addAll(parameters);
        return set;
    }

    /** Returns the hidden states after the final norm, {@code [rows, tokens, hidden]}. */
    public Tensor hidden() {
        return hidden;
    }

    /**
     * Returns the matrix of the output head with its adapters, {@code [vocabulary, hidden]}: what a
     * loss multiplies hidden states with.
     */
    public Tensor headMatrix() {
        return headMatrix;
    }

    /**
     * Returns whether {@link #backward(Tensor, Tensor)} needs the gradient of the head's matrix.
     */
    public boolean headIsTrained() {
        return !keep(model.headLayer().parameters(), trained).isEmpty();
    }

    /**
     * Runs the backward pass of hidden states and output head.
     *
     * @param hiddenGradient gradient of the loss with respect to {@link #hidden}
     * @param headGradient gradient of the loss with respect to {@link #headMatrix}
     * @return one gradient for each trained parameter, in their order
     */
    public List<Tensor> backward(Tensor hiddenGradient, Tensor headGradient) {
        List<Tensor> gradients = backward(hiddenGradient);
        List<Tensor> wanted = keep(model.headLayer().parameters(), trained);
        if (wanted.isEmpty()) {
            return gradients;
        }
        List<Tensor> own =
                wanted.equals(List.of(headMatrix))
                        ? List.of(headGradient)
                        : Autograd.grad(headMatrix, headGradient, wanted);
        for (int i = 0; i < trained.size(); i++) {
            int at = wanted.indexOf(trained.get(i).value());
            if (at >= 0) {
                gradients.get(i).addInPlace(own.get(at), 1);
            }
        }
        return gradients;
    }

    /**
     * Runs the backward pass.
     *
     * @param hiddenGradient gradient of the loss with respect to {@link #hidden}
     * @return one gradient for each trained parameter, in their order; zeros for those that the
     *     hidden states do not depend on, such as a head of its own
     */
    public List<Tensor> backward(Tensor hiddenGradient) {
        if (chain == null) {
            if (!hidden.requiresGrad()) {
                return trained.stream().map(p -> Tensor.zerosLike(p.value())).toList();
            }
            return Autograd.grad(hidden, hiddenGradient, Parameter.values(trained));
        }
        Autograd.Gradients gradients = chain.backward(hiddenGradient);
        Map<Tensor, Tensor> byWeight = new IdentityHashMap<>();
        List<Tensor> order = new ArrayList<>();
        for (DecoderBlock block : model.blocks()) {
            order.addAll(keep(block.parameters(), trained));
        }
        order.addAll(keep(model.norm().parameters(), trained));
        List<Tensor> flat = gradients.parameters().stream().flatMap(List::stream).toList();
        for (int i = 0; i < flat.size(); i++) {
            byWeight.put(order.get(i), flat.get(i));
        }
        addEmbeddingGradients(gradients.input(), byWeight);
        List<Tensor> result = new ArrayList<>();
        for (Parameter parameter : trained) {
            Tensor gradient = byWeight.get(parameter.value());
            result.add(gradient == null ? Tensor.zerosLike(parameter.value()) : gradient);
        }
        gradients.input().close();
        return result;
    }

    /** Goes back through the embeddings of tokens and positions, which are no stage. */
    private void addEmbeddingGradients(Tensor upstream, Map<Tensor, Tensor> byWeight) {
        List<Tensor> wanted =
                keep(
                        model.embeddings().stream()
                                .flatMap(table -> table.parameters().stream())
                                .toList(),
                        trained);
        if (wanted.isEmpty()) {
            return;
        }
        try (Scope scope = Scope.open()) {
            Tensor embedded;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                embedded = model.embed(batch, List.of());
            }
            List<Tensor> own = scope.passOut(Autograd.grad(embedded, upstream, wanted));
            for (int i = 0; i < own.size(); i++) {
                byWeight.put(wanted.get(i), own.get(i));
            }
        }
    }
}
