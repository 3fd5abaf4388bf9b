package org.retain4j.finetune.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds the data files that paths, folders and globs stand for. */
final class DataFiles {

    private static final List<String> EXTENSIONS =
            List.of(".jsonl", ".ndjson", ".json", ".txt", ".text", ".md");
    private static final int MAX_FILES = 1_000_000;
    private static final int MAX_DEPTH = 64;
    private static final String WILD = "*?[{";

    private DataFiles() {}

    /**
     * Returns the files, each once: in the order of the inputs, those of a folder or glob by path.
     *
     * @throws DataException if an input stands for no file
     */
    static List<Path> find(List<String> inputs) throws IOException {
        Set<Path> found = new LinkedHashSet<>();
        for (String input : inputs) {
            found.addAll(files(input));
        }
        if (found.isEmpty()) {
            throw new DataException("no data file is given; give files, folders or globs");
        }
        return List.copyOf(found);
    }

    /** Returns the name in lower case without {@code .gz}. */
    static String plainName(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        return name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    }

    private static List<Path> files(String input) throws IOException {
        Path path = literal(input);
        if (path != null && Files.isDirectory(path)) {
            List<Path> files =
                    walk(
                            path,
                            MAX_DEPTH,
                            file -> EXTENSIONS.stream().anyMatch(plainName(file)::endsWith));
            if (files.isEmpty()) {
                throw new DataException(
                        "the folder "
                                + input
                                + " holds no data file; expected names ending in "
                                + String.join(", ", EXTENSIONS)
                                + ", each also with .gz");
            }
            return files;
        }
        if (path != null && Files.isRegularFile(path)) {
            return List.of(path);
        }
        if (input.chars().noneMatch(c -> WILD.indexOf(c) >= 0)) {
            throw new DataException(
                    "the data file " + input + " does not exist or is not a file; check the path");
        }
        return glob(input);
    }

    private static @Nullable Path literal(String input) {
        try {
            return Path.of(input);
        } catch (InvalidPathException e) {
            return null; // a glob can hold characters that a name cannot
        }
    }

    private static List<Path> glob(String input) throws IOException {
        int wild = 0;
        while (WILD.indexOf(input.charAt(wild)) < 0) {
            wild++;
        }
        int slash = input.lastIndexOf('/', wild);
        Path root = Path.of(slash < 0 ? "" : input.substring(0, Math.max(1, slash)));
        PathMatcher matcher;
        PathMatcher flat;
        try {
            matcher = FileSystems.getDefault().getPathMatcher("glob:" + input);
            // elsewhere **/ also stands for no folder at all
            String shorter = ("/" + input).replace("/**/", "/").substring(1);
            flat = FileSystems.getDefault().getPathMatcher("glob:" + shorter);
        } catch (PatternSyntaxException e) {
            throw new DataException(
                    "the glob " + input + " is not well formed: " + e.getDescription(), e);
        }
        if (!Files.isDirectory(root.toAbsolutePath())) {
            throw new DataException("the glob " + input + " starts in " + root + ", no folder");
        }
        String rest = input.substring(slash + 1);
        int depth = (int) rest.chars().filter(c -> c == '/').count() + 1;
        List<Path> files =
                walk(
                        root,
                        rest.contains("**") ? MAX_DEPTH : depth,
                        file -> matcher.matches(file) || flat.matches(file));
        if (files.isEmpty()) {
            throw new DataException("the glob " + input + " fits no file; check the pattern");
        }
        return files;
    }

    private static List<Path> walk(Path root, int depth, Predicate<Path> wanted)
            throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> all = Files.walk(root, depth)) {
            for (Path file : (Iterable<Path>) all::iterator) {
                boolean hidden = String.valueOf(file.getFileName()).startsWith(".");
                if (!hidden && wanted.test(file) && Files.isRegularFile(file)) {
                    files.add(file);
                }
                if (files.size() > MAX_FILES) {
                    throw new DataException(
                            root + " holds more than " + MAX_FILES + " data files, the limit");
                }
            }
        } catch (UncheckedIOException e) {
            throw new DataException("cannot look into " + root + ": " + e.getMessage(), e);
        }
        // by text, since the order of paths depends on the platform
        files.sort(Comparator.comparing(file -> file.toString().replace('\\', '/')));
        return files;
    }
}
