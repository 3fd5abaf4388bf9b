package org.retain4j.evaluation.metrics;

import java.util.stream.DoubleStream;
import java.util.stream.LongStream;

/**
 * How well a model predicts each document of a text.
 *
 * <p>The arrays are not copied; treat them as immutable.
 *
 * @param bits information content of each document under the model, -log2 p
 * @param bytes length of each document in UTF-8 bytes
 */
public record DocumentScores(double[] bits, long[] bytes) {

    /**
     * Creates scores.
     *
     * @throws IllegalArgumentException if the lengths differ or there is no document
     */
    public DocumentScores {
        if (bits.length != bytes.length || bits.length == 0) {
            throw new IllegalArgumentException(
                    "scores need at least one document and as many bits as bytes");
        }
    }

    /** Returns bits per byte over all documents together; lower is better. */
    public double bitsPerByte() {
        return DoubleStream.of(bits).sum() / LongStream.of(bytes).sum();
    }

    /** Returns the perplexity of a byte, 2 to the power of bits per byte. */
    public double bytePerplexity() {
        return Math.pow(2, bitsPerByte());
    }
}
