package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.cli.compare.ComparisonOptions;

/** Help, versions, and one line with exit code 2 for every mistake in the arguments. */
class CommandLineTest {

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"--help", "-h", "compare --help", "doctor --help", "bench -h"})
    void helpGoesToStandardOutputWithExamplesAndExitCodes(String line) {
        Invocation run = Invocation.of(line.split(" "));

        assertThat(run.exit()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out())
                .startsWith("Usage: retain4j")
                .contains("Examples:\n  retain4j")
                .contains("Exit codes:\n  0   ")
                .contains("\n  1   ")
                .contains("\n  2   wrong usage");
        assertThat(run.out().lines()).allMatch(text -> text.length() <= 100);
    }

    @Test
    void helpOfCompareNamesEveryOptionWithItsDefault() {
        String help = Invocation.of("compare", "--help").out();

        for (String option :
                new String[] {
                    "--model=NAME|DIR",
                    "--learn=FILE",
                    "--retain=FILE",
                    "--methods=",
                    "--list-methods",
                    "--seeds=N",
                    "--steps=N",
                    "--out=DIR",
                    "--json",
                    "--verbose"
                }) {
            assertThat(help).contains(option);
        }
        assertThat(help)
                .contains("Default: embedded:stories260K")
                .contains("Default: " + ComparisonOptions.DEFAULT_SEEDS + "\n")
                .contains("Default: " + ComparisonOptions.DEFAULT_STEPS + "\n")
                .contains("Default: runs/<date and time>");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--version", "-V"})
    void versionNamesRetain4jDjlAndJava(String option) {
        Invocation run = Invocation.of(option);

        assertThat(run.exit()).isZero();
        assertThat(run.out()).matches("Retain4j \\S+\nDJL 0\\.\\d+\\.\\d+\nJava \\d+.*\\(.*\\)\n");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void withoutCommandItSaysWhichThereAre() {
        Invocation run = Invocation.of();

        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err())
                .isEqualTo(
                        "retain4j: no command given, try compare, doctor or bench (see"
                                + " retain4j --help)\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "comapre | retain4j: unknown command comapre; did you mean compare?",
                "xyzzy | retain4j: unknown command xyzzy",
                "--hepl | retain4j: unknown option --hepl; did you mean --help?",
                "compare --sed 3 | retain4j compare: unknown option --sed",
                "compare --seds=3 | retain4j compare: unknown option --seds; did you mean --seeds?",
                "compare --zzzzzz | retain4j compare: unknown option --zzzzzz",
                "doctor --jsn | retain4j doctor: unknown option --jsn; did you mean --json?",
                "compare ewc | ewc does not exist, give a YAML file",
                "doctor ewc | retain4j doctor: unexpected argument \"ewc\"",
                "doctor @file | retain4j doctor: unexpected argument \"@file\"",
                "compare --seeds | --seeds needs a value, --seeds N",
                "compare --seeds 1 --seeds 2 | --seeds is given twice, give it once",
                "compare --seeds three | --seeds must be a whole number, at most 2147483647, is"
                        + " \"three\"",
                "compare --seeds 1.5 | is \"1.5\"",
                "compare --seeds -1 | --seeds must be between 1 and 1000, is -1",
                "compare --seeds 0 | --seeds must be between 1 and 1000, is 0",
                "compare --seeds 1001 | --seeds must be between 1 and 1000, is 1001",
                "compare --steps x | --steps must be a whole number",
                "compare --steps 0 | --steps must be at least 1, is 0",
                "compare --steps -5 | --steps must be at least 1, is -5",
                "compare --steps 99999999999 | --steps must be a whole number, at most 2147483647",
                "compare --methods | --methods needs a value",
                "compare --methods ecw | unknown method ecw, there are plain, ",
                "compare --methods ecw | ; did you mean ewc? (see",
                "compare --methods plain,,ewc | --methods has an empty name",
                "compare --methods ewc:strong | --methods: strength \"strong\" of method ewc is",
                "compare --methods ewc:-1 | --methods: strength \"-1\" of method ewc",
                "compare --methods ewc:NaN | --methods: strength \"nan\" of method ewc",
                "compare --methods ewc: | --methods: strength \"\" of method ewc",
                "compare --methods plain:1 | --methods: method plain has no strength to set",
                "compare --methods ewc,plain,ewc | --methods names ewc twice",
                "compare --model embedded:stories | there is no embedded model"
                        + " \"embedded:stories\", the only one is embedded:stories260K",
                "compare --model no/such/folder | --model: no/such/folder does not exist, give a"
                        + " folder with config.json",
                "compare --learn no/such/file.txt | --learn: no/such/file.txt does not exist",
                "compare --retain no/such/file.txt | --retain: no/such/file.txt does not exist"
            })
    void aMistakeIsOneLineAndExitCode2(String line, String message) {
        Invocation run = Invocation.of(line.split(" "));

        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(message).startsWith("retain4j").endsWith("--help)\n");
        assertThat(run.err().lines()).hasSize(1);
    }

    @Test
    void filesOfTheWrongKindAreNamed() throws Exception {
        Path text = Files.writeString(folder.resolve("text.txt"), "text");
        Path empty = Files.writeString(folder.resolve("empty.txt"), "");
        Path binary = Files.write(folder.resolve("binary"), new byte[] {'a', (byte) 0xC0, 'b'});

        assertMistake("--model: " + text + " is not a folder", "--model", text.toString());
        assertMistake(
                folder.resolve("config.json") + " is missing or unreadable",
                "--model",
                folder.toString());
        assertMistake("--learn: " + folder + " is a folder", "--learn", folder.toString());
        assertMistake("--retain: " + empty + " is empty", "--retain", empty.toString());
        assertMistake("--learn: " + binary + " is not text in UTF-8", "--learn", binary.toString());
        assertMistake(
                "--learn and --retain are the same file " + text,
                "--learn",
                text.toString(),
                "--retain",
                folder.resolve(".").resolve("text.txt").toString());
        assertMistake("--out: " + text + " is a file", "--out", text.toString());
        assertMistake(
                "--out: " + folder + " already exists and is not empty",
                "--out",
                folder.toString());
        assertMistake(
                "--out: " + text.resolve("x") + " cannot be created",
                "--out",
                text.resolve("x").toString());
        assertMistake("--out must name a path, is \"\"", "--out", "");
        assertMistake("--learn must name a path, is \" \"", "--learn", " ");
        assertMistake("--model must name a path, is \"\"", "--model", "");
        assertMistake("--methods has an empty name", "--methods", "");
    }

    private static void assertMistake(String message, String... options) {
        String[] args = new String[options.length + 1];
        args[0] = "compare";
        System.arraycopy(options, 0, args, 1, options.length);
        Invocation run = Invocation.of(args);

        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("retain4j compare: ").contains(message);
        assertThat(run.err().lines()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"compare --verbose --seeds x", "--verbose compare --seeds x"})
    void aStackTraceIsShownOnlyWhenAskedFor(String line) {
        assertThat(Invocation.of(line.split(" ")).err())
                .startsWith("retain4j compare: --seeds must be a whole number")
                .contains("\tat org.retain4j.cli.Main.run");
    }
}
