package org.retain4j.evaluation.report;

import org.jspecify.annotations.Nullable;

/**
 * One short run that helped to choose a method's learning rate and strength.
 *
 * @param learningRate the peak learning rate
 * @param strength the strength of the method; null for a method that has none
 * @param learned bits per byte on the validation part of the new text, lower is better; not finite
 *     if the run diverged
 * @param retained the same on the validation part of the old text
 * @param chosen whether the runs have this learning rate and strength
 */
public record MethodTrial(
        double learningRate,
        @Nullable Double strength,
        double learned,
        double retained,
        boolean chosen) {}
