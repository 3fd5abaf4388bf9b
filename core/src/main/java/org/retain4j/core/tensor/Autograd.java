package org.retain4j.core.tensor;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.internal.Native;

/**
 * Automatic differentiation: gradients as plain lists, recording switched on and off by scope.
 *
 * <p>Recording is a state of the thread and is off unless {@link #enableGrad} turned it on inside
 * an open {@link Scope}. Operators on tensors that require gradients keep what their backward pass
 * needs until the result is closed or {@link #grad} has consumed it. Safe for all threads.
 */
public final class Autograd {

    private Autograd() {}

    /** Turns recording on for this thread until the returned mode is closed. */
    public static Mode enableGrad() {
        return new Mode(true);
    }

    /** Turns recording off for this thread until the returned mode is closed. */
    public static Mode noGrad() {
        return new Mode(false);
    }

    /** Returns whether this thread records now. */
    public static boolean isRecording() {
        Scope.current();
        return Native.isGradMode();
    }

    /** A recording mode of one thread; closing it restores the mode before. */
    public static final class Mode implements AutoCloseable {
        private final boolean before;
        private final Thread thread = Thread.currentThread();
        private boolean closed;

        private Mode(boolean recording) {
            Scope.current();
            before = Native.isGradMode();
            Native.setGradMode(recording);
        }

        /**
         * Restores the recording mode that was set before.
         *
         * @throws IllegalStateException if another thread closes it
         */
        @Override
        public void close() {
            if (thread != Thread.currentThread()) {
                throw new IllegalStateException(
                        "a recording mode of thread "
                                + thread.getName()
                                + " must be closed by that thread");
            }
            if (!closed) {
                closed = true;
                Native.setGradMode(before);
            }
        }
    }

    /**
     * Returns the gradients of a scalar with respect to tensors that require gradients.
     *
     * @param loss tensor with one element, recorded from the inputs
     * @param inputs tensors that require gradients; one that the loss does not depend on gets zeros
     * @return one gradient for each input, of its shape and type
     * @throws TensorException if the loss has more than one element or was not recorded
     */
    public static List<Tensor> grad(Tensor loss, List<Tensor> inputs) {
        requireRecorded(loss);
        return Kernels.callForList("grad", List.of(loss), inputs);
    }

    /**
     * Returns the gradients of a tensor, given the gradient that arrives at it.
     *
     * @param output tensor of any shape, recorded from the inputs
     * @param outputGradient gradient with respect to the output, of its shape
     * @param inputs tensors that require gradients
     * @return one gradient for each input, of its shape and type
     */
    public static List<Tensor> grad(Tensor output, Tensor outputGradient, List<Tensor> inputs) {
        requireRecorded(output);
        return Kernels.callForList("grad_output", output, outputGradient, inputs);
    }

    private static void requireRecorded(Tensor output) {
        if (!output.requiresGrad()) {
            throw new TensorException(
                    "grad: "
                            + output
                            + " was not recorded; compute it inside Autograd.enableGrad() from"
                            + " tensors that require gradients");
        }
    }

    /** One stage of a chain of computations, for {@link #checkpoint}. */
    public interface Stage {
        /** Computes the output from the input; called once, and once more in the backward pass. */
        Tensor forward(Tensor input);

        /** Returns the tensors, other than the input, whose gradients are wanted. */
        List<Tensor> parameters();
    }

    /**
     * A stage with a backward pass of its own, which keeps what it chooses and not all that a graph
     * would.
     */
    public interface ManualStage extends Stage {
        /**
         * Computes the output without a graph.
         *
         * @return the output, then what {@link #backward} needs besides the input
         */
        List<Tensor> forwardKeeping(Tensor input);

        /**
         * Computes the gradients.
         *
         * @param input what the stage was given
         * @param kept what {@link #forwardKeeping} returned after the output
         * @param outputGradient gradient with respect to the output
         * @return gradients with respect to {@link #parameters}, in their order, then to the input
         */
        List<Tensor> backward(Tensor input, List<Tensor> kept, Tensor outputGradient);

        @Override
        default Tensor forward(Tensor input) {
            return forwardKeeping(input).get(0);
        }
    }

    /**
     * Runs a chain of stages keeping only the input of each; the backward pass computes the rest
     * again (activation checkpointing, Chen et al. 2016, arXiv:1604.06174).
     *
     * <p>Costs one more forward pass, and memory for one stage instead of all.
     *
     * @param stages at least one stage
     * @param input input of the first stage; its gradient is returned too
     */
    public static Chain checkpoint(List<? extends Stage> stages, Tensor input) {
        return chain(stages, input, false);
    }

