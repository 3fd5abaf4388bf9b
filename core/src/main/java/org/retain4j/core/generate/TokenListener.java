package org.retain4j.core.generate;

/** Is told of each new token as soon as it is chosen. */
@FunctionalInterface
public interface TokenListener {

    /**
     * Takes a token.
     *
     * @param row number of the prompt
     * @param id the token
     * @param text text that became certain with it, often empty: never half a character, nor
     *     anything that may turn out to begin a stop string
     * @return whether to go on; false ends all rows
     */
    boolean onToken(int row, int id, String text);
}
