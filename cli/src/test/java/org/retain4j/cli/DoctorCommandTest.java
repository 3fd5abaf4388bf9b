package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/** The examination of the machine that runs the tests, which can compute, and its two formats. */
class DoctorCommandTest {

    @Test
    void theMachineOfTheTestsCanBeUsed() {
        Invocation run = Invocation.of("doctor");

        assertThat(run.exit()).as(run.out() + run.err()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out())
                .containsPattern("ok  Java +\\d+")
                .containsPattern("ok  DJL +0\\.")
                .containsPattern("ok  libtorch +2\\.7\\.\\d+ in ")
                .containsPattern("ok  matrix product +right")
                .containsPattern("ok  embedded model +right")
                .contains("Everything can be used.")
                .containsPattern("ok  NVIDIA driver +\\S")
                .containsPattern("ok  JNI library +DJL's own for libtorch 2\\.7\\.x, cpu")
                .contains("RETAIN4J_LIBTORCH")
                .contains("build-jni");
    }

    @Test
    void aDeviceThatIsNotThereIsSaidInItsLine() {
        Invocation run = Invocation.of("doctor", "--device", "cuda:63");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out())
                .containsPattern("!!  devices +cpu")
                .contains("device cuda:63 is not there", "docs/cuda.md");
    }

    @Test
    void simulatedDevicesAreExaminedLikeOthers() {
        try (SimulatedCuda.On simulation = SimulatedCuda.switchOn()) {
            Invocation run = Invocation.of("doctor", "--device", "cuda:1");
            assertThat(run.exit()).as(run.out() + run.err()).isZero();
            assertThat(run.out())
                    .containsPattern("ok  devices +cpu, cuda:0, cuda:1; used: cuda:1")
                    .containsPattern("ok  embedded model +right");
        }
    }

    @Test
    void jsonHasTheSameFindings() throws Exception {
        Invocation run = Invocation.of("doctor", "--json");

        assertThat(run.exit()).isZero();
        JsonNode json = new JsonMapper().readTree(run.out());
        assertThat(json.get("usable").asBoolean()).isTrue();
        assertThat(json.get("findings").findValuesAsText("name"))
                .contains("Retain4j", "processor", "memory", "cache folder", "devices");
        assertThat(json.get("findings").findValuesAsText("state"))
                .doesNotContain("UNUSABLE")
                .contains("OK");
    }

    @Test
    void adviceStandsBelowItsFinding() {
        String text =
                DoctorCommand.text(
                        List.of(
                                Finding.ok("a", "fine"),
                                Finding.advice("long name", "slow", "speed it up"),
                                Finding.unusable("b", "broken\nin two", "mend it")),
                        false);

        assertThat(text)
                .startsWith(
                        """
                        ok  a          fine
                         !  long name  slow
                                       speed it up
                        !!  b          broken in two
                                       mend it

                        Something cannot be used, see the lines with !!
                        """);
    }
}
