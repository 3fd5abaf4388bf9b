package org.retain4j.evaluation.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Everything that a comparison of methods measured: one base model, one new text, one old text,
 * several methods.
 *
 * <p>Immutable and thread-safe as long as the values of the maps are.
 *
 * @param retain4jVersion the version that ran the comparison
 * @param createdAt when it ended, ISO 8601 with offset
 * @param model what was fine-tuned
 * @param learnText what the new text is
 * @param retainText what the old text is
 * @param baseLearned bits per byte of the base model on held-out new text, lower is better
 * @param baseRetained bits per byte of the base model on held-out old text, lower is better
 * @param baseSamples what the base model wrote after each prompt, may be empty
 * @param methods the methods in the order to show them
 * @param settings the exact settings: strings, numbers, booleans, and lists or maps of those
 * @param environment machine, Java and library versions, of the same kinds
 * @param seconds wall-clock time of the whole comparison
 */
public record ComparisonResult(
        String retain4jVersion,
        String createdAt,
        String model,
        String learnText,
        String retainText,
        Estimate baseLearned,
        Estimate baseRetained,
        List<TextSample> baseSamples,
        List<MethodResult> methods,
        Map<String, Object> settings,
        Map<String, Object> environment,
        double seconds) {

    /** Checks that nothing is missing and copies lists and maps. */
    public ComparisonResult {
        Objects.requireNonNull(retain4jVersion, "retain4jVersion");
        Objects.requireNonNull(createdAt, "createdAt");
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(learnText, "learnText");
        Objects.requireNonNull(retainText, "retainText");
        Objects.requireNonNull(baseLearned, "baseLearned");
        Objects.requireNonNull(baseRetained, "baseRetained");
        baseSamples = List.copyOf(baseSamples);
        methods = List.copyOf(methods);
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    }
}
