package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Starts, penalties and projections against forgetting, by their properties and by PEFT. */
class KeepingOldTasksTest {

    private static final TokenBatch BATCH =
            TokenBatch.of(List.of(new int[] {5, 6, 7, 8, 9, 10}, new int[] {50, 40, 30, 20, 9, 3}));

    @TempDir Path folder;

    private static List<TokenBatch> rows(JsonNode expected) {
        List<TokenBatch> batches = new ArrayList<>();
        for (JsonNode row : expected.path("rows")) {
            int[] ids = new int[row.size()];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = row.get(t).intValue();
            }
            batches.add(TokenBatch.of(ids));
        }
        return batches;
    }

    /** Steps of Adam on a batch, without weight decay. */
    private static void train(
            CausalLm model, TokenBatch batch, int count, double rate, Runnable afterStep) {
        List<Parameter> trained = model.trainable();
        List<Tensor> values = Parameter.values(trained);
        try (Scope scope = Scope.open()) {
            List<Tensor> first = Kernels.callForList("list_zeros_like", values);
            List<Tensor> second = Kernels.callForList("list_zeros_like", values);
            List<Tensor> steps = new ArrayList<>();
            values.forEach(v -> steps.add(Tensor.of(new float[] {0}).reshape().to(v.device())));
            for (int s = 0; s < count; s++) {
                try (Scope step = Scope.open()) {
                    List<Tensor> gradients =
                            Golden.step(model, batch, Golden.next(batch), trained, false, null)
                                    .gradients();
                    Kernels.call(
                            "adamw_", values, gradients, first, second, steps, rate, 0.9, 0.999,
                            1e-8, 0.0);
                    afterStep.run();
                }
            }
        }
    }

    @Test
    void cordaTakesOutWhatPeftTakesOut() throws IOException {
        Path golden = Golden.PEFT.resolve("corda");
        JsonNode expected = Golden.json(golden);
        LoraConfig config =
                LoraConfig.rank(4).alpha(8).targets(List.of("q_proj", "down_proj")).init("corda");
        try (CausalLm model = Golden.llama();
                SafetensorsFile arrays =
                        SafetensorsFile.open(golden.resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            float[] before = model.logits(BATCH).toFloatArray();
            List<String> layers =
                    model.linears().stream()
                            .map(Linear::name)
                            .filter(n -> n.endsWith("q_proj") || n.endsWith("down_proj"))
                            .toList();
            try (LayerInputs inputs =
                            LayerInputs.collect(
                                    model, rows(expected), layers, LayerInputs.Scaling.PEFT);
                    Lora lora = Lora.attach(model, "default", config, 0, inputs)) {
                assertThat(arrays.tensors()).hasSize(2);
                for (String key : arrays.tensors().keySet()) {
                    String module = key.substring("delta/".length());
                    LinearLora own =
                            lora.adapter("default").linears().stream()
                                    .filter(l -> l.module().equals(module))
                                    .findFirst()
                                    .orElseThrow();
                    Tensor delta = own.b().value().matmul(own.a().value()).mul(own.scale());
                    Tensor reference = Golden.read(arrays, key).to(delta.device());
                    double error = delta.sub(reference).norm().item() / reference.norm().item();
                    assertThat(error).as(module).isLessThan(1e-3);
                }
                Golden.assertClose(model.logits(BATCH), Tensor.of(before, before.length), 1e-4);
                lora.save(folder);
            }
            try (Lora lora = Lora.load(model, folder)) {
                Golden.assertClose(model.logits(BATCH), Tensor.of(before, before.length), 1e-4);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora_null", "lora_null_v1", "eva"})
    void startsByInputsChangeNothingAndFollowTheirDirections(String init) throws IOException {
        try (CausalLm model = Golden.llama();
                Scope scope = Scope.open()) {
            Tensor before = model.logits(BATCH);
            String layer = "model.layers.0.mlp.up_proj";
            List<TokenBatch> few = List.of(BATCH);
            try (LayerInputs inputs =
                            LayerInputs.collect(
                                    model, few, List.of(layer), LayerInputs.Scaling.NONE);
                    Lora lora =
                            Lora.attach(
                                    model,
                                    "default",
                                    LoraConfig.rank(8).targets(".*\\.0\\.mlp\\.up_proj").init(init),
                                    0,
                                    inputs)) {
                Golden.assertClose(model.logits(BATCH), before, 1e-4);
                LinearLora own = lora.adapter("default").linears().get(0);
                Tensor moment = inputs.moment(layer).to(DType.FLOAT32).to(model.device());
                double whole = Kernels.call("diagonal", moment).sum().item();
                Tensor a = own.a().value();
                if (init.equals("lora_null_v1")) {
                    Tensor length = a.mul(a).sum(1, true).sqrt().clamp(1e-12, 1e12);
                    a = a.div(length);
                }
                double used =
                        Kernels.call("diagonal", a.matmul(moment).matmul(a.transpose(0, 1)))
                                .sum()
                                .item();
                if (init.equals("eva")) {
                    assertThat(used / whole).isGreaterThan(0.7);
                } else {
                    // 12 tokens leave 36 of 48 directions unused
                    assertThat(used / whole).isLessThan(1e-5);
                    train(model, TokenBatch.of(77, 66, 55, 44, 33), 5, 0.01, () -> {});
                    if (init.equals("lora_null")) {
                        assertThat(model.trainable()).hasSize(1);
                        Tensor after = model.logits(BATCH);
                        // whatever is learned, these inputs do not see it
                        Golden.assertClose(after, before, 5e-3);
                        assertThat(
                                        model.logits(TokenBatch.of(77, 66, 55, 44, 33))
                                                .sub(unadapted(lora))
                                                .norm()
                                                .item())
                                .isGreaterThan(0.05);
                    }
                }
            }
        }
    }

    private static Tensor unadapted(Lora lora) {
        try (Lora.Disabled off = lora.disabled()) {
            return lora.model().logits(TokenBatch.of(77, 66, 55, 44, 33));
        }
    }

    @Test
    void olorasPenaltyHasItsGradientAndDrivesSubspacesApart() throws IOException {
        LoraConfig config = LoraConfig.rank(4).targets(List.of("q_proj", "up_proj"));
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.attach(model, "first", config);
                Scope scope = Scope.open()) {
            OLora.startTask(lora, "second", config, 1);
            assertThat(lora.active().keySet()).containsExactly("first", "second");
            List<Parameter> trained = model.trainable();
            assertThat(trained).hasSize(8).allMatch(p -> p.name().contains(".second."));
            OLora penalty = OLora.of(lora, "second", 0.5, 0.01);
            double before = penalty.overlap();
            assertThat(before).isGreaterThan(0.1);
            List<Tensor> gradients =
                    Kernels.callForList("list_zeros_like", Parameter.values(trained));
            double norm = penalty.addGradient(trained, gradients);
            assertThat(Kernels.call("global_norm", gradients).item())
                    .isCloseTo(norm, within(1e-5 * norm));
            double step = 1e-4;
            for (int i = 0; i < trained.size(); i++) {
                Tensor direction =
                        Random.at(i, 0, "direction")
                                .normal(1, trained.get(i).value().shape())
                                .to(trained.get(i).value().device());
                double slope = direction.mul(gradients.get(i)).sum().item();
                trained.get(i).value().addInPlace(direction, step);
                double up = penalty.value();
                trained.get(i).value().addInPlace(direction, -2 * step);
                double down = penalty.value();
                trained.get(i).value().addInPlace(direction, step);
                assertThat((up - down) / (2 * step))
                        .as(trained.get(i).name())
                        .isCloseTo(slope, within(0.02 * Math.abs(slope) + 2e-3));
            }
            for (int s = 0; s < 200; s++) {
                try (Scope one = Scope.open()) {
                    List<Tensor> g =
                            Kernels.callForList("list_zeros_like", Parameter.values(trained));
                    penalty.addGradient(trained, g);
                    Kernels.call("list_add_", Parameter.values(trained), g, -0.002);
                }
            }
            assertThat(penalty.overlap()).isLessThan(0.2 * before);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void anchorsOfTheMergedWeightHaveValueAndGradientOfTheirDefinition(String name)
            throws IOException {
        try (CausalLm model = Pretrained.load(Golden.MODELS.resolve(name));
                Lora lora = Lora.attach(model, LoraConfig.rank(3).alpha(6).targets("all-linear"));
                Scope scope = Scope.open()) {
            Map<String, Tensor> fisher = new HashMap<>();
            for (Linear layer : model.linears()) {
                Tensor weight = layer.weight().value();
                Tensor random =
                        Random.at(1, 0, layer.name()).normal(1, weight.shape()).to(weight.device());
                fisher.put(layer.weight().name(), random.mul(random));
            }
            List<Parameter> trained = model.trainable();
            for (Parameter parameter : trained) {
                Tensor value = Random.at(2, 0, parameter.name()).normal(0.3, shape(parameter));
                parameter.value().copyInPlace(value);
            }
            for (boolean weighted : new boolean[] {false, true}) {
                MergedAnchor anchor =
                        weighted
                                ? MergedAnchor.ewc(lora, "default", fisher, 0.7)
                                : MergedAnchor.l2(lora, "default", 0.7);
                double expected = 0;
                for (Linear layer : model.linears()) {
                    Tensor moved = layer.adaptedMatrix().sub(layer.matrix());
                    Tensor squares = moved.mul(moved);
                    Tensor own = fisher.get(layer.weight().name());
                    Tensor turned = layer.isTransposed() ? own.transpose(0, 1) : own;
                    expected += 0.7 * (weighted ? squares.mul(turned) : squares).sum().item();
                }
                assertThat(anchor.value()).isCloseTo(expected, within(1e-4 * expected));
                List<Tensor> gradients =
                        Kernels.callForList("list_zeros_like", Parameter.values(trained));
                double norm = anchor.addGradient(trained, gradients);
                assertThat(Kernels.call("global_norm", gradients).item())
                        .isCloseTo(norm, within(1e-4 * norm));
                for (int i = 0; i < trained.size(); i += 5) {
                    Tensor direction =
                            Random.at(i, 1, "d")
                                    .normal(1, shape(trained.get(i)))
                                    .to(trained.get(i).value().device());
                    double slope = direction.mul(gradients.get(i)).sum().item();
                    trained.get(i).value().addInPlace(direction, 1e-2);
                    double up = anchor.value();
                    trained.get(i).value().addInPlace(direction, -2e-2);
                    double down = anchor.value();
                    trained.get(i).value().addInPlace(direction, 1e-2);
                    // a polynomial of degree 2 along one factor: central differences are exact
                    assertThat((up - down) / 2e-2)
                            .as(trained.get(i).name())
                            .isCloseTo(slope, within(0.02 * Math.abs(slope) + 0.3));
                }
            }
            assertThatThrownBy(() -> MergedAnchor.ewc(lora, "default", Map.of(), 1))
                    .hasMessageContaining("no importance");
            assertThatThrownBy(() -> MergedAnchor.l2(lora, "default", -1))
                    .hasMessageContaining("lambda");
        }
    }

    /** The numbers of golden/penalties for one weight of a micro model, in float32. */
    @Test
    void anchorsOfTheMergedWeightAreThoseOfTheReference() throws IOException {
        Path golden = Path.of("../regularization/src/test/resources/golden/penalties");
        JsonNode expected =
                new ObjectMapper()
                        .readTree(golden.resolve("expected.json").toFile())
                        .at("/l2sp/lora_product");
        String weight = expected.get("weight").asText();
        double scale = expected.get("scale").asDouble();
        ModelConfig config = ModelConfig.read(golden.resolve("model/config.json"));
        try (CausalLm model = CausalLm.random(config, 0, Device.CPU, Precision.F32);
                Lora lora =
                        Lora.attach(
                                model,
                                LoraConfig.rank(3)
                                        .alpha(3 * scale)
                                        .targets(List.of("layers.1.mlp.up_proj")));
                SafetensorsFile product =
                        SafetensorsFile.open(golden.resolve("lora_product_f64.safetensors"));
                SafetensorsFile fisher =
                        SafetensorsFile.open(
                                golden.resolve("fisher_empirical_sum_f64.safetensors"));
                Scope scope = Scope.open()) {
            List<Parameter> trained = model.trainable();
            assertThat(trained).hasSize(2);
            int a = trained.get(0).name().contains("lora_A") ? 0 : 1;
            trained.get(a).value().copyInPlace(Golden.read(product, "A").to(DType.FLOAT32));
            trained.get(1 - a).value().copyInPlace(Golden.read(product, "B").to(DType.FLOAT32));
            double lambda = expected.get("lambda").asDouble();
            Tensor importance = Golden.read(fisher, weight).to(DType.FLOAT32);
            for (String kind : List.of("l2sp", "ewc")) {
                MergedAnchor anchor =
                        kind.equals("ewc")
                                ? MergedAnchor.ewc(
                                        lora, "default", Map.of(weight, importance), lambda)
                                : MergedAnchor.l2(lora, "default", lambda);
                double value = expected.get(kind + "_value").asDouble();
                assertThat(anchor.value()).isCloseTo(value, within(1e-5 * value));
                List<Tensor> gradients =
                        Kernels.callForList("list_zeros_like", Parameter.values(trained));
                anchor.addGradient(trained, gradients);
                for (String matrix : List.of("A", "B")) {
                    double[] e = Golden.read(product, kind + "_grad_" + matrix).toDoubleArray();
                    double[] own = gradients.get(matrix.equals("A") ? a : 1 - a).toDoubleArray();
                    double largest = Arrays.stream(e).map(Math::abs).max().orElseThrow();
                    for (int i = 0; i < e.length; i++) {
                        assertThat(own[i]).isCloseTo(e[i], within(1e-5 * largest));
                    }
                }
            }
        }
    }

    private static long[] shape(Parameter parameter) {
        return parameter.value().shape();
    }

    @Test
    void osfKeepsTheProtectedSubspaceOnlyWhenTheUpdateIsProjected() throws IOException {
        for (boolean projected : new boolean[] {true, false}) {
            for (String name : List.of("llama", "gpt2")) {
                try (CausalLm model = Pretrained.load(Golden.MODELS.resolve(name));
                        CausalLm base = model.copy();
                        Scope scope = Scope.open()) {
                    Tensor before = model.logits(BATCH);
                    Osf osf = Osf.attach(model, n -> n.contains("mlp"), 0.5);
                    Golden.assertClose(model.logits(BATCH), before, 1e-4);
                    assertThat(model.trainable())
                            .containsExactlyInAnyOrderElementsOf(osf.parameters());
                    assertThat(osf.orthogonalityError()).isLessThan(1e-4);
                    train(
                            model,
                            BATCH,
                            10,
                            0.01,
                            () -> {
                                if (projected) {
                                    osf.project();
                                }
                            });
                    Tensor trained = model.logits(BATCH);
                    assertThat(trained.sub(before).norm().item()).isGreaterThan(1);
                    double error = osf.orthogonalityError();
                    osf.commit();
                    Golden.assertClose(model.logits(BATCH), trained, 1e-3);
                    assertThat(model.isAdapted()).isFalse();
                    assertThat(model.trainable()).isEqualTo(model.parameters());
                    double inside = protectedShare(base, model);
                    if (projected) {
                        assertThat(error).isLessThan(1e-4);
                        assertThat(inside).isLessThan(1e-3);
                    } else {
                        assertThat(error).isGreaterThan(1e-2);
                        assertThat(inside).isGreaterThan(0.02);
                    }
                }
            }
        }
    }

    /** Largest share of a matrix' update that lies in the frozen half of its directions. */
    private static double protectedShare(CausalLm base, CausalLm tuned) {
        double largest = 0;
        for (int i = 0; i < base.linears().size(); i++) {
            Linear before = base.linears().get(i);
            if (!before.name().contains("mlp")) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                Tensor update = tuned.linears().get(i).matrix().sub(before.matrix());
                List<Tensor> svd = Kernels.callForList("svd", before.matrix());
                long half = Math.round(0.5 * svd.get(1).elements());
                Tensor left = svd.get(0).narrow(1, 0, half).transpose(0, 1).matmul(update);
                Tensor right = update.matmul(svd.get(2).narrow(0, 0, half).transpose(0, 1));
                double norm = update.norm().item();
                assertThat(norm).isGreaterThan(0);
                largest = Math.max(largest, left.norm().item() / norm);
                largest = Math.max(largest, right.norm().item() / norm);
            }
        }
        return largest;
    }

    @Test
    void osfProjectsGradientsAsWellAndRefusesNonsense() throws IOException {
        try (CausalLm model = Golden.llama();
                Scope scope = Scope.open()) {
            assertThatThrownBy(() -> Osf.attach(model, n -> true, 1))
                    .hasMessageContaining("frozen share");
            assertThatThrownBy(() -> Osf.attach(model, n -> false, 0.5))
                    .hasMessageContaining("no linear layer");
            assertThat(model.isAdapted()).isFalse();
            float[] before = model.logits(BATCH).toFloatArray();
            try (Osf osf = Osf.attach(model, n -> n.contains("up_proj"), 0.25)) {
                List<Parameter> trained = model.trainable();
                List<Tensor> gradients =
                        Golden.step(model, BATCH, Golden.next(BATCH), trained, true, null)
                                .gradients();
                osf.projectGradients(trained, gradients);
                List<Tensor> values = Parameter.values(trained);
                Kernels.call("list_add_", values, gradients, -0.5);
                assertThat(osf.orthogonalityError()).isLessThan(1e-4);
                assertThatThrownBy(() -> Osf.attach(model, n -> true, 0.5))
                        .hasMessageContaining("adapters already");
            }
            assertThat(model.logits(BATCH).toFloatArray()).containsExactly(before);
        }
    }

    @Test
    void intrudersAreVectorsWithoutACounterpart() throws IOException {
        try (Scope scope = Scope.open()) {
            Tensor base = Random.at(1, 0, "base").normal(1, 20, 12);
            Tensor u = Random.at(2, 0, "u").normal(1, 20, 1);
            Tensor v = Random.at(3, 0, "v").normal(1, 1, 12);
            assertThat(IntruderDimensions.compare("m", base, base.mul(3), 10, 0.5).intruders())
                    .isEmpty();
            IntruderDimensions.Matrix small =
                    IntruderDimensions.compare("m", base, base.add(u.mul(1e-3).matmul(v)), 5, 0.5);
            assertThat(small.cosines()).hasSize(5).allMatch(c -> c > 0.99);
            IntruderDimensions.Matrix large =
                    IntruderDimensions.compare("m", base, base.add(u.mul(30).matmul(v)), 5, 0.9);
            assertThat(large.intruders()).contains(0);
            assertThat(large.values().get(0)).isGreaterThan(100);
            assertThatThrownBy(() -> IntruderDimensions.compare("m", base, base, 0, 0.5))
                    .hasMessageContaining("leading");
        }
        Path golden = Golden.LORA.resolve("plain");
        LoraMerge.of(Golden.basePath(golden), golden).run(folder);
        IntruderDimensions files =
                IntruderDimensions.of(Golden.basePath(golden), folder, n -> true, 10, 0.9);
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.load(model, golden)) {
            IntruderDimensions memory = IntruderDimensions.of(lora, n -> true, 10, 0.9);
            assertThat(memory.matrices()).hasSize(4);
            assertThat(files.count()).isPositive().isEqualTo(memory.count());
            assertThat(files.matrices().get(0).module())
                    .isEqualTo("model.layers.0.self_attn.q_proj");
        }
    }
}
