package org.retain4j.regularization;

/**
 * Whose constants a penalty takes: the paper's, or those that a library writes in their place, to
 * reproduce its numbers.
 */
public enum Convention {
    /** λ/2 in the penalty, squares of single sequences' gradients, their mean. */
    PAPER(0.5, Squares.OF_SEQUENCES),
    /** Avalanche: λ, squares of mini-batch means, which depend on the size of the batch. */
    AVALANCHE(1, Squares.OF_BATCH_MEANS),
    /** Mammoth: λ, squares of single gradients times the probability of the label. */
    MAMMOTH(1, Squares.TIMES_PROBABILITY),
    /** GMvandeVen's continual-learning: λ/2, the sum divided by one less than the number. */
    VANDEVEN(0.5, Squares.ONE_LESS);

    /** What of the gradients is added up. */
    enum Squares {
        OF_SEQUENCES,
        OF_BATCH_MEANS,
        TIMES_PROBABILITY,
        ONE_LESS
    }

    private final double factor;
    private final Squares squares;

    Convention(double factor, Squares squares) {
        this.factor = factor;
        this.squares = squares;
    }

    /** Returns the λ of {@link Ewc}, the whole factor, for a λ as this convention writes it. */
    public double strength(double lambda) {
        return factor * lambda;
    }

    Squares squares() {
        return squares;
    }
}
