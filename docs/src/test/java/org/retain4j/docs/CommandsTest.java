package org.retain4j.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every command of the README and the guides is run, the long ones with few steps. */
class CommandsTest {

    private static final Path TEXTS =
            Guides.ROOT.resolve("core/src/main/resources/org/retain4j/core/embedded/texts");

    @TempDir Path temp;

    static List<String> commands() throws IOException {
        List<String> all = new ArrayList<>();
        for (Path guide : Guides.all()) {
            for (String command : Guides.commands(guide, "./retain4j")) {
                if (!all.contains(command)) {
                    all.add(command);
                }
            }
        }
        return all;
    }

    @Test
    void theGuidesHoldCommands() throws IOException {
        assertThat(commands()).contains("./retain4j compare", "./retain4j doctor");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void theCommandWorks(String command) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "the launcher needs a POSIX shell");
        List<String> words = words(command);
        words.set(0, Guides.ROOT.resolve("retain4j").toString());
        boolean measures = !command.contains("--help") && !command.contains("--list-methods");
        Path out = temp.resolve("out");
        if (words.contains("compare") && measures && !words.contains("recipe.yaml")) {
            // the README's own command runs minutes; its options and files are what is tested here
            replace(words, "--seeds", "1");
            replace(words, "--steps", "2");
            replace(words, "--out", out.toString());
        }
        if (words.contains("bench") && measures) {
            replace(words, "--max-length", "8");
            replace(words, "--batch-size", "1");
            replace(words, "--steps", "2");
        }
        if (words.contains("finetune") || words.contains("evaluate")) {
            run();
            if (words.contains("run.yaml")) {
                words.addAll(List.of("--set", "max_steps=2"));
            }
        }
        if (words.contains("recipe.yaml")) {
            recipe();
            for (String change : List.of("seeds=[1]", "run.max_steps=2", "choose.max_steps=1")) {
                words.addAll(List.of("--set", change));
            }
        }
        if (words.contains("sequence.yaml")) {
            recipe();
            Path guide = Guides.ROOT.resolve("docs/finetune.md");
            List<List<String>> yaml = Guides.fences(Files.readString(guide), "yaml");
            List<String> sequence =
                    yaml.stream()
                            .filter(lines -> lines.stream().anyMatch(l -> l.startsWith("tasks:")))
                            .findFirst()
                            .orElseThrow();
            Files.write(temp.resolve("sequence.yaml"), sequence);
            words.addAll(List.of("--set", "run.max_steps=2"));
        }
        Path model = Guides.ROOT.resolve("core/src/test/resources/golden/models/llama");
        copy(model, Files.createDirectory(temp.resolve("folder")));
        Files.writeString(
                temp.resolve("messages.json"), "[{\"role\":\"user\",\"content\":\"Hello\"}]");
        Files.writeString(temp.resolve("texts.jsonl"), "{\"text\":\"Once upon a time\"}\n");
        ProcessBuilder builder = new ProcessBuilder(words).directory(temp.toFile());
        builder.environment().put("RETAIN4J_CLASSPATH", System.getProperty("java.class.path"));
        Path log = temp.resolve("log.txt");
        Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        boolean ended = process.waitFor(4, TimeUnit.MINUTES);
        process.destroyForcibly();

        assertThat(ended).as(command).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
        assertThat(log).isNotEmptyFile();
        if (words.contains("compare") && measures && !words.contains("recipe.yaml")) {
            assertThat(out.resolve("results.json")).isNotEmptyFile();
            assertThat(out.resolve("report.html")).isNotEmptyFile();
            assertThat(out.resolve("run.json")).isNotEmptyFile();
        }
    }

    /** Writes the recipe.yaml of the guide, its tasks and the texts that they name. */
    private void recipe() throws IOException {
        if (!Files.exists(temp.resolve("plays.txt"))) {
            run();
        }
        Path guide = Guides.ROOT.resolve("docs/compare.md");
        List<List<String>> yaml = Guides.fences(Files.readString(guide), "yaml");
        Files.write(temp.resolve("recipe.yaml"), yaml.get(0));
        Files.copy(temp.resolve("stories.txt"), temp.resolve("old.txt"));
        for (String[] own :
                new String[][] {
                    {"stories", "tinystories.train.txt"}, {"plays", "tinyshakespeare.train.txt"}
                }) {
            String task = own[0];
            String text = String.join("\n", yaml.get(1)).replace("stories", task);
            Files.writeString(temp.resolve(task + ".yaml"), text);
            // another text than what the recipe trains on and chooses by
            String first = Files.readString(TEXTS.resolve(own[1])).substring(0, 300);
            Files.writeString(
                    temp.resolve(task + ".jsonl"),
                    "{\"text\": \"" + first.replaceAll("[\"\\\\\\s]+", " ") + "\"}\n");
        }
    }

    /** Writes the run.yaml of the guide and the texts that it names. */
    private void run() throws IOException {
        Path guide = Guides.ROOT.resolve("docs/finetune.md");
        List<String> yaml = Guides.fences(Files.readString(guide), "yaml").get(0);
        Files.write(temp.resolve("run.yaml"), yaml);
        for (String[] text :
                new String[][] {
                    {"plays.txt", "tinyshakespeare.heldout.txt"},
                    {"stories.txt", "tinystories.heldout.txt"}
                }) {
            Files.copy(TEXTS.resolve(text[1]), temp.resolve(text[0]));
        }
    }

    @Test
    void ciRunsTheTestCommandOfTheReadmeAndNothingElse() throws IOException {
        List<String> tests = Guides.commands(Guides.ROOT.resolve("README.md"), "./mvnw");
        assertThat(tests).containsExactly("./mvnw verify");
        List<String> ci =
                Files.readAllLines(Guides.ROOT.resolve(".ci/run")).stream()
                        .map(String::strip)
                        .filter(line -> !line.isEmpty() && !line.startsWith("#"))
                        .filter(line -> !line.startsWith("set ") && !line.startsWith("cd "))
                        .toList();
        assertThat(ci).containsExactly("./mvnw verify");
    }

    /** Splits a command as a shell does that knows double quotes alone. */
    private static List<String> words(String command) {
        Matcher matcher = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(command);
        List<String> words = new ArrayList<>();
        while (matcher.find()) {
            words.add(matcher.group(1) != null ? matcher.group(1) : matcher.group(2));
        }
        return words;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }

    private static void replace(List<String> words, String option, String value) {
        int at = words.indexOf(option);
        if (at >= 0) {
            words.set(at + 1, value);
        } else {
            words.add(option);
            words.add(value);
        }
    }
}
