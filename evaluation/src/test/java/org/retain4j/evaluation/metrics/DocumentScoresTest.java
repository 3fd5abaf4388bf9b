package org.retain4j.evaluation.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class DocumentScoresTest {

    @Test
    void bytesAndNotDocumentsHaveEqualWeight() {
        DocumentScores scores = new DocumentScores(new double[] {10, 20}, new long[] {1, 9});
        assertThat(scores.bitsPerByte()).isEqualTo(3);
        assertThat(scores.bytePerplexity()).isEqualTo(8);
    }

    @Test
    void scoresWithoutDocumentsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DocumentScores(new double[0], new long[0]));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DocumentScores(new double[2], new long[1]));
    }
}
