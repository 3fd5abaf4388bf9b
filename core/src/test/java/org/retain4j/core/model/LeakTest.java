package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.pytorch.engine.PtNDManager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorException;

/** Long runs hold as many tensors at the end as at the start. */
class LeakTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");

    private static int djlArrays() {
        PtNDManager base = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager();
        try {
            return base.getParentManager().getManagedArrays().size();
        } finally {
            base.close();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stepsOfRandomLengthsHoldNothing(boolean checkpointing) throws IOException {
        try (CausalLm model = Pretrained.load(LLAMA)) {
            List<Parameter> trained = model.parameters();
            trained.forEach(p -> p.value().requiresGrad(true));
            long tensors = Scope.liveTensors();
            int arrays = djlArrays();
            Random random = Random.at(1, 0, "leak");
            for (int step = 0; step < 150; step++) {
                try (Scope scope = Scope.open()) {
                    TokenBatch batch =
                            TokenBatch.padded(List.of(row(random), row(random)), 0, step % 2 == 0);
                    TrainingPass pass = TrainingPass.run(model, batch, trained, checkpointing);
                    Tensor upstream = Tensor.zerosLike(pass.hidden().detach()).add(1e-3);
                    List<Tensor> gradients = pass.backward(upstream);
                    Kernels.call("list_add_", Parameter.values(trained), gradients, -1e-3);
                }
                assertThat(Scope.liveTensors()).isEqualTo(tensors);
            }
            assertThat(djlArrays()).isEqualTo(arrays);
        }
    }

    private static int[] row(Random random) {
        int[] ids = new int[1 + random.nextInt(40)];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = random.nextInt(384);
        }
        return ids;
    }

    @Test
    void failedCallsHoldNothing() {
        try (Scope scope = Scope.open()) {
            Tensor x = Tensor.scalar(1);
            long tensors = Scope.liveTensors();
            for (int i = 0; i < 1000; i++) {
                assertThat(fails(() -> Kernels.call("cat", List.of(x, x), 5))).isTrue();
                assertThat(fails(() -> Kernels.callForList("neg", x))).isTrue();
                assertThat(fails(() -> x.add(x).select(3, 0))).isTrue();
            }
            // the sums are made before the failing select
            assertThat(Scope.liveTensors()).isEqualTo(tensors + 1000);
        }
    }

    private static boolean fails(Runnable call) {
        try {
            call.run();
            return false;
        } catch (TensorException e) {
            return true;
        }
    }
}
