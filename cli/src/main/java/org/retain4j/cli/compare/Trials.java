package org.retain4j.cli.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.report.MethodTrial;

/**
 * The short runs of one method, by which its learning rate and strength are chosen.
 *
 * <p>Every method has as many: first three learning rates at the default strength, then, at the one
 * that learned most, two more strengths, or where there are none to try half and twice that rate.
 * Of all runs that learned nearly as much as the best, the one that forgot least is taken. Only
 * validation parts are looked at.
 */
final class Trials {

    /** Share of the best run's gain that may be missing. */
    static final double TOLERANCE = 0.1;

    private static final double NEIGHBOUR = 2;

    private final Method method;
    private final List<MethodTrial> done = new ArrayList<>();

    Trials(Method method) {
        this.method = method;
    }

    /**
     * A method at one strength, and a learning rate.
     *
     * @param method the method with its strength
     * @param learningRate the peak learning rate
     */
    record Candidate(Method method, double learningRate) {}

    /** Returns what is run first. */
    List<Candidate> first() {
        return Methods.learningRates(method).stream()
                .map(rate -> new Candidate(method, rate))
                .toList();
    }

    /** Returns what is run next, once the first have been added. */
    List<Candidate> second() {
        double rate =
                done.stream()
                        .filter(trial -> !Double.isNaN(trial.learned()))
                        .min(Comparator.comparingDouble(MethodTrial::learned))
                        .map(MethodTrial::learningRate)
                        // a weaker one may not diverge
                        .orElse(Methods.learningRates(method).get(0));
        if (method.strengths().size() > 1) {
            return method.strengths().stream()
                    .filter(strength -> !strength.equals(method.strength()))
                    .map(strength -> new Candidate(Methods.with(method, strength), rate))
                    .toList();
        }
        return List.of(
                new Candidate(method, rate / NEIGHBOUR), new Candidate(method, rate * NEIGHBOUR));
    }

    void add(MethodTrial trial) {
        done.add(trial);
    }

    /**
     * Chooses.
     *
     * @param base bits per byte of the base model on the validation part of the new text
     * @throws IllegalStateException if all runs diverged
     */
    Choice choose(double base) {
        List<MethodTrial> finite =
                done.stream().filter(trial -> !Double.isNaN(trial.learned())).toList();
        double most =
                finite.stream()
                        .mapToDouble(trial -> base - trial.learned())
                        .max()
                        .orElseThrow(
                                () ->
                                        new IllegalStateException(
                                                "method "
                                                        + method.name()
                                                        + " diverges with everything that it tries;"
                                                        + " give it a smaller strength"));
        double least = most - Math.abs(most) * TOLERANCE;
        MethodTrial chosen =
                finite.stream()
                        .filter(trial -> base - trial.learned() >= least)
                        .min(Comparator.comparingDouble(MethodTrial::retained))
                        .orElseThrow();
        List<MethodTrial> marked =
                done.stream()
                        .map(
                                trial ->
                                        new MethodTrial(
                                                trial.learningRate(),
                                                trial.strength(),
                                                trial.learned(),
                                                trial.retained(),
                                                trial == chosen))
                        .toList();
        return new Choice(at(chosen.strength()), chosen.learningRate(), marked);
    }

    private Method at(@Nullable Double strength) {
        return Objects.equals(strength, method.strength()) || strength == null
                ? method
                : Methods.with(method, strength);
    }

    /**
     * What was chosen.
     *
     * @param method the method with its strength
     * @param learningRate the peak learning rate
     * @param trials all runs, the chosen one marked
     */
    record Choice(Method method, double learningRate, List<MethodTrial> trials) {}
}
