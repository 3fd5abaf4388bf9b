package org.retain4j.evaluation.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * What one method learned and retained, over all its seeds.
 *
 * <p>Immutable and thread-safe as long as the values of {@code options} are.
 *
 * @param name the method's name on the command line, such as {@code ewc}; {@value #PLAIN} for
 *     fine-tuning without any mitigation
 * @param title the name shown to people, such as {@code EWC λ=0.3}
 * @param paper where the method comes from, such as {@code Kirkpatrick et al. 2017,
 *     arXiv:1612.00796}
 * @param options the method's options: strings, numbers, booleans, and lists or maps of those
 * @param learningRate the peak learning rate used for the runs
 * @param trials the short runs that learning rate and strength were chosen by, may be empty
 * @param learned bits per byte on held-out new text, lower is better
 * @param retained bits per byte on held-out old text, lower is better; the base model's value means
 *     that nothing was forgotten
 * @param learnedMinusPlain paired difference of {@code learned} to plain fine-tuning, below zero if
 *     this method learned more; null for plain fine-tuning itself
 * @param retainedMinusPlain paired difference of {@code retained} to plain fine-tuning, below zero
 *     if this method forgot less; null for plain fine-tuning itself
 * @param curves one curve a seed, may be empty
 * @param newTokens tokens of new text trained on, in one run
 * @param replayedTokens tokens of replayed old text trained on, in one run
 * @param overheadTokens tokens sent forward or backward outside that budget in one run: Fisher
 *     information, teacher, generation
 * @param memoryBytes bytes of weights, gradients, moments of the optimizer and what the method
 *     keeps beside them, counted; activations come on top
 * @param seconds wall-clock time of one run, on average over the seeds
 * @param samples what the tuned model wrote after each prompt, may be empty
 */
public record MethodResult(
        String name,
        String title,
        String paper,
        Map<String, Object> options,
        double learningRate,
        List<MethodTrial> trials,
        Estimate learned,
        Estimate retained,
        @Nullable Estimate learnedMinusPlain,
        @Nullable Estimate retainedMinusPlain,
        List<Curve> curves,
        long newTokens,
        long replayedTokens,
        long overheadTokens,
        long memoryBytes,
        double seconds,
        List<TextSample> samples) {

    /** The {@link #name} of fine-tuning without mitigation, which the others are compared with. */
    public static final String PLAIN = "plain";

    /** Checks that nothing is missing and copies lists and maps. */
    public MethodResult {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(title, "title");
        Objects.requireNonNull(paper, "paper");
        options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
        trials = List.copyOf(trials);
        Objects.requireNonNull(learned, "learned");
        Objects.requireNonNull(retained, "retained");
        curves = List.copyOf(curves);
        samples = List.copyOf(samples);
    }
}
