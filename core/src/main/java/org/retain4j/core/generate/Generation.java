package org.retain4j.core.generate;

/**
 * What was generated for one prompt.
 *
 * @param ids new tokens; the one that ended the text, if any, is the last
 * @param text text of the new tokens without special tokens, as it continues the prompt; without
 *     the stop string that ended it and what follows; empty for a model without a tokenizer
 * @param reason why the row ended
 */
public record Generation(int[] ids, String text, StopReason reason) {}
