package org.retain4j.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.retain4j.evaluation.report.MethodTrial;

class TrialsTest {

    private static final double BASE = 4;

    private static Method method(String text) {
        List<Method> methods = Methods.parse(List.of(text));
        return methods.get(methods.size() - 1);
    }

    private static MethodTrial trial(
            double rate, @Nullable Double strength, double learned, double retained) {
        return new MethodTrial(rate, strength, learned, retained, false);
    }

    @Test
    void everyMethodThatTrainsTriesAsMuch() {
        List<Method> methods =
                Methods.parse(Methods.all().stream().map(MethodInfo::name).toList()).stream()
                        .filter(method -> method.afterwards() == null)
                        .toList();
        assertThat(methods).hasSizeGreaterThan(20);
        assertThat(methods)
                .allSatisfy(
                        method -> {
                            Trials trials = new Trials(method);
                            HashSet<String> tried = new HashSet<>();
                            for (Trials.Candidate first : trials.first()) {
                                tried.add(first.toString());
                                trials.add(
                                        trial(
                                                first.learningRate(),
                                                first.method().strength(),
                                                3 - first.learningRate(),
                                                2));
                            }
                            trials.second().forEach(second -> tried.add(second.toString()));
                            assertThat(tried).hasSize(5);
                        });
    }

    @Test
    void averagesTryThreeStrengths() {
        assertThat(method("wise-ft").strengths())
                .hasSize(3)
                .startsWith(method("wise-ft").strength());
        assertThat(method("graft").strengths()).hasSize(3);
    }

    @Test
    void strengthsAreTriedAtTheRateThatLearnedMost() {
        Trials trials = new Trials(method("ewc"));
        trials.add(trial(1e-3, 0.3, 3.2, 2));
        trials.add(trial(3e-3, 0.3, 3.0, 2));
        trials.add(trial(1e-2, 0.3, Double.NaN, Double.NaN));

        assertThat(trials.second())
                .allSatisfy(second -> assertThat(second.learningRate()).isEqualTo(3e-3))
                .extracting(second -> second.method().strength())
                .containsExactly(0.1, 1.0);
        assertThat(trials.second()).allSatisfy(s -> assertThat(s.method().name()).isEqualTo("ewc"));
    }

    @Test
    void aStrengthThatTheUserNamedStays() {
        Trials trials = new Trials(method("ewc:3"));
        trials.add(trial(1e-3, 3.0, 3.0, 2));

        assertThat(trials.second())
                .extracting(Trials.Candidate::learningRate)
                .containsExactly(5e-4, 2e-3);
        assertThat(trials.second())
                .allSatisfy(second -> assertThat(second.method().strength()).isEqualTo(3));
        Trials.Choice choice = trials.choose(BASE);
        assertThat(choice.method().name()).isEqualTo("ewc:3");
    }

    @Test
    void forgetsLeastAmongThoseThatLearnNearlyAsMuch() {
        Trials trials = new Trials(method("ewc"));
        trials.add(trial(3e-3, 0.3, 3.00, 1.9));
        // learns 95 % of the best and keeps more
        trials.add(trial(3e-3, 1.0, 3.05, 1.5));
        // keeps most, and learns 80 %
        trials.add(trial(3e-3, 0.1, 3.20, 1.2));
        trials.add(trial(1e-2, 0.3, Double.NaN, Double.NaN));

        Trials.Choice choice = trials.choose(BASE);

        assertThat(choice.method().strength()).isEqualTo(1);
        assertThat(choice.method().name()).isEqualTo("ewc");
        assertThat(choice.method().title()).isEqualTo("EWC λ=1");
        assertThat(choice.learningRate()).isEqualTo(3e-3);
        assertThat(choice.trials())
                .extracting(MethodTrial::chosen)
                .containsExactly(false, true, false, false);
    }

    @Test
    void worksWhereNothingIsLearned() {
        Trials trials = new Trials(method("plain"));
        trials.add(trial(1e-3, null, 4.2, 1.5));
        trials.add(trial(3e-3, null, 4.21, 1.4));

        assertThat(trials.choose(BASE).learningRate()).isEqualTo(3e-3);
    }

    @Test
    void saysWhenEverythingDiverges() {
        Trials trials = new Trials(method("kl"));
        trials.add(trial(1e-3, 0.3, Double.NaN, Double.NaN));

        assertThatThrownBy(() -> trials.choose(BASE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("kl diverges with everything");
        assertThat(trials.second().get(0).learningRate()).isEqualTo(1e-3);
    }
}
