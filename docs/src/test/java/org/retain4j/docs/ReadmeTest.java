package org.retain4j.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README says is so: its Java runs, its links lead somewhere, its tables are true. */
class ReadmeTest {

    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#]+)[^)]*\\)");
    private static final Pattern MODULE_ROW =
            Pattern.compile("^\\| `(\\w+)` \\|", Pattern.MULTILINE);

    @TempDir Path temp;

    @Test
    void theJavaOfTheReadmeCompilesTrainsAndSaves() throws Exception {
        List<List<String>> snippets = Guides.fences(Guides.readme(), "java");
        assertThat(snippets).hasSize(1);
        String body =
                String.join("\n", snippets.get(0))
                        .replace("withSteps(100)", "withSteps(2)")
                        .replace("Path.of(\"tuned\")", "Path.of(args[0])");
        assertThat(body).contains("withSteps(2)").contains("args[0]");
        String source =
                """
                import java.nio.file.Path;
                import org.retain4j.core.generate.*;
                import org.retain4j.core.model.*;
                import org.retain4j.core.text.*;
                import org.retain4j.finetune.*;
                import org.retain4j.finetune.data.*;
                import org.retain4j.regularization.*;
                import org.retain4j.replay.*;

                public final class Snippet {
                    public static void main(String[] args) throws Exception {
                %s
                    }
                }
                """
                        .formatted(body);
        Path file = temp.resolve("Snippet.java");
        Files.writeString(file, source);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        int status =
                compiler.run(
                        null,
                        errors,
                        errors,
                        "-proc:none",
                        "-cp",
                        System.getProperty("java.class.path"),
                        file.toString());
        assertThat(status).as(errors.toString(StandardCharsets.UTF_8)).isZero();

        Path tuned = temp.resolve("tuned");
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {temp.toUri().toURL()}, getClass().getClassLoader())) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            loader.loadClass("Snippet")
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) new String[] {tuned.toString()});
        } finally {
            System.setOut(before);
        }
        assertThat(printed.toString(StandardCharsets.UTF_8)).isNotBlank();
        assertThat(tuned.resolve("model.safetensors")).isNotEmptyFile();
        assertThat(tuned.resolve("config.json")).isNotEmptyFile();
        assertThat(tuned.resolve("tokenizer.json")).isNotEmptyFile();
    }

    @Test
    void everyLinkToAFileLeadsToOne() throws IOException {
        for (Path guide : Guides.all()) {
            Matcher link = LINK.matcher(Files.readString(guide));
            while (link.find()) {
                String target = link.group(1);
                if (!target.startsWith("http")) {
                    assertThat(guide.resolveSibling(target))
                            .as("%s in %s", target, guide.getFileName())
                            .exists();
                }
            }
        }
    }

    @Test
    void theModuleTableNamesTheModulesOfTheBuild() throws IOException {
        List<String> modules = new ArrayList<>();
        Matcher module =
                Pattern.compile("<module>(\\w+)</module>")
                        .matcher(Files.readString(Guides.ROOT.resolve("pom.xml")));
        while (module.find()) {
            modules.add(module.group(1));
        }
        String readme = Guides.readme();
        String section =
                readme.substring(readme.indexOf("## Modules"), readme.indexOf("## Status"));
        Matcher row = MODULE_ROW.matcher(section);
        List<String> named = new ArrayList<>();
        while (row.find()) {
            named.add(row.group(1));
        }
        assertThat(named).containsExactlyElementsOf(modules);
    }

    @Test
    void whatTheStatusTableCallsPlannedIsNotThere() throws IOException {
        String readme = Guides.readme();
        String status = readme.substring(readme.indexOf("## Status"));
        for (String module : List.of("editing", "ttt")) {
            assertThat(Guides.ROOT.resolve(module)).doesNotExist();
        }
        assertThat(status).contains("editing, test-time adaptation, unlearning | planned");
    }

    @Test
    void everyLibraryOfTheBuildIsExplained() throws IOException {
        String explained =
                Files.readString(Guides.ROOT.resolve("docs/dependencies.md")).toLowerCase();
        try (Stream<Path> poms = Files.walk(Guides.ROOT, 2)) {
            for (Path pom : poms.filter(file -> file.endsWith("pom.xml")).toList()) {
                Matcher group =
                        Pattern.compile(
                                        "<dependency>\\s*<groupId>([\\w.]+)</groupId>\\s*"
                                                + "<artifactId>([\\w-]+)</artifactId>")
                                .matcher(Files.readString(pom));
                while (group.find()) {
                    if (!group.group(1).equals("org.retain4j")) {
                        assertThat(explained)
                                .as("%s in %s", group.group(2), pom)
                                .containsAnyOf(names(group.group(1), group.group(2)));
                    }
                }
            }
        }
    }

    /** Returns the names under which a table may explain a library. */
    private static String[] names(String group, String artifact) {
        String last = group.substring(group.lastIndexOf('.') + 1);
        return new String[] {
            artifact, artifact.split("-")[0], last.equals("apache") ? artifact : last
        };
    }
}
