package org.retain4j.evaluation.report;

/**
 * One learning rate tried while choosing a method's learning rate.
 *
 * @param learningRate the peak learning rate
 * @param validationBitsPerByte bits per byte on the validation part of the new text, lower is
 *     better; not finite if the run diverged
 */
public record LearningRateTrial(double learningRate, double validationBitsPerByte) {}
