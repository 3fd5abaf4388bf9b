package org.retain4j.evaluation.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Programs of the shell, which every build machine has. */
@DisabledOnOs(OS.WINDOWS)
class CodeRunnerTest {

    private static final CodeRunner SHELL = shell(Duration.ofSeconds(30));

    @TempDir Path folder;

    private static CodeRunner shell(Duration time) {
        return new CodeRunner(List.of("/bin/sh"), "", "echo %s", time);
    }

    @Test
    void onlyAProgramThatReachesItsEndPasses() throws TaskException {
        assertThat(SHELL.run("x=1")).isEqualTo(CodeRunner.Outcome.PASSED);
        assertThat(SHELL.run("exit 0")).isEqualTo(CodeRunner.Outcome.FAILED);
        assertThat(SHELL.run("exit 3")).isEqualTo(CodeRunner.Outcome.FAILED);
        assertThat(SHELL.run("if then")).isEqualTo(CodeRunner.Outcome.FAILED);
    }

    @Test
    void nothingIsInheritedAndNothingStays() throws Exception {
        Path seen = folder.resolve("seen");
        assertThat(SHELL.run("echo \"[$HOME] $(pwd)\" > " + seen))
                .isEqualTo(CodeRunner.Outcome.PASSED);
        String text = Files.readString(seen).strip();
        assertThat(text).startsWith("[] ");
        assertThat(Path.of(text.substring(3))).doesNotExist();
    }

    @Test
    void aProgramWithoutEndIsKilledWithWhatItStarted() throws Exception {
        Path started = folder.resolve("started");
        String program = "sleep 600 & echo $! > " + started + "; wait";
        assertThat(shell(Duration.ofSeconds(2)).run(program))
                .isEqualTo(CodeRunner.Outcome.TIMED_OUT);
        long child = Long.parseLong(Files.readString(started).strip());
        ProcessHandle.of(child).ifPresent(handle -> handle.onExit().join());
        assertThat(ProcessHandle.of(child).map(ProcessHandle::isAlive).orElse(false)).isFalse();
    }

    @Test
    void aMissingInterpreterIsNamed() {
        assertThatExceptionOfType(TaskException.class)
                .isThrownBy(
                        () -> CodeRunner.python("/no/python", Duration.ofSeconds(1), 64).run("1"))
                .withMessageContaining("/no/python");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CodeRunner.python("python3", Duration.ZERO, 64));
    }

    @Test
    void aCompletionIsTestedBehindItsPrompt() throws TaskException {
        Task task = Tasks.humaneval(SHELL);
        assertThat(Tasks.names()).doesNotContain("humaneval");
        Row row =
                new Row(
                        JsonNodeFactory.instance
                                .objectNode()
                                .put("prompt", "f() {\n")
                                .put("test", "[ \"$(f)\" = 7 ] || exit 1")
                                .put("entry_point", ") { :; } #"),
                        "here");
        Item.Generation item = (Item.Generation) task.item(row);
        // "check() { :; } #)" makes the call of Python a definition of the shell
        assertThat(item.target()).endsWith("\ncheck() { :; } #)");
        assertThat(task.decoding().maxTokens()).isEqualTo(1024);
        AnswerMetric pass = task.answerMetrics().get(0);
        assertThat(pass.rule().score("echo 7; }", item)).isEqualTo(1);
        assertThat(pass.rule().score("echo 8; }", item)).isZero();
    }
}
