package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.model.ModelException;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** The hand-written gradients of the head against automatic differentiation. */
class LossHeadTest {

    private static final int ROWS = 2;
    private static final int TOKENS = 5;
    private static final int HIDDEN = 8;
    private static final int VOCABULARY = 11;
    private static final int NONE = -100;

    private static final long[] TARGETS = {3, 0, 10, NONE, 7, 1, NONE, 2, 2, 9};
    private static final float[] WEIGHTS = {.1f, .2f, .05f, 0, .15f, .1f, 0, .1f, .1f, .2f};

    private CausalLm model;
    private Scope scope;
    private Tensor hidden;

    @BeforeEach
    void open() throws ModelException {
        model =
                CausalLm.random(
                        ModelConfig.parse(
                                "test",
                                """
                                {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
                                 "num_hidden_layers": 1, "num_attention_heads": 2,
                                 "vocab_size": 11, "max_position_embeddings": 16,
                                 "rms_norm_eps": 1e-5, "tie_word_embeddings": false}
                                """),
                        1,
                        Device.CPU,
                        Precision.F32);
        scope = Scope.open();
        model.headWeight().value().copyInPlace(normal("head", VOCABULARY, HIDDEN));
        hidden = normal("hidden", ROWS, TOKENS, HIDDEN);
    }

    @AfterEach
    void close() {
        scope.close();
        model.close();
    }

    private static Tensor normal(String site, long... shape) {
        return Random.at(5, 0, site).normal(1, shape);
    }

    private LossHead.Result compute(Objective objective, int chunk, boolean headIsTrained) {
        return new LossHead(objective, List.of(), chunk)
                .compute(
                        new LossHead.Scorer(model, hidden, model.headMatrix()),
                        List.of(),
                        Tensor.of(TARGETS, TARGETS.length),
                        Tensor.of(WEIGHTS, WEIGHTS.length),
                        List.of(),
                        headIsTrained);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.1, 0.7})
    void lossAndGradientsEqualThoseOfAutomaticDifferentiation(double smoothing) {
        Tensor h = hidden.copy().requiresGrad(true);
        Tensor w = model.headWeight().value().copy().requiresGrad(true);
        Tensor loss;
        List<Tensor> gradients;
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            Tensor logProbs =
                    h.reshape(ROWS * TOKENS, HIDDEN).matmul(w.transpose(0, 1)).logSoftmax(1);
            long[] targets = TARGETS.clone();
            float[] weights = WEIGHTS.clone();
            for (int i = 0; i < targets.length; i++) {
                targets[i] = Math.max(0, targets[i]);
            }
            Tensor share = Tensor.of(weights, weights.length);
            Tensor target = logProbs.gather(1, Tensor.of(targets, targets.length, 1)).reshape(-1);
            Tensor uniform = logProbs.mean(1, false);
            loss = target.mul(-(1 - smoothing)).add(uniform.mul(-smoothing)).mul(share).sum();
            gradients = Autograd.grad(loss, List.of(h, w));
        }

        LossHead.Result result = compute(new CrossEntropy(smoothing), 4, true);

        assertThat(result.loss()).isCloseTo(loss.item(), within(1e-5));
        assertThat(result.hiddenGradient().shape()).containsExactly(ROWS, TOKENS, HIDDEN);
        assertClose(result.hiddenGradient(), gradients.get(0));
        assertClose(result.headGradient().get(0), gradients.get(1));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 9, 10, 256})
    void theChunkChangesNothing(int chunk) {
        LossHead.Result expected = compute(new CrossEntropy(0.2), 10, true);
        LossHead.Result result = compute(new CrossEntropy(0.2), chunk, true);
        assertThat(result.loss()).isCloseTo(expected.loss(), within(1e-6));
        assertClose(result.hiddenGradient(), expected.hiddenGradient());
        assertClose(result.headGradient().get(0), expected.headGradient().get(0));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3})
    void theFormThatLeavesTheScoresAloneGivesTheSame(double smoothing) {
        CrossEntropy loss = new CrossEntropy(smoothing);
        LossHead.Result inPlace = compute(loss, 4, true);
        // an objective without an in-place form takes the other path
        LossHead.Result added = compute(chunk -> loss.accumulate(chunk), 4, true);
        assertThat(added.loss()).isCloseTo(inPlace.loss(), within(1e-6));
        assertClose(added.hiddenGradient(), inPlace.hiddenGradient());
        assertClose(added.headGradient().get(0), inPlace.headGradient().get(0));
    }

    @Test
    void aFrozenHeadGetsNoGradient() {
        LossHead.Result frozen = compute(new CrossEntropy(), 4, false);
        assertThat(frozen.headGradient()).isEmpty();
        assertClose(frozen.hiddenGradient(), compute(new CrossEntropy(), 4, true).hiddenGradient());
    }

    @Test
    void positionsWithoutATargetGetNoGradient() {
        float[] gradient = compute(new CrossEntropy(0.1), 3, true).hiddenGradient().toFloatArray();
        for (int position = 0; position < TARGETS.length; position++) {
            double norm = 0;
            for (int i = 0; i < HIDDEN; i++) {
                norm += Math.abs(gradient[position * HIDDEN + i]);
            }
            if (TARGETS[position] == NONE) {
                assertThat(norm).isZero();
            } else {
                assertThat(norm).isPositive();
            }
        }
    }

    @Test
    void smoothingOfTheUniformPredictionIsTheLogarithmOfTheVocabulary() {
        model.headWeight().value().mulInPlace(0);
        double share = 0;
        for (float weight : WEIGHTS) {
            share += weight;
        }
        for (double smoothing : new double[] {0, 0.5}) {
            assertThat(compute(new CrossEntropy(smoothing), 4, false).loss())
                    .isCloseTo(share * Math.log(VOCABULARY), within(1e-6));
        }
    }

    @Test
    void nothingStaysAlive() {
        long before = Scope.liveTensors();
        try (Scope inner = Scope.open()) {
            compute(new CrossEntropy(), 3, true);
        }
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    private static void assertClose(Tensor actual, Tensor expected) {
        assertThat(actual.shape()).isEqualTo(expected.shape());
        float[] a = actual.toFloatArray();
        float[] e = expected.toFloatArray();
        for (int i = 0; i < e.length; i++) {
            assertThat(a[i]).isCloseTo(e[i], within(2e-6f));
        }
    }
}
