package org.retain4j.finetune;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.CheckpointOptions;

/**
 * A run whose state grows past what the system lets it write, as on a full disk: the kernel refuses
 * bytes in the middle of a file.
 */
final class FullDiskRun {

    private static final int LIMIT_BYTES = 4_000_000;

    private FullDiskRun() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path folder = Path.of(arguments[0]);
        try (CausalLm model = Pretrained.load(Path.of("src/test/resources/golden/models/llama"));
                Scope scope = Scope.open()) {
            Process limit =
                    new ProcessBuilder(
                                    "prlimit",
                                    "--pid",
                                    String.valueOf(ProcessHandle.current().pid()),
                                    "--fsize=" + LIMIT_BYTES)
                            .start();
            if (!limit.waitFor(10, TimeUnit.SECONDS) || limit.exitValue() != 0) {
                throw new IOException("no limit was set");
            }
            Tensor small = Tensor.zeros(DType.FLOAT32, Device.CPU, 10);
            Tensor large = Tensor.zeros(DType.FLOAT32, Device.CPU, 2_000_000);
            TrainResult result =
                    Trainer.of(model, new RandomRows(7, 384, 4, 20))
                            .options(TrainOptions.defaults().withSteps(6).withBatch(2, 1))
                            .project(new Growing(small, large))
                            .checkpoints(
                                    CheckpointOptions.in(folder)
                                            .every(2)
                                            .onSaveError(
                                                    CheckpointOptions.OnSaveError.valueOf(
                                                            arguments[1])))
                            .run();
            System.out.println(
                    "errors " + result.saveErrors().size() + " " + result.saveErrors().get(0));
        } catch (TrainingException e) {
            System.out.println("stopped " + e.getMessage());
        }
    }

    /** Has a large state at the second save. */
    private static final class Growing implements GradientProjection {
        private final Tensor small;
        private final Tensor large;
        private int saves;

        Growing(Tensor small, Tensor large) {
            this.small = small;
            this.large = large;
        }

        @Override
        public void project(List<Parameter> parameters, List<Tensor> gradients) {}

        @Override
        public StateDict save() {
            return new StateDict(Map.of("state", ++saves == 2 ? large : small), Map.of());
        }
    }
}
