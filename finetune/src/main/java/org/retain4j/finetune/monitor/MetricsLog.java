package org.retain4j.finetune.monitor;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Set;
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

    static final String LOSS = "loss";
    static final String GRADIENT_NORM = "grad_norm";
    static final String LEARNING_RATE = "learning_rate";

    /** What is in every line; all else is a result of evaluations. */
    static final Set<String> NAMES =
            Set.of(
                    "step",
                    LOSS,
                    "distillation",
                    "penalty",
                    "penalty_gradient_share",
                    "drift",
                    GRADIENT_NORM,
                    LEARNING_RATE,
                    "new_tokens",
                    "replayed_tokens");

    private final StepFile file;

    /** Creates a log; the file's folder must exist when the first step ends. */
    public MetricsLog(Path file) {
        this.file = new StepFile(file);
    }

    /**
     * Appends a line.
     *
     * @throws UncheckedIOException if the file cannot be written
     */
    @Override
    public void onStep(StepReport report) {
        ObjectNode line = StepFile.line(report.step());
        line.put(LOSS, report.loss());
        line.put("distillation", report.distillation());
        line.put("penalty", report.penalty());
        line.put("penalty_gradient_share", report.penaltyGradientShare());
        line.put("drift", report.drift());
        line.put(GRADIENT_NORM, report.gradientNorm());
        line.put(LEARNING_RATE, report.learningRate());
        line.put("new_tokens", report.newTokens());
        line.put("replayed_tokens", report.replayedTokens());
        report.evaluation().forEach(line::put);
        file.append(line);
    }
}
