package org.retain4j.cli.compare;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.Trainer;

/**
 * One entry of a comparison: a method at one strength.
 *
 * @param info the method
 * @param name name with the strength when it is not the default, such as {@code ewc:3}
 * @param title name in tables, with the strength
 * @param strength the strength; null for a method that has none
 * @param strengths the strengths that trials choose from; one when the user named it, none where
 *     there is none
 * @param options what goes into the results
 * @param attachment plugs the method into a run
 * @param afterwards changes the weights of a run of plain fine-tuning when it is over; null for a
 *     method that trains
 */
record Method(
        MethodInfo info,
        String name,
        String title,
        @Nullable Double strength,
        List<Double> strengths,
        Map<String, Object> options,
        Attachment attachment,
        @Nullable Afterwards afterwards) {

    /** Changes a tuned model. */
    interface Afterwards {
        void apply(CausalLm tuned, CausalLm base);
    }

    /** Plugs a method into a trainer. */
    interface Attachment {
        void attach(Trainer trainer, Run run);
    }

    /** Everything about one run that a method may need; frees what the method made. */
    static final class Run implements AutoCloseable {
        private static final long NUMBER = 4;

        private final CausalLm model;
        private final CausalLm base;
        private final BatchSource old;
        private final long seed;
        private final long rows;
        private final int length;
        private final Deque<AutoCloseable> owned = new ArrayDeque<>();
        private long overheadTokens;
        private long keptBytes;
        private Runnable afterwards = () -> {};

        /**
         * Describes a run.
         *
         * @param model the model in training
         * @param base the base model, only read
         * @param old training part of the old text
         * @param rows number of rows of the whole run
         * @param length tokens of a row
         */
        Run(CausalLm model, CausalLm base, BatchSource old, long seed, long rows, int length) {
            this.model = model;
            this.base = base;
            this.old = old;
            this.seed = seed;
            this.rows = rows;
            this.length = length;
        }

        CausalLm model() {
            return model;
        }

        CausalLm base() {
            return base;
        }

        BatchSource old() {
            return old;
        }

        long seed() {
            return seed;
        }

        long rows() {
            return rows;
        }

        int length() {
            return length;
        }

        /** Counts tokens that a method computes beside the budget. */
        void addOverhead(long tokens) {
            overheadTokens += tokens;
        }

        long overheadTokens() {
            return overheadTokens;
        }

        /** Does something to the model when its training is over. */
        void whenTrained(Runnable change) {
            afterwards = change;
        }

        void trained() {
            afterwards.run();
        }

        /** Counts memory that a method holds while the run goes on. */
        void keep(long bytes) {
            keptBytes += bytes;
        }

        /** Counts as many bytes as the model's weights take, some times. */
        void keepCopies(int copies) {
            keep(copies * weightBytes());
        }

        /** Returns the bytes of all weights of the model. */
        long weightBytes() {
            return elements(model.parameters()) * NUMBER;
        }

        /** Returns the bytes of weights, gradients, moments and what was counted. */
        long memoryBytes() {
            return weightBytes() + elements(model.trainable()) * 3 * NUMBER + keptBytes;
        }

        private static long elements(List<Parameter> parameters) {
            return parameters.stream().mapToLong(Parameter::elements).sum();
        }

        /** Frees something when the run is over. */
        <T extends AutoCloseable> T own(T resource) {
            owned.push(resource);
            return resource;
        }

        @Override
        public void close() {
            while (!owned.isEmpty()) {
                try {
                    owned.pop().close();
                } catch (Exception e) {
                    throw new IllegalStateException("a method did not free its memory", e);
                }
            }
        }
    }
}
