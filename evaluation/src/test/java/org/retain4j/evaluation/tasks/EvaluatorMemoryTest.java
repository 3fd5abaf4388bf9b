package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;

/** Memory does not grow with the number of requests. */
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class EvaluatorMemoryTest {

    private static final int ITEMS = 2500;

    @TempDir Path folder;

    private static long residentMegabytes() throws IOException {
        System.gc();
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        throw new IOException("no VmRSS");
    }

    @Test
    void memoryIsFlatOverFiveThousandRequests() throws IOException {
        ObjectMapper json = new ObjectMapper();
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ITEMS; i++) {
            ObjectNode node = json.createObjectNode().put("query", i + " fox ".repeat(1 + i % 40));
            node.putArray("choices").add("a dog " + i).add("two cats and " + i);
            rows.add(new Row(node.put("gold", i % 2), "row " + i));
        }
        List<Long> resident = new ArrayList<>();
        try (CausalLm model = Pretrained.load(Path.of("src/test/resources/golden/models/llama"));
                ResponseCache cache = ResponseCache.open(folder, "model")) {
            Evaluator.of(model, EvaluationOptions.defaults().withBootstraps(0).withBatch(600, 8))
                    .withCache(cache)
                    .withListener(
                            (task, done, total) -> {
                                if (done / 1000 > resident.size()) {
                                    try {
                                        resident.add(residentMegabytes());
                                    } catch (IOException e) {
                                        throw new UncheckedIOException(e);
                                    }
                                }
                            })
                    .run(Tasks.find("piqa").orElseThrow(), TaskData.of(rows));
        }
        assertThat(resident).as("after each 1,000 of 5,000 requests").hasSize(5);
        assertThat(resident.get(4) - resident.get(0)).as(resident + " MB").isLessThan(48);
    }
}
