package org.retain4j.cli.compare;

/**
 * What a user can be told of a method.
 *
 * @param name name on the command line
 * @param title name in tables
 * @param group what kind of method it is
 * @param paper where the method is from
 * @param options its strength, with default and range; empty when it has none
 * @param needsOldData whether it reads the training part of the old text
 */
public record MethodInfo(
        String name,
        String title,
        Group group,
        String paper,
        String options,
        boolean needsOldData) {

    /** Kinds of methods. */
    public enum Group {
        /** Nothing against forgetting. */
        REFERENCE("reference"),
        /** Terms that tie weights to what they were. */
        PENALTY("penalties on the weights"),
        /** Losses that tie predictions to those of the base model. */
        DISTILLATION("distillation to the base model"),
        /** Old data beside the new. */
        REPLAY("replay"),
        /** Changes of the gradient or the step. */
        PROJECTION("projections of gradients and updates"),
        /** Changes of how the optimizer steps. */
        OPTIMIZER("optimizers"),
        /** Changes of the weights after training. */
        WEIGHTS("weights after training"),
        /** Few trained weights beside frozen ones. */
        ADAPTER("adapters");

        private final String title;

        Group(String title) {
            this.title = title;
        }

        /** Returns its name for people. */
        public String title() {
            return title;
        }
    }
}
