package org.retain4j.core.io.gguf;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The merges of a SentencePiece BPE model, which stores only pieces and their scores.
 *
 * <p>As in transformers' conversion: every way to cut a piece into two pieces is a merge; merges
 * are ordered by the score of the whole (highest first), then by the lengths of the left and the
 * right part in code points (longest first), then by the id of the whole.
 */
final class PieceMerges {

    /** Bound on the work that splitting all pieces takes: the squares of their lengths, summed. */
    private static final long MAX_WORK = 1L << 30;

    /** Two pieces whose concatenation is a piece. */
    record Merge(String left, String right, double score, int leftLength, int rightLength) {}

    private PieceMerges() {}

    /**
     * Finds all merges, in the order in which they are applied.
     *
     * @throws GgufException when there is not one finite score for each token
     */
    static List<Merge> of(GgufMetadata metadata, GgufVocabulary vocabulary) throws GgufException {
        double[] scores = metadata.numbers("tokenizer.ggml.scores");
        if (scores == null || scores.length < vocabulary.usedSize()) {
            throw metadata.fail(
                    "tokenizer.ggml.scores has "
                            + (scores == null ? 0 : scores.length)
                            + " elements; expected one for each of the "
                            + vocabulary.usedSize()
                            + " tokens");
        }
        long work = 0;
        List<Merge> merges = new ArrayList<>();
        for (int id = 0; id < vocabulary.usedSize(); id++) {
            String whole = vocabulary.token(id);
            work += (long) whole.length() * whole.length();
            if (work > MAX_WORK || Double.isNaN(scores[id])) {
                throw metadata.fail(
                        "token "
                                + id
                                + (work > MAX_WORK
                                        ? " makes the pieces too long for a SentencePiece model"
                                        : " has no number as its score"));
            }
            for (int cut = whole.offsetByCodePoints(0, whole.isEmpty() ? 0 : 1);
                    cut < whole.length();
                    cut = whole.offsetByCodePoints(cut, 1)) {
                String left = whole.substring(0, cut);
                String right = whole.substring(cut);
                if (vocabulary.id(left) != null && vocabulary.id(right) != null) {
                    merges.add(
                            new Merge(
                                    left,
                                    right,
                                    scores[id] + 0.0,
                                    left.codePointCount(0, left.length()),
                                    right.codePointCount(0, right.length())));
                }
            }
        }
        merges.sort(
                Comparator.comparingDouble(Merge::score)
                        .thenComparingInt(Merge::leftLength)
                        .thenComparingInt(Merge::rightLength)
                        .reversed());
        return merges;
    }
}
