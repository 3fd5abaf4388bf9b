package org.retain4j.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The README and the guides, as the tests read them. */
final class Guides {

    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private Guides() {}

    static List<Path> all() throws IOException {
        List<Path> files = new ArrayList<>();
        files.add(ROOT.resolve("README.md"));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(files::add);
        }
        return files;
    }

    static String readme() throws IOException {
        return Files.readString(ROOT.resolve("README.md"));
    }

    /** Returns the lines inside fences of a language; an empty one means fences without. */
    static List<List<String>> fences(String text, String language) {
        List<List<String>> fences = new ArrayList<>();
        List<String> open = null;
        boolean wanted = false;
        for (String line : text.split("\n", -1)) {
            if (line.startsWith("```")) {
                if (open == null) {
                    open = new ArrayList<>();
                    wanted = line.substring(3).strip().equals(language);
                } else {
                    if (wanted) {
                        fences.add(open);
                    }
                    open = null;
                }
            } else if (open != null) {
                open.add(line);
            }
        }
        return fences;
    }

    /** Returns the commands of a guide that start with a word. */
    static List<String> commands(Path guide, String start) throws IOException {
        return fences(Files.readString(guide), "").stream()
                .flatMap(List::stream)
                .map(line -> line.replaceFirst("\\s+#.*", "").strip())
                .filter(line -> line.startsWith(start))
                .toList();
    }
}
