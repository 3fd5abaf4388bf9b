package org.retain4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script with the classes under test: no test here starts Maven. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {

    private static final String CLASS_PATH = System.getProperty("java.class.path");

    @TempDir Path folder;

    private Path launcher;

    @BeforeEach
    void findLauncher() {
        Path root = Path.of("").toAbsolutePath();
        while (root != null && !Files.isRegularFile(root.resolve("mvnw"))) {
            root = root.getParent();
        }
        assumeTrue(root != null && Files.isExecutable(root.resolve("retain4j")));
        launcher = root.resolve("retain4j");
    }

    @Test
    void answersFromAnyFolderAndThroughLinks() throws Exception {
        Path first = Files.createSymbolicLink(folder.resolve("first"), launcher);
        Path second = Files.createSymbolicLink(folder.resolve("second"), Path.of("first"));
        assertThat(first).isSymbolicLink();

        for (String name : List.of(launcher.toString(), second.toString(), "./second")) {
            Invocation run = launch(classPath(), name, "--version");
            assertThat(run.exit()).as(run.err()).isZero();
            assertThat(run.out()).startsWith("Retain4j ").contains("\nDJL 0.").contains("\nJava ");
            assertThat(run.err()).isEmpty();
        }
        // JUnit warns of links that lead out of its folder
        Files.delete(first);
    }

    @Test
    void memorySettingsAreAddedToThoseOfTheUser() throws Exception {
        Path home = Files.createDirectories(folder.resolve("jdk/bin")).getParent();
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"17\"\n");
        executable(home.resolve("bin/java"), "echo \"$GLIBC_TUNABLES $OMP_WAIT_POLICY\"\n");
        String own = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1";
        for (Map.Entry<String, String> entry :
                Map.of(
                                "",
                                own,
                                "glibc.malloc.check=3",
                                "glibc.malloc.check=3:" + own,
                                "glibc.malloc.arena_max=4:glibc.malloc.hugetlb=0",
                                "glibc.malloc.arena_max=4:glibc.malloc.hugetlb=0")
                        .entrySet()) {
            Invocation run =
                    launch(
                            Map.of(
                                    "RETAIN4J_CLASSPATH",
                                    CLASS_PATH,
                                    "JAVA_HOME",
                                    home.toString(),
                                    "GLIBC_TUNABLES",
                                    entry.getKey(),
                                    "OMP_WAIT_POLICY",
                                    ""),
                            launcher.toString(),
                            "-V");
            assertThat(run.out()).isEqualTo(entry.getValue() + " PASSIVE\n");
        }
    }

    @Test
    void helpAndMistakesNeedNoLibtorch() throws Exception {
        Map<String, String> broken =
                Map.of("RETAIN4J_CLASSPATH", CLASS_PATH, "PYTORCH_LIBRARY_PATH", folder.toString());

        assertThat(launch(broken, launcher.toString(), "--help").exit()).isZero();
        assertThat(launch(broken, launcher.toString(), "compare", "--methods", "help").exit())
                .isZero();
        Invocation mistake = launch(broken, launcher.toString(), "compare", "--seeds", "0");
        assertThat(mistake.exit()).isEqualTo(2);
        assertThat(mistake.err().lines()).hasSize(1);
    }

    @Test
    void doctorNeedsALibtorchThatFits() throws Exception {
        assertThat(launch(classPath(), launcher.toString(), "doctor").exit()).isZero();

        Map<String, String> broken =
                Map.of("RETAIN4J_CLASSPATH", CLASS_PATH, "PYTORCH_LIBRARY_PATH", folder.toString());
        Invocation run = launch(broken, launcher.toString(), "doctor");
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out()).contains("!!  libtorch").contains("PYTORCH_LIBRARY_PATH");
        assertThat(run.err())
                .isEqualTo(
                        "retain4j doctor: this machine cannot be used yet, see the lines with !!\n");
    }

    @Test
    void doctorNeedsATemporaryFolder() throws Exception {
        Map<String, String> broken =
                Map.of(
                        "RETAIN4J_CLASSPATH",
                        CLASS_PATH,
                        "RETAIN4J_JAVA_OPTS",
                        "-Djava.io.tmpdir=" + launcher);

        Invocation run = launch(broken, launcher.toString(), "doctor", "--json");
        assertThat(run.exit()).isEqualTo(1);
        JsonNode json = new JsonMapper().readTree(run.out());
        assertThat(json.get("usable").asBoolean()).isFalse();
        assertThat(json.findValuesAsText("value")).contains(launcher + " is not a folder");
    }

    @Test
    void anOldJavaIsRefusedInOneLine() throws Exception {
        Path home = Files.createDirectories(folder.resolve("jdk/bin")).getParent();
        executable(home.resolve("bin/java"), "exit 9\n");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"11.0.2\"\n");
        assertRefused(home, "is Java 11.0.2, which is too old; install JDK 17 or newer");

        // no release file, as with Java 8: ask the program
        Files.delete(home.resolve("release"));
        executable(home.resolve("bin/java"), "echo 'openjdk version \"1.8.0_392\"' >&2\n");
        assertRefused(home, "is Java 1.8.0_392, which is too old");

        assertRefused(folder.resolve("none"), "has no bin/java; install JDK 17 or newer");
    }

    private void assertRefused(Path home, String message) throws Exception {
        Invocation run = launch(Map.of("JAVA_HOME", home.toString()), launcher.toString(), "-h");
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).startsWith("retain4j: ").contains(message);
        assertThat(run.err().lines()).hasSize(1);
    }

    @Test
    void buildsOnceAndAgainWhenASourceChanges() throws Exception {
        Path tree = tree();

        Invocation first = launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(first.exit()).as(first.err()).isZero();
        assertThat(first.err()).startsWith("retain4j: building for the first time");
        assertThat(first.out()).startsWith("Retain4j ");
        Invocation second = launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).isEqualTo(first.out());
        assertThat(builds(tree)).isEqualTo(1);

        Files.writeString(tree.resolve("core/src/main/New.java"), "class New {}");
        Invocation third = launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(third.err()).startsWith("retain4j: sources or libraries have changed");
        assertThat(builds(tree)).isEqualTo(2);

        Files.delete(tree.resolve("core/src/main/New.java"));
        launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(builds(tree)).isEqualTo(3);
        launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(builds(tree)).isEqualTo(3);
        assertThat(tree.resolve("cli/target/launcher.lock")).doesNotExist();
    }

    @Test
    void buildsAgainWhenALibraryIsGoneOrTheTreeHasMoved() throws Exception {
        Path tree = tree();
        launch(Map.of(), tree.resolve("retain4j").toString(), "--version");

        Files.delete(tree.resolve("library.jar"));
        launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(builds(tree)).isEqualTo(2);

        Path moved = Files.move(tree, folder.resolve("moved"));
        Invocation run = launch(Map.of(), moved.resolve("retain4j").toString(), "--version");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(builds(moved)).isEqualTo(3);
    }

    @Test
    void twoFirstRunsBuildOnce() throws Exception {
        Path tree = tree();
        Process one = start(Map.of(), tree.resolve("retain4j").toString(), "--version");
        Process two = start(Map.of(), tree.resolve("retain4j").toString(), "--version");

        Invocation first = end(one);
        Invocation second = end(two);
        assertThat(first.exit()).as(first.err()).isZero();
        assertThat(second.exit()).as(second.err()).isZero();
        assertThat(first.out()).startsWith("Retain4j ").isEqualTo(second.out());
        assertThat(builds(tree)).isEqualTo(1);
    }

    @Test
    void theLockOfADeadProcessIsTaken() throws Exception {
        Path tree = tree();
        Process dead = new ProcessBuilder("true").start();
        assertThat(dead.waitFor(60, TimeUnit.SECONDS)).isTrue();
        Path lock = Files.createDirectories(tree.resolve("cli/target/launcher.lock"));
        Files.writeString(lock.resolve("owner"), dead.pid() + "\n");

        Invocation run = launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(lock).doesNotExist();
    }

    @Test
    void aFailedBuildShowsItsOutput() throws Exception {
        Path tree = tree();
        executable(tree.resolve("mvnw"), "echo '[ERROR] no such thing'\nexit 7\n");

        Invocation run = launch(Map.of(), tree.resolve("retain4j").toString(), "--version");
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err())
                .contains("[ERROR] no such thing")
                .contains("retain4j: the build failed, see above; all of it is in ");
        assertThat(tree.resolve("cli/target/launcher.lock")).doesNotExist();
    }

    /** Makes a source tree whose Maven wrapper only copies files and counts its calls. */
    private Path tree() throws IOException {
        Path tree = Files.createDirectory(folder.resolve("source tree"));
        Files.createDirectories(tree.resolve("core/src/main"));
        Files.createDirectories(tree.resolve("cli/src/main"));
        for (String pom : List.of("pom.xml", "core/pom.xml", "cli/pom.xml")) {
            Files.writeString(tree.resolve(pom), "<project/>");
        }
        Files.copy(launcher, tree.resolve("retain4j"));
        assertThat(tree.resolve("retain4j").toFile().setExecutable(true)).isTrue();
        executable(
                tree.resolve("mvnw"),
                """
                echo build >>builds
                mkdir -p cli/target core/target
                echo jar >library.jar
                echo jar >cli/target/retain4j-cli-1.jar
                echo jar >core/target/retain4j-core-1.jar
                printf '%s' "$PWD/core/target/retain4j-core-1.jar:$PWD/library.jar:CLASSES" \
                    >cli/target/classpath.txt
                """
                        .replace("CLASSES", CLASS_PATH));
        return tree;
    }

    private static long builds(Path tree) throws IOException {
        return Files.readAllLines(tree.resolve("builds")).size();
    }

    private static void executable(Path file, String script) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + script);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private static Map<String, String> classPath() {
        return Map.of("RETAIN4J_CLASSPATH", CLASS_PATH);
    }

    private Invocation launch(Map<String, String> environment, String... command) throws Exception {
        return end(start(environment, command));
    }

    private Process start(Map<String, String> environment, String... command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.environment().remove("RETAIN4J_CLASSPATH");
        builder.environment().remove("RETAIN4J_JAVA_OPTS");
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().putAll(environment);
        builder.redirectInput(ProcessBuilder.Redirect.from(launcher.toFile()));
        return builder.start();
    }

    private static Invocation end(Process process) throws Exception {
        // the outputs are far smaller than the buffer of a pipe
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        return new Invocation(
                process.exitValue(),
                new String(process.getInputStream().readAllBytes(), UTF_8),
                new String(process.getErrorStream().readAllBytes(), UTF_8));
    }
}
