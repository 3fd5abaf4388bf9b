package org.retain4j.evaluation.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;

class KlDriftTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final List<String> PROBE =
            List.of("Once upon a time there was a fox.", "It slept.");

    @Test
    void aModelDoesNotDriftFromItself() throws IOException {
        try (CausalLm model = Pretrained.load(LLAMA)) {
            KlDrift.Result result = KlDrift.of(PROBE, model.tokenizer(), 64).measure(model, model);
            assertThat(result.forward()).isCloseTo(0, within(1e-9));
            assertThat(result.tokens())
                    .isEqualTo(
                            model.tokenizer().encode(PROBE.get(0)).length
                                    + model.tokenizer().encode(PROBE.get(1)).length);
        }
    }

    @Test
    void driftIsTheDivergenceOfTheNextTokens() throws IOException {
        try (CausalLm base = Pretrained.load(LLAMA);
                CausalLm other = CausalLm.random(base.config(), 5, Device.CPU, Precision.F32)) {
            int[] ids = base.tokenizer().encode(PROBE.get(0));
            float[] p;
            float[] q;
            try (Scope scope = Scope.open()) {
                p = base.logits(TokenBatch.of(ids)).logSoftmax(-1).toFloatArray();
                q = other.logits(TokenBatch.of(ids)).logSoftmax(-1).toFloatArray();
            }
            double forward = 0;
            double reverse = 0;
            for (int i = 0; i < p.length; i++) {
                forward += Math.exp(p[i]) * (p[i] - q[i]) / ids.length;
                reverse += Math.exp(q[i]) * (q[i] - p[i]) / ids.length;
            }
            KlDrift.Result result =
                    KlDrift.of(PROBE.subList(0, 1), base.tokenizer(), 256).measure(base, other);
            assertThat(result.forward()).isCloseTo(forward, within(1e-4)).isGreaterThan(0.01);
            assertThat(result.reverse()).isCloseTo(reverse, within(1e-4));
        }
    }

    /** Windows of unlike length run together, padded; the padding counts nowhere. */
    @Test
    void batchesSayTheSameAsWindowsAlone() throws IOException {
        try (CausalLm base = Pretrained.load(LLAMA);
                CausalLm other = CausalLm.random(base.config(), 5, Device.CPU, Precision.F32)) {
            KlDrift.Result both = KlDrift.of(PROBE, base.tokenizer(), 256).measure(base, other);
            double forward = 0;
            for (String document : PROBE) {
                KlDrift.Result alone =
                        KlDrift.of(List.of(document), base.tokenizer(), 256).measure(base, other);
                forward += alone.forward() * alone.tokens() / both.tokens();
            }
            assertThat(both.forward()).isCloseTo(forward, within(1e-6));
        }
    }

    @Test
    void anEmptyProbeIsRefused() throws IOException {
        try (CausalLm model = Pretrained.load(LLAMA)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> KlDrift.of(List.of(), model.tokenizer(), 8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> KlDrift.of(PROBE, model.tokenizer(), 0));
        }
    }
}
