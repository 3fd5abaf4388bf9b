package org.retain4j.evaluation.scoring;

/**
 * What a model says of one row of tokens.
 *
 * <p>The array is not copied; treat it as immutable.
 *
 * @param logProbs natural log-probability of each id but the first given all before it: entry i
 *     belongs to id i + 1; computed in float32; empty for a row of fewer than two ids
 * @param counted how many ids count
 * @param sum sum of the log-probabilities of the ids that count; 0 when none does
 * @param greedy whether each id that counts has the largest probability of all (the first of equal
 *     ones), which is what greedy decoding would have written; true when none counts
 */
public record RowScore(double[] logProbs, int counted, double sum, boolean greedy) {}
