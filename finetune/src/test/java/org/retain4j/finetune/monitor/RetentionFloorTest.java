package org.retain4j.finetune.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.Strength;
import org.retain4j.finetune.monitor.RetentionFloor.Floor;

class RetentionFloorTest {

    private static final List<Floor> FLOORS =
            List.of(new Floor("piqa_acc", 0.6, true), new Floor("text_bits", 1.5, false));

    private static Map<String, Double> scores(double piqa, double text) {
        return Map.of("piqa_acc", piqa, "text_bits", text);
    }

    @Test
    void stopsWithTheReason() {
        RetentionFloor rule = RetentionFloor.stop(FLOORS);
        assertThat(rule.check(1, scores(0.6, 1.5))).isEmpty();
        assertThat(rule.check(2, scores(0.59, 1.5)))
                .isEqualTo("piqa_acc is 0.59, below the floor of 0.6");
        assertThat(rule.check(3, scores(0.7, 1.6)))
                .isEqualTo("text_bits is 1.6, above the limit of 1.5");
        assertThat(rule.save()).isEqualTo(StateDict.empty());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rule.check(4, Map.of("piqa_acc", 1.0)))
                .withMessageContaining("text_bits");
    }

    @Test
    void raisesOnceAnEvaluationUpToALimitAndNeverLowers() {
        Strength strength = new Strength();
        RetentionFloor rule = RetentionFloor.raise(FLOORS, 8, strength);
        assertThat(rule.check(1, scores(0.1, 9))).isEmpty();
        assertThat(strength.factor()).isEqualTo(8);
        rule.check(2, scores(0.9, 1));
        assertThat(strength.factor()).isEqualTo(8);
        for (int i = 0; i < 9; i++) {
            rule.check(3 + i, scores(0.1, 1));
        }
        assertThat(strength.factor()).isEqualTo(RetentionFloor.LARGEST);
        Strength restored = new Strength();
        RetentionFloor.raise(FLOORS, 8, restored).load(rule.save());
        assertThat(restored.factor()).isEqualTo(RetentionFloor.LARGEST);
        assertThat(rule).hasToString(RetentionFloor.raise(FLOORS, 8, restored).toString());
    }

    /** A score that is no number holds no floor. */
    @Test
    void notANumberIsBelowEveryFloor() {
        assertThat(RetentionFloor.stop(FLOORS).check(1, scores(Double.NaN, 1))).isNotEmpty();
        assertThat(RetentionFloor.stop(FLOORS).check(1, scores(1, Double.NaN))).isNotEmpty();
    }

    @Test
    void badNumbersAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RetentionFloor.raise(FLOORS, 1, new Strength()));
        assertThatIllegalArgumentException().isThrownBy(() -> new Floor("m", Double.NaN, true));
        assertThatIllegalArgumentException().isThrownBy(() -> new Strength().set(0));
    }
}
