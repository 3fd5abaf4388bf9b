package org.retain4j.cli.compare;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.Trainer;

/**
 * One entry of a comparison: a method at one strength.
 *
 * @param info the method
 * @param name name with the strength when it is not the default, such as {@code ewc:3}
 * @param title name in tables, with the strength
 * @param strength the strength; 0 for a method that has none
 * @param options what goes into the results
 * @param attachment plugs the method into a run
 * @param afterwards changes the weights of a run of plain fine-tuning when it is over; null for a
 *     method that trains
 */
record Method(
        MethodInfo info,
        String name,
        String title,
        double strength,
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
        private final CausalLm model;
        private final CausalLm base;
        private final BatchSource old;
        private final long seed;
        private final long rows;
        private final int length;
        private final Deque<AutoCloseable> owned = new ArrayDeque<>();
        private long overheadTokens;

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
