package org.retain4j.finetune;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.text.Documents;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.data.TextBlocks;

/**
 * Trains the embedded model and prints on the way how many tensors are open and how many kilobytes
 * resident, at each checkpoint; arguments are folder, steps and steps between checkpoints.
 */
final class EmbeddedLongRun {

    private EmbeddedLongRun() {}

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        int steps = Integer.parseInt(arguments[1]);
        int every = Integer.parseInt(arguments[2]);
        try (CausalLm model = Pretrained.load(Pretrained.EMBEDDED);
                EmaWeights average = new EmaWeights(0.99)) {
            List<String> documents = Documents.embedded("tinyshakespeare.train").subList(0, 200);
            Trainer.of(model, TextBlocks.of(documents, model.tokenizer(), 64, 11))
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(steps)
                                    .withBatch(4, 1)
                                    .withLearningRate(1e-3)
                                    .withNeftuneNoiseAlpha(5))
                    .average(average)
                    .checkpoints(CheckpointOptions.in(folder).every(every).keep(2))
                    .onStep(
                            report -> {
                                if (report.step() % every == 0) {
                                    System.out.println(
                                            "held "
                                                    + Scope.liveTensors()
                                                    + " "
                                                    + residentKilobytes());
                                }
                            })
                    .run();
        }
    }

    /** Resident memory of this process; 0 where the system does not tell. */
    private static long residentKilobytes() {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            return 0;
        }
        try {
            return Files.readAllLines(status).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
