package org.retain4j.regularization.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.regularization.GoldenPenalties;

class ModelSoupTest {

    /** The first weight, which tells the models apart. */
    private static final ToDoubleFunction<CausalLm> FIRST = ModelSoupTest::first;

    private CausalLm a;
    private CausalLm b;
    private CausalLm c;
    private CausalLm target;

    @BeforeEach
    void load() throws IOException {
        a = GoldenPenalties.model();
        b = a.copy();
        c = a.copy();
        target = a.copy();
        GoldenPenalties.moveTo(b, "model_shifted.safetensors");
        GoldenPenalties.moveTo(c, "model_far.safetensors");
    }

    @AfterEach
    void close() {
        List.of(a, b, c, target).forEach(CausalLm::close);
    }

    private static double first(CausalLm model) {
        return model.parameters().get(0).value().toDoubleArray()[0];
    }

    @Test
    void theUniformSoupIsTheMean() {
        ModelSoup.uniform(target, List.of(a, b, c));
        assertThat(first(target)).isCloseTo((first(a) + first(b) + first(c)) / 3, within(1e-6));
    }

    @Test
    void theGreedySoupTakesInOnlyWhatHelps() {
        double goal = (first(a) + first(b)) / 2;
        List<Integer> chosen =
                ModelSoup.greedy(target, List.of(a, b, c), model -> Math.abs(first(model) - goal));
        assertThat(chosen).contains(0, 1).doesNotContain(2);
        assertThat(first(target)).isCloseTo(goal, within(1e-6));
        assertThat(ModelSoup.greedy(target, List.of(a, b, c), FIRST)).hasSize(1);
    }

    @Test
    void theCocktailFollowsTheLosses() {
        double[] losses = {1, 2, 4};
        List<CausalLm> models = List.of(a, b, c);
        double[] shares =
                ModelSoup.cocktail(target, models, model -> losses[models.indexOf(model)], 2);
        double sum = Math.exp(-0.5) + Math.exp(-1) + Math.exp(-2);
        for (int m = 0; m < 3; m++) {
            assertThat(shares[m]).isCloseTo(Math.exp(-losses[m] / 2) / sum, within(1e-12));
        }
        assertThat(first(target))
                .isCloseTo(
                        shares[0] * first(a) + shares[1] * first(b) + shares[2] * first(c),
                        within(1e-6));
    }

    @Test
    void graftingKeepsTheLargestChanges() {
        ModelSoup.graft(b, a, 0.1);
        for (int p = 0; p < a.parameters().size(); p++) {
            float[] base = a.parameters().get(p).value().toFloatArray();
            float[] tuned = b.parameters().get(p).value().toFloatArray();
            int moved = 0;
            for (int i = 0; i < base.length; i++) {
                moved += base[i] == tuned[i] ? 0 : 1;
            }
            assertThat(moved).isBetween(0, Math.max(1, base.length / 10));
        }
    }

    @Test
    void aSweepGoesFromTheBaseToTheTunedModel() {
        double[] measured = ModelSoup.sweep(target, a, b, new double[] {0, 0.25, 1}, FIRST);
        assertThat(measured[0]).isCloseTo(first(a), within(1e-7));
        assertThat(measured[1]).isCloseTo(0.75 * first(a) + 0.25 * first(b), within(1e-6));
        assertThat(measured[2]).isCloseTo(first(b), within(1e-7));
    }

    @Test
    void wrongSettingsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ModelSoup.mix(target, List.of(a, b), 1));
        assertThatIllegalArgumentException().isThrownBy(() -> ModelSoup.graft(b, a, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ModelSoup.cocktail(target, List.of(a), FIRST, 0));
    }
}
