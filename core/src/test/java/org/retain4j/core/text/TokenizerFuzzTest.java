package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/**
 * Damaged and odd tokenizer files are refused by name or work; none ends the JVM.
 *
 * <p>{@code -Dretain4j.fuzz.inputs=50000} tries more than the usual number.
 */
class TokenizerFuzzTest {

    private static final int INPUTS = Integer.getInteger("retain4j.fuzz.inputs", 2_000);

    @Test
    void isRefusedOrWorks() throws IOException {
        TokenizerMutations mutations = new TokenizerMutations();
        int accepted = 0;
        for (int i = 0; i < INPUTS; i++) {
            long number = i;
            byte[] json = mutations.file(number);
            try {
                accepted +=
                        Assertions.assertTimeout(
                                        Duration.ofSeconds(30),
                                        () -> TokenizerMutations.use(json, number))
                                ? 1
                                : 0;
            } catch (Exception | AssertionError e) {
                throw new AssertionError(
                        "input " + number + ": " + TokenizerMutations.show(json), e);
            }
        }
        assertThat(accepted).isBetween(INPUTS / 10, INPUTS / 2);
    }
}