    /**
     * Runs a chain of stages keeping what the backward pass of each needs, which then frees it
     * stage by stage: the memory of a stage is back before the gradients of the next are made.
     *
     * @param stages at least one stage
     * @param input input of the first stage; its gradient is returned too
     */
    public static Chain record(List<? extends Stage> stages, Tensor input) {
        return chain(stages, input, true);
    }

    private static Chain chain(List<? extends Stage> stages, Tensor input, boolean recording) {
        if (stages.isEmpty()) {
            throw new IllegalArgumentException("a chain needs at least one stage");
        }
        List<Tensor> inputs = new ArrayList<>();
        List<List<Tensor>> kept = new ArrayList<>();
        Tensor x = input.detach();
        for (Stage stage : stages) {
            boolean graph = recording && !(stage instanceof ManualStage);
            inputs.add(graph ? x.requiresGrad(true) : x);
            try (Scope scope = Scope.open();
                    Mode mode = graph ? enableGrad() : noGrad()) {
                if (recording && stage instanceof ManualStage manual) {
                    List<Tensor> results = scope.passOut(manual.forwardKeeping(x));
                    kept.add(results.subList(1, results.size()));
                    x = results.get(0);
                } else {
                    Tensor y = scope.passOut(stage.forward(x));
                    kept.add(List.of(y));
                    x = recording ? scope.passOut(y.detach()) : y;
                }
            }
        }
        return new Chain(List.copyOf(stages), inputs, recording ? kept : List.of(), x);
    }

    /** A forward pass of a chain of stages that waits for its backward pass. */
    public static final class Chain {
        private final List<? extends Stage> stages;
        private final List<Tensor> inputs;
        private final List<List<Tensor>> recorded;
        private final Tensor output;

        private Chain(
                List<? extends Stage> stages,
                List<Tensor> inputs,
                List<List<Tensor>> recorded,
                Tensor output) {
            this.stages = stages;
            this.inputs = inputs;
            this.recorded = recorded;
            this.output = output;
        }

        /** Returns the output of the last stage; it does not require gradients. */
        public Tensor output() {
            return output;
        }

        /**
         * Computes the gradients, last stage first, freeing what was kept on the way.
         *
         * @param outputGradient gradient with respect to {@link #output}
         * @return gradients with respect to the parameters of each stage, and to the first input
         */
        public Gradients backward(Tensor outputGradient) {
            List<List<Tensor>> byStage = new ArrayList<>();
            Tensor upstream = outputGradient;
            for (int i = stages.size() - 1; i >= 0; i--) {
                try (Scope scope = Scope.open()) {
                    List<Tensor> gradients = scope.passOut(stageBackward(i, upstream));
                    if (upstream != outputGradient) {
                        upstream.close();
                    }
                    upstream = gradients.get(gradients.size() - 1);
                    byStage.add(0, gradients.subList(0, gradients.size() - 1));
                }
                inputs.get(i).close();
            }
            return new Gradients(byStage, upstream);
        }

        private List<Tensor> stageBackward(int i, Tensor upstream) {
            Stage stage = stages.get(i);
            if (stage instanceof ManualStage manual) {
                try (Mode mode = noGrad()) {
                    List<Tensor> kept =
                            recorded.isEmpty()
                                    ? manual.forwardKeeping(inputs.get(i))
                                    : recorded.get(i);
                    int from = recorded.isEmpty() ? 1 : 0;
                    List<Tensor> needed = kept.subList(from, kept.size());
                    List<Tensor> gradients = manual.backward(inputs.get(i), needed, upstream);
                    kept.forEach(Tensor::close);
                    return gradients;
                }
            }
            Tensor x = inputs.get(i);
            Tensor y;
            if (recorded.isEmpty()) {
                x = x.detach().requiresGrad(true);
                try (Mode mode = enableGrad()) {
                    y = stage.forward(x);
                }
            } else {
                y = recorded.get(i).get(0);
            }
            List<Tensor> wanted = new ArrayList<>(stage.parameters());
            wanted.add(x);
            List<Tensor> gradients = grad(y, upstream, wanted);
            y.close();
            return gradients;
        }
    }

    /**
     * Gradients of a chain.
     *
     * @param parameters for each stage, one gradient a parameter in the stage's order
     * @param input gradient with respect to the input of the first stage
     */
    public record Gradients(List<List<Tensor>> parameters, Tensor input) {}
}
