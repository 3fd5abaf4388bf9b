package org.retain4j.finetune;

/**
 * What a run came to.
 *
 * @param steps optimizer steps done
 * @param finalLoss task loss of the last step, in nats a token
 * @param newTokens tokens of new data seen
 * @param replayedTokens tokens of old data seen
 */
public record TrainResult(long steps, double finalLoss, long newTokens, long replayedTokens) {}
