package org.retain4j.finetune;

import java.io.IOException;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.text.Documents;
import org.retain4j.finetune.data.TextBlocks;
import org.retain4j.finetune.schedule.Schedule;

/** Trains the embedded model for 20 steps and prints a hash of its weights. */
final class EmbeddedRun {

    private EmbeddedRun() {}

    public static void main(String[] arguments) throws IOException {
        System.out.println("sha256 " + sha256());
    }

    static String sha256() throws IOException {
        try (CausalLm model = Pretrained.load(Pretrained.EMBEDDED)) {
            List<String> documents = Documents.embedded("tinyshakespeare.train").subList(0, 40);
            Trainer.of(model, TextBlocks.of(documents, model.tokenizer(), 64, 11))
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(20)
                                    .withBatch(4, 2)
                                    .withLearningRate(1e-3)
                                    .withSchedule(Schedule.cosine(5, 0.1)))
                    .run();
            return Snapshot.of(model).sha256();
        }
    }
}
