package org.retain4j.cli;

import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.compare.ComparisonOptions;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.evaluation.report.ComparisonResult;

/** Everything that is needed to do a run again and to tell why two runs differ. */
final class Provenance {

    private Provenance() {}

    /**
     * Returns the contents of run.json.
     *
     * @param commandLine the arguments as they were typed
     * @param started when the command started
     */
    static Map<String, Object> of(
            List<String> commandLine,
            ComparisonOptions options,
            Inputs inputs,
            OffsetDateTime started,
            ComparisonResult result) {
        Map<String, Object> run = new LinkedHashMap<>();
        run.put("command", commandLine);
        run.put("workingFolder", Path.of("").toAbsolutePath().toString());
        run.put("versions", versions(result.retain4jVersion()));
        run.put("options", options(options));
        run.put("inputs", inputs);
        run.put("settings", result.settings());
        run.put("environment", result.environment());
        run.put("machine", machine());
        run.put("started", started.truncatedTo(ChronoUnit.SECONDS).toString());
        run.put("ended", result.createdAt());
        run.put("seconds", result.seconds());
        return run;
    }

    /** Returns what every run.json tells of a run that begins now. */
    static Map<String, Object> of(List<String> commandLine, OffsetDateTime started) {
        Map<String, Object> run = new LinkedHashMap<>();
        run.put("command", commandLine);
        run.put("workingFolder", Path.of("").toAbsolutePath().toString());
        run.put("versions", versions(Versions.retain4j()));
        run.put("machine", machine());
        run.put("started", started.truncatedTo(ChronoUnit.SECONDS).toString());
        return run;
    }

    private static Map<String, Object> versions(String retain4j) {
        Map<String, Object> versions = new LinkedHashMap<>();
        versions.put("retain4j", retain4j);
        versions.put("djl", TensorEngine.djlVersion());
        versions.put("libtorch", TensorEngine.libtorch().version());
        versions.put("libtorchFrom", TensorEngine.libtorch().origin().toString());
        versions.put("java", Versions.java());
        return versions;
    }

    private static Map<String, Object> options(ComparisonOptions options) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("model", options.model());
        map.put("learn", text(options.learn()));
        map.put("retain", text(options.retain()));
        map.put("methods", options.methods());
        map.put("seeds", options.seeds());
        map.put("steps", options.steps());
        map.put("out", options.out().toString());
        return map;
    }

    private static @Nullable String text(@Nullable Path path) {
        return path == null ? null : path.toString();
    }

    private static Map<String, Object> machine() {
        Machine machine = Machine.read();
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("os", machine.os());
        map.put("cpu", machine.cpu());
        map.put("processors", machine.processors());
        map.put("device", TensorEngine.defaultDevice().toString());
        map.put("threads", TensorEngine.threads());
        map.put("tf32", TensorEngine.allowsTf32());
        map.put("deterministic", TensorEngine.isDeterministic());
        map.put("ompWaitPolicy", System.getenv("OMP_WAIT_POLICY"));
        return map;
    }
}
