package org.retain4j.finetune.optim;

/**
 * Learning rates from one to another, both included.
 *
 * @param from the smallest
 * @param to the largest
 */
public record LearningRateRange(double from, double to) {

    /** Returns whether a learning rate is among them. */
    public boolean contains(double learningRate) {
        return learningRate >= from && learningRate <= to;
    }
}
