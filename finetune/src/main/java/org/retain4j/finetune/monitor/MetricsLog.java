package org.retain4j.finetune.monitor;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.finetune.StepListener;
import org.retain4j.finetune.StepReport;

/**
 * A file {@code metrics.jsonl}, one JSON object a step.
 *
 * <p>Lines of later steps that an interrupted run left, and a line cut short, are removed when the
 * run goes on: with {@link org.retain4j.finetune.Trainer#resume} the file ends as without the
 * interruption. It holds no times, so a repeated run writes the same bytes. Not safe for concurrent
 * use.
 */
public final class MetricsLog implements StepListener {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private boolean started;

    /** Creates a log; the file's folder must exist when the first step ends. */
    public MetricsLog(Path file) {
        this.file = file;
    }

    /**
     * Appends a line.
     *
     * @throws UncheckedIOException if the file cannot be written
     */
    @Override
    public void onStep(StepReport report) {
        ObjectNode line = JSON.createObjectNode();
        line.put("step", report.step());
        line.put("loss", report.loss());
        line.put("distillation", report.distillation());
        line.put("penalty", report.penalty());
        line.put("penalty_gradient_share", report.penaltyGradientShare());
        line.put("grad_norm", report.gradientNorm());
        line.put("learning_rate", report.learningRate());
        line.put("new_tokens", report.newTokens());
        line.put("replayed_tokens", report.replayedTokens());
        report.evaluation().forEach(line::put);
        try {
            if (!started) {
                AtomicFile.write(file, before(report.step()));
                started = true;
            }
            Files.writeString(
                    file, JSON.writeValueAsString(line) + "\n", StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write " + file + ": " + e.getMessage() + "; check the disk", e);
        }
    }

    /** Returns the whole lines of earlier steps. */
    private String before(long step) throws IOException {
        if (!Files.exists(file)) {
            return "";
        }
        StringBuilder kept = new StringBuilder();
        for (String line :
                new String(Files.readAllBytes(file), StandardCharsets.UTF_8).lines().toList()) {
            if (stepOf(line) >= step) {
                break;
            }
            kept.append(line).append('\n');
        }
        return kept.toString();
    }

    private static long stepOf(String line) {
        try {
            JsonNode node = JSON.readTree(line);
            return node.path("step").asLong(Long.MAX_VALUE);
        } catch (JsonProcessingException e) {
            return Long.MAX_VALUE;
        }
    }
}
