package org.retain4j.finetune.monitor;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import org.retain4j.finetune.StepListener;
import org.retain4j.finetune.StepReport;

/**
 * A file {@code timings.jsonl}, one JSON object a logged step: the speed since the one before.
 *
 * <p>Kept apart from {@link MetricsLog}, whose file is the same in a repeated run. After a resume
 * it goes on as that one does. Not safe for concurrent use.
 */
public final class TimingsLog implements StepListener {

    private final StepFile file;

    /** Creates a log; the file's folder must exist when the first step ends. */
    public TimingsLog(Path file) {
        this.file = new StepFile(file);
    }

    /**
     * Appends a line.
     *
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    @Override
    public void onStep(StepReport report) {
        ObjectNode line = StepFile.line(report.step());
        line.put("tokens", report.intervalTokens());
        line.put("seconds", report.intervalSeconds());
        line.put("tokens_per_second", report.tokensPerSecond());
        file.append(line);
    }
}
