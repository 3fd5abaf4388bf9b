package org.retain4j.finetune;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;

/** Trains for 500 steps of random lengths and prints what is held after 100 and after 500. */
final class LongRun {

    private static final int EARLY = 100;
    private static final int LATE = 500;

    private LongRun() {}

    public static void main(String[] arguments) throws IOException {
        List<String> seen = new ArrayList<>();
        try (CausalLm model = Pretrained.load(Path.of("src/test/resources/golden/models/llama"))) {
            Trainer.of(model, new RandomRows(1, 384, 2, 100))
                    .options(TrainOptions.defaults().withSteps(LATE).withBatch(2, 1))
                    .onStep(
                            report -> {
                                if (report.step() == EARLY || report.step() == LATE) {
                                    seen.add(Scope.liveTensors() + " " + residentKilobytes());
                                }
                            })
                    .run();
        }
        System.out.println("held " + String.join(" ", seen));
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
