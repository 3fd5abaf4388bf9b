package org.retain4j.finetune.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/** Groups by name, and the patterns that make them. */
class ParameterGroupsTest {

    private static List<Parameter> parameters() {
        return List.of(
                new Parameter("model.embed_tokens.weight", Tensor.of(new float[] {1, 1}, 2, 1)),
                new Parameter(
                        "model.layers.1.mlp.up_proj.weight", Tensor.of(new float[] {1}, 1, 1)),
                new Parameter("model.layers.10.norm.weight", Tensor.of(new float[] {1}, 1)));
    }

    private static List<Tensor> ones() {
        return List.of(
                Tensor.of(new float[] {1, 1}, 2, 1),
                Tensor.of(new float[] {1}, 1, 1),
                Tensor.of(new float[] {1}, 1));
    }

    @Test
    void eachGroupHasItsRateAndDecay() {
        OptimizerFactory factory =
                ParameterGroups.of(new Sgd.Options(0, 0.5))
                        .group("model.embed_tokens", 0)
                        .group("*.mlp.*", 0.1, 2)
                        .group("model.layers", 10);
        try (Scope scope = Scope.open()) {
            List<Parameter> parameters = parameters();
            try (Optimizer optimizer = factory.create(parameters)) {
                optimizer.step(ones(), 0.01);
            }
            assertThat(parameters.get(0).value().toFloatArray()).containsExactly(1, 1);
            assertThat(parameters.get(1).value().item()).isCloseTo(1 - 0.001 * 3, within(1e-6));
            assertThat(parameters.get(2).value().item()).isCloseTo(1 - 0.1, within(1e-6));
        }
    }

    @Test
    void theStateOfAllGroupsComesBack() {
        OptimizerFactory factory =
                ParameterGroups.of(new Sgd.Options(0.9, 0)).group("*embed*", 0.5);
        try (Scope scope = Scope.open()) {
            List<Parameter> first = parameters();
            List<Parameter> second = parameters();
            try (Optimizer a = factory.create(first);
                    Optimizer b = factory.create(second)) {
                a.step(ones(), 0.1);
                StateDict state = a.save();
                assertThat(state.numbers()).containsOnlyKeys("0.steps", "1.steps");
                b.load(state);
                a.step(ones(), 0.1);
                b.step(ones(), 0.1);
            }
            for (int i = 0; i < 3; i++) {
                double moved = first.get(i).value().select(0, 0).sum().item();
                double resumed = second.get(i).value().select(0, 0).sum().item();
                double rate = i == 0 ? 0.05 : 0.1;
                assertThat(1 - moved).isCloseTo(rate * 2.9, within(1e-6));
                assertThat(1 - resumed).isCloseTo(rate * 1.9, within(1e-6));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "model.layers.1, model.layers.1.mlp.up_proj.weight, true",
        "model.layers.1, model.layers.10.norm.weight, false",
        "*.mlp.*, model.layers.1.mlp.up_proj.weight, true",
        "*.layers.?, model.layers.1.mlp.up_proj.weight, true",
        "*.layers.?, model.layers.10.norm.weight, false",
        "regex:.*\\.(1|2)\\.mlp.*, model.layers.1.mlp.up_proj.weight, true",
        "regex:mlp, model.layers.1.mlp.up_proj.weight, false",
        "modelXlayers, model.layers.1, false"
    })
    void patternsFitWholeNames(String pattern, String name, boolean fits) {
        assertThat(NamePattern.of(pattern).matches(name)).isEqualTo(fits);
    }

    @ParameterizedTest
    @CsvSource({
        "model.layer.1, model.layers.1",
        "model.embed_token, model.embed_tokens",
        "*.mpl.up_proj, model.layers.1.mlp.up_proj"
    })
    void aPatternThatFitsNothingIsRefusedWithTheNearestName(String pattern, String nearest) {
        try (Scope scope = Scope.open()) {
            List<Parameter> parameters = parameters();
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    ParameterGroups.of(AdamW.Options.defaults())
                                            .group(pattern, 1)
                                            .create(parameters))
                    .withMessageContaining(pattern + " fits no parameter")
                    .withMessageContaining("did you mean " + nearest + "?");
        }
    }

    @Test
    void nonsenseIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NamePattern.of("regex:("))
                .withMessageContaining("regex:(");
        assertThatIllegalArgumentException().isThrownBy(() -> NamePattern.of(" "));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ParameterGroups.of(AdamW.Options.defaults()).group("*", -1))
                .withMessageContaining("learning rate factor");
    }
}
