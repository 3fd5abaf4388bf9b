package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Adapters of PEFT give here what they give there; see golden/README.md for their origin. */
class PeftParityTest {

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "all_linear",
                "bias_lora_only",
                "dora",
                "embedding",
                "fused_phi3",
                "gpt2_c_attn",
                "layers_to_transform",
                "modules_to_save",
                "plain",
                "rank_alpha_pattern",
                "regex_target",
                "rslora"
            })
    void logitsMergeAndTenTrainingSteps(String name) throws IOException {
        Path golden = Golden.LORA.resolve(name);
        JsonNode expected = Golden.json(golden);
        try (CausalLm model = Golden.base(golden);
                SafetensorsFile arrays =
                        SafetensorsFile.open(golden.resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            TokenBatch row = Golden.row0(expected);
            Tensor before = model.logits(row);
            Tensor reference = Golden.read(arrays, "logits_adapter.row0");
            try (Lora lora = Lora.load(model, golden)) {
                long trained = lora.parameters().stream().mapToLong(Parameter::elements).sum();
                assertThat(trained).isEqualTo(expected.path("trainable_parameters").longValue());
                assertThat(model.trainable())
                        .containsExactlyInAnyOrderElementsOf(lora.parameters());
                Golden.assertClose(model.logits(row), reference, 1e-4);
                try (Lora.Disabled off = lora.disabled()) {
                    assertThat(model.logits(row).toFloatArray())
                            .containsExactly(before.toFloatArray());
                }
                Golden.assertClose(model.logits(row), reference, 1e-4);
                lora.merge();
                Golden.assertClose(
                        model.logits(row), Golden.read(arrays, "logits_merged.row0"), 3e-4);
                assertThat(model.trainable()).isEmpty();
                assertMerged(expected.path("merged_tensors_that_changed"), model);
                lora.unmerge();
                Golden.assertClose(model.logits(row), reference, 1e-4);
                lora.save(folder);
                assertSameFiles(golden);
                train(expected.path("training"), model, lora, golden);
            }
            assertThat(model.logits(row).toFloatArray()).containsExactly(before.toFloatArray());
            assertThat(model.trainable()).isEqualTo(model.parameters());
        }
    }

    private void assertSameFiles(Path golden) throws IOException {
        // PEFT writes no last line end; the golden file has got one
        assertThat(Files.readString(folder.resolve(ConfigFile.NAME)) + "\n")
                .isEqualTo(Files.readString(golden.resolve(ConfigFile.NAME)));
        assertThat(Files.readAllBytes(folder.resolve(StoredAdapter.WEIGHTS)))
                .isEqualTo(Files.readAllBytes(golden.resolve(StoredAdapter.WEIGHTS)));
    }

    private static void assertMerged(JsonNode changed, CausalLm model) {
        assertThat(changed.isEmpty()).isFalse();
        for (Map.Entry<String, JsonNode> entry : changed.properties()) {
            Tensor value =
                    model.slots().stream()
                            .filter(slot -> slot.name().equals(entry.getKey()))
                            .findFirst()
                            .orElseThrow()
                            .current()
                            .value();
            double norm = entry.getValue().path("l2").doubleValue();
            assertThat(value.norm().item()).isCloseTo(norm, within(1e-5 * norm));
            double delta = entry.getValue().path("delta_l2").doubleValue();
            Tensor base = model.parameter(entry.getKey()).value();
            assertThat(value.sub(base).norm().item()).isCloseTo(delta, within(1e-4 * delta));
        }
    }

    private static void train(JsonNode training, CausalLm model, Lora lora, Path golden)
            throws IOException {
        JsonNode settings = training.path("hyper_parameters");
        List<Parameter> trained = model.trainable();
        List<Tensor> values = Parameter.values(trained);
        List<Tensor> first = Kernels.callForList("list_zeros_like", values);
        List<Tensor> second = Kernels.callForList("list_zeros_like", values);
        List<Tensor> steps = new ArrayList<>();
        values.forEach(v -> steps.add(Tensor.of(new float[] {0}).reshape().to(v.device())));
        for (int s = 0; s < training.path("log").size(); s++) {
            try (Scope scope = Scope.open()) {
                JsonNode batch = training.path("batches").get(s);
                List<int[]> rows = new ArrayList<>();
                List<Long> targets = new ArrayList<>();
                int width = batch.path("input_ids").get(0).size();
                for (int r = 0; r < batch.path("input_ids").size(); r++) {
                    int length = 0;
                    for (JsonNode real : batch.path("attention_mask").get(r)) {
                        length += real.intValue();
                    }
                    int[] row = new int[length];
                    for (int t = 0; t < length; t++) {
                        row[t] = batch.path("input_ids").get(r).get(t).intValue();
                    }
                    rows.add(row);
                    JsonNode labels = batch.path("labels").get(r);
                    for (int t = 0; t < width; t++) {
                        targets.add(t + 1 < width ? labels.get(t + 1).longValue() : -100);
                    }
                }
                Golden.Step step =
                        Golden.step(
                                model,
                                TokenBatch.padded(rows, 0, false),
                                targets.stream().mapToLong(Long::longValue).toArray(),
                                trained,
                                s % 2 == 1,
                                null);
                JsonNode log = training.path("log").get(s);
                assertThat(step.loss())
                        .as("loss of step %d", s)
                        .isCloseTo(log.path("loss").doubleValue(), within(3e-4));
                double norm = log.path("grad_norm").doubleValue();
                assertThat(Kernels.call("global_norm", step.gradients()).item())
                        .as("gradient norm of step %d", s)
                        .isCloseTo(norm, within(1e-3 * norm));
                Kernels.call(
                        "adamw_",
                        values,
                        step.gradients(),
                        first,
                        second,
                        steps,
                        settings.path("lr").doubleValue(),
                        settings.path("betas").get(0).doubleValue(),
                        settings.path("betas").get(1).doubleValue(),
                        settings.path("eps").doubleValue(),
                        0.0);
            }
        }
        try (SafetensorsFile end =
                SafetensorsFile.open(golden.resolve("final_adapter.safetensors"))) {
            Path saved = Files.createTempDirectory("trained-adapter");
            lora.save(saved);
            try (SafetensorsFile own = SafetensorsFile.open(saved.resolve(StoredAdapter.WEIGHTS))) {
                assertThat(own.tensors().keySet()).isEqualTo(end.tensors().keySet());
                for (String key : end.tensors().keySet()) {
                    Golden.assertClose(Golden.read(own, key), Golden.read(end, key), 3e-4);
                }
            }
            Files.delete(saved.resolve(StoredAdapter.WEIGHTS));
            Files.delete(saved.resolve(ConfigFile.NAME));
            Files.delete(saved);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tokens",
                "tokens_tied",
                "bias_all",
                "dora_gpt2",
                "dora_embedding",
                "dora_bias",
                "save_embed_norm",
                "head",
                "head_tied",
                "embed_tied",
                "gpt2_wpe",
                "neox"
            })
    void logitsAndGradientsOfOtherKinds(String name) throws IOException {
        Path golden = Golden.PEFT.resolve(name);
        JsonNode expected = Golden.json(golden);
        try (CausalLm model = Golden.base(golden);
                SafetensorsFile arrays =
                        SafetensorsFile.open(golden.resolve("expected.safetensors"));
                Scope scope = Scope.open();
                Lora lora = Lora.load(model, golden)) {
            TokenBatch row = Golden.row0(expected);
            Tensor logits = model.logits(row).select(0, 0).narrow(0, row.tokens() - 4, 4);
            Golden.assertClose(logits, Golden.read(arrays, "logits_adapter.row0"), 2e-4);
            Map<String, Double> norms = new TreeMap<>();
            expected.path("gradient_l2")
                    .properties()
                    .forEach(e -> norms.put(e.getKey(), e.getValue().doubleValue()));
            for (boolean checkpointing : new boolean[] {false, true}) {
                List<Parameter> trained = model.trainable();
                assertThat(trained).hasSameSizeAs(norms.keySet());
                Golden.Step step =
                        Golden.step(model, row, Golden.next(row), trained, checkpointing, null);
                assertThat(step.loss())
                        .isCloseTo(expected.path("loss").doubleValue(), within(1e-4));
                for (int i = 0; i < trained.size(); i++) {
                    double norm = peft(norms, trained.get(i).name());
                    assertThat(step.gradients().get(i).norm().item())
                            .as(trained.get(i).name())
                            .isCloseTo(norm, within(1e-3 * norm + 1e-6));
                }
            }
            lora.merge();
            Tensor merged = model.logits(row).select(0, 0).narrow(0, row.tokens() - 4, 4);
            Golden.assertClose(merged, logits, 5e-4);
            lora.save(folder);
            assertThat(Files.readAllBytes(folder.resolve(StoredAdapter.WEIGHTS)))
                    .isEqualTo(Files.readAllBytes(golden.resolve(StoredAdapter.WEIGHTS)));
        }
    }

    /** PEFT's name of a parameter is ours but for those that stand in for parameters. */
    private static double peft(Map<String, Double> norms, String name) {
        String key = "base_model.model." + name;
        String plain = key.replaceFirst("\\.adapted\\.default\\.", ".");
        String based = key.replaceFirst("\\.adapted\\.default\\.", ".base_layer.");
        for (String candidate : List.of(key, plain, based)) {
            if (norms.containsKey(candidate)) {
                return norms.get(candidate);
            }
        }
        throw new AssertionError("no reference for " + name + " in " + norms.keySet());
    }
}
