package org.retain4j.core.text;

/**
 * A token that stands beside a tokenizer's model, found in a text before anything is split.
 *
 * @param id its token id
 * @param content its text, for example {@code <|im_start|>}
 * @param special whether decoding can leave it out
 */
public record AddedToken(int id, String content, boolean special) {}
