package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;

/** Backward passes by hand give what one graph over the whole model gives. */
class TrainingPassTest {

    private static final TokenBatch BATCH =
            TokenBatch.padded(
                    List.of(
                            new int[] {5, 9, 13, 2, 7, 7, 1, 40, 41, 3, 8},
                            new int[] {3, 1, 4, 1, 5, 9, 2},
                            new int[] {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}),
                    0,
                    true);

    static List<String> families() {
        return ModelFolders.FAMILIES;
    }

    @ParameterizedTest
    @MethodSource("families")
    void everyFamilyHasTheGradientsOfOneGraph(String family) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(family))) {
            compare(model, model.parameters(), 5e-6);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "smollm2,.mlp.gate_proj.weight", "olmo2,.post_feedforward_layernorm.weight",
        "gemma3,.pre_feedforward_layernorm.weight", "qwen2,.self_attn.q_proj.bias"
    })
    void whatIsFrozenIsLeftOut(String family, String frozen) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(family))) {
            List<Parameter> trained = new ArrayList<>(model.parameters());
            assertThat(trained.removeIf(p -> p.name().endsWith("layers.1" + frozen))).isTrue();
            compare(model, trained, 5e-6);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"smollm2", "phi3", "gemma2", "olmo2", "qwen3"})
    void bfloat16ProductsRoundAsInAGraph(String family) throws IOException {
        try (CausalLm model =
                Pretrained.load(
                        ModelFolders.MODELS.resolve(family),
                        TensorEngine.defaultDevice(),
                        Precision.BF16_MIXED)) {
            // a sum of two products is rounded once instead of twice
            compare(model, model.parameters(), 1e-2);
        }
    }

    private static void compare(CausalLm model, List<Parameter> trained, double tolerance) {
        trained.forEach(p -> p.value().requiresGrad(true));
        try (Scope scope = Scope.open()) {
            TrainingPass pass = TrainingPass.run(model, BATCH, trained, false);
            Tensor upstream =
                    Random.at(1, 1, "upstream").normal(1, pass.hidden().shape()).to(model.device());
            Tensor hidden;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                hidden = model.hidden(BATCH, Taps.NONE);
            }
            assertThat(distance(pass.hidden(), hidden.detach())).isZero();
            List<Tensor> expected = Autograd.grad(hidden, upstream, Parameter.values(trained));
            List<Tensor> actual = pass.backward(upstream);
            for (int i = 0; i < trained.size(); i++) {
                assertThat(actual.get(i).shape()).isEqualTo(trained.get(i).value().shape());
                double size = expected.get(i).norm().item();
                assertThat(distance(actual.get(i), expected.get(i)))
                        .as(trained.get(i).name())
                        .isCloseTo(0, within(tolerance * Math.max(size, 1e-3)));
            }
        }
    }

    private static double distance(Tensor a, Tensor b) {
        return a.sub(b).norm().item();
    }
}
