package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.model.TrainingPass;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Golden adapters, models and what the reference computed with them. */
final class Golden {

    static final Path MODELS = Path.of("../core/src/test/resources/golden/models");
    static final Path LORA = Path.of("src/test/resources/golden/lora");
    static final Path PEFT = Path.of("src/test/resources/golden/peft");
    private static final ObjectMapper JSON = new ObjectMapper();

    private Golden() {}

    static JsonNode json(Path folder) throws IOException {
        return JSON.readTree(folder.resolve("expected.json").toFile());
    }

    static Path basePath(Path folder) throws IOException {
        return MODELS.resolve(Path.of(json(folder).path("base").asText()).getFileName());
    }

    static CausalLm base(Path folder) throws IOException {
        return Pretrained.load(basePath(folder));
    }

    static CausalLm llama() throws IOException {
        return Pretrained.load(MODELS.resolve("llama"));
    }

    static TokenBatch row0(JsonNode expected) {
        JsonNode ids = expected.path("row0_ids");
        int[] row = new int[ids.size()];
        for (int i = 0; i < row.length; i++) {
            row[i] = ids.get(i).intValue();
        }
        return TokenBatch.of(row);
    }

    static Tensor read(SafetensorsFile file, String name) throws IOException {
        return StoredAdapter.floats(file, file.tensor(name));
    }

    static void assertClose(Tensor actual, Tensor expected, double tolerance) {
        assertThat(actual.elements()).isEqualTo(expected.elements());
        try (Scope scope = Scope.open()) {
            Tensor other = expected.detach().to(actual.device()).reshape(-1);
            Tensor difference = actual.detach().reshape(-1).sub(other).abs();
            assertThat(difference.max().item()).isCloseTo(0, within(tolerance));
        }
    }

    static void assertCloseInScope(Parameter actual, Parameter expected, double tolerance) {
        try (Scope scope = Scope.open()) {
            assertClose(actual.value(), expected.value(), tolerance);
        }
    }

    /** Loss of a batch and gradients of parameters. */
    record Step(double loss, List<Tensor> gradients) {}

    /** Computes a loss, the mean over targets of at least 0, and its gradients. */
    static Step step(
            CausalLm model,
            TokenBatch batch,
            long[] targets,
            List<Parameter> trained,
            boolean checkpointing,
            Long dropoutSeed) {
        float[] weights = new float[targets.length];
        int counted = 0;
        for (long target : targets) {
            counted += target >= 0 ? 1 : 0;
        }
        for (int i = 0; i < weights.length; i++) {
            weights[i] = targets[i] >= 0 ? 1f / counted : 0;
        }
        trained.forEach(p -> p.value().requiresGrad(true));
        try (Scope scope = Scope.open()) {
            TrainingPass pass =
                    TrainingPass.run(model, batch, trained, checkpointing, List.of(), dropoutSeed);
            Tensor hidden = pass.hidden().detach().reshape(targets.length, -1);
            Tensor head = pass.headMatrix().detach();
            double cap = model.spec().logitSoftCap();
            Tensor logits = Kernels.call("chunk_logits", hidden, head, 0, targets.length, cap, 6);
            Tensor slope = cap > 0 ? Kernels.call("cap_slope", logits, cap) : null;
            List<Tensor> result =
                    Kernels.callForList(
                            "cross_entropy_",
                            logits,
                            Tensor.of(targets, targets.length).to(logits.device()),
                            Tensor.of(weights, weights.length).to(logits.device()),
                            0.0);
            Tensor gradient = slope == null ? result.get(1) : result.get(1).mul(slope);
            Tensor hiddenGradient = Tensor.zerosLike(hidden);
            Tensor headGradient = Tensor.zerosLike(head);
            Kernels.call(
                    "chunk_backward",
                    gradient,
                    hidden,
                    head,
                    hiddenGradient,
                    pass.headIsTrained() ? List.of(headGradient) : List.of(),
                    0,
                    targets.length,
                    6);
            List<Tensor> gradients =
                    pass.backward(hiddenGradient.reshape(pass.hidden().shape()), headGradient);
            return new Step(result.get(0).item(), scope.passOut(gradients));
        } finally {
            trained.forEach(p -> p.value().requiresGrad(false));
        }
    }

    /** Returns for each place the next id of its row, or -100 at the end. */
    static long[] next(TokenBatch batch) {
        long[] targets = new long[batch.rows() * batch.tokens()];
        for (int r = 0; r < batch.rows(); r++) {
            for (int t = 0; t < batch.tokens(); t++) {
                boolean counted = t + 1 < batch.tokens() && batch.isToken(r, t + 1);
                targets[r * batch.tokens() + t] = counted ? batch.id(r, t + 1) : -100;
            }
        }
        return targets;
    }
}
