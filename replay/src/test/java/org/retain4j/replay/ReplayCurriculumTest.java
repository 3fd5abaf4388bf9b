package org.retain4j.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.replay.ReplayCurriculum.Course;

class ReplayCurriculumTest {

    private static final BatchSource ROWS =
            (first, count) -> Collections.nCopies(count, TrainRow.of(1, 1));

    private static long old(ReplayCurriculum curriculum, long from, int count) {
        List<TrainRow> rows = curriculum.mix(ROWS).rows(from, count);
        assertThat(rows).hasSize(count);
        return rows.stream().filter(TrainRow::replayed).count();
    }

    @ParameterizedTest
    @EnumSource(Course.class)
    void theShareOfTheWholeRunIsExact(Course course) {
        ReplayCurriculum curriculum = new ReplayCurriculum(ROWS, course, 0.4, 1000);
        long expected = course == Course.END_LOADED ? 40 : 200;
        assertThat(old(curriculum, 0, 1000)).isEqualTo(expected);
        long parts = 0;
        for (int first = 0; first < 1000; first += 8) {
            parts += old(curriculum, first, 8);
        }
        assertThat(parts).isEqualTo(expected);
    }

    @Test
    void theCourseIsWhatItsNameSays() {
        ReplayCurriculum decaying = new ReplayCurriculum(ROWS, Course.DECAYING, 0.4, 1000);
        assertThat((double) old(decaying, 0, 100)).isCloseTo(38, within(1.0));
        assertThat((double) old(decaying, 900, 100)).isCloseTo(2, within(1.0));
        ReplayCurriculum rising = new ReplayCurriculum(ROWS, Course.RISING, 0.4, 1000);
        assertThat(old(rising, 900, 100)).isBetween(37L, 39L);
        ReplayCurriculum end = new ReplayCurriculum(ROWS, Course.END_LOADED, 0.4, 1000);
        assertThat(old(end, 0, 900)).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ReplayCurriculum(ROWS, Course.RISING, 1, 10));
    }
}
