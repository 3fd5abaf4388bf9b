package org.retain4j.core.natives;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * DJL's C++ sources, found in a checkout or in an archive of one.
 *
 * @param folder folder of the sources
 * @param files the sources, sorted
 * @param utilities folder to include {@code djl/utils.h} from
 * @param licence first lines of the licence that comes with them, or what the sources say
 */
record JniSources(Path folder, List<Path> files, @Nullable Path utilities, String licence) {

    private static final String MARK = "djl_pytorch_utils.h";
    private static final Pattern VERSION =
            Pattern.compile(
                    "(?m)^\\s*(?:djl|djl_version|djlVersion)\\s*=\\s*\"?([0-9][\\w.-]*)\"?");
    private static final int DEPTH = 9;
    private static final long MAX_TEXT = 4 << 20;
    private static final long MAX_ALL = 64 << 20;

    /**
     * Finds the sources.
     *
     * @param path a folder at or above the sources, or an archive of one
     * @param work an empty folder for the contents of an archive
     * @throws IOException if there are none, or they are of another version of DJL
     */
    static JniSources find(Path path, Path work) throws IOException {
        Path root = path;
        if (Files.isRegularFile(path)) {
            unpack(path, work);
            root = work;
        }
        if (!Files.isDirectory(root)) {
            throw new IOException(path + " does not exist");
        }
        Path mark = first(root, MARK);
        if (mark == null) {
            throw new IOException(
                    path
                            + " holds no "
                            + MARK
                            + "; name a checkout of DJL "
                            + Natives.DJL_VERSION
                            + ", or its folder engines/pytorch/pytorch-native/src/main/native");
        }
        requireVersion(root);
        Path folder = parent(mark);
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file -> file.toString().endsWith(".cc")).sorted().toList();
        }
        if (files.isEmpty()) {
            throw new IOException(folder + " holds no sources (*.cc)");
        }
        Path utilities = first(root, "utils.h");
        return new JniSources(
                folder,
                files,
                utilities == null ? null : parent(parent(utilities)),
                licence(root, files.get(0)));
    }

    private static Path parent(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        return parent == null ? path : parent;
    }

    private static @Nullable Path first(Path root, String name) throws IOException {
        try (Stream<Path> all = Files.walk(root, DEPTH)) {
            return all.filter(file -> String.valueOf(file.getFileName()).equals(name))
                    .filter(file -> !name.equals("utils.h") || file.endsWith("djl/utils.h"))
                    .filter(Files::isRegularFile)
                    .sorted()
                    .findFirst()
                    .orElse(null);
        }
    }

    private static void requireVersion(Path root) throws IOException {
        for (String name : List.of("gradle/libs.versions.toml", "gradle.properties")) {
            Path file = root.resolve(name);
            if (Files.isRegularFile(file) && Files.size(file) < MAX_TEXT) {
                Matcher matcher = VERSION.matcher(Files.readString(file));
                if (matcher.find() && !matcher.group(1).startsWith(Natives.DJL_VERSION)) {
                    throw new IOException(
                            "the sources in "
                                    + root
                                    + " are of DJL "
                                    + matcher.group(1)
                                    + "; check out v"
                                    + Natives.DJL_VERSION);
                }
            }
        }
    }

    private static String licence(Path root, Path source) throws IOException {
        Path file = root.resolve("LICENSE");
        boolean whole = Files.isRegularFile(file) && Files.size(file) < MAX_TEXT;
        String text = Files.readString(whole ? file : source);
        return String.join(
                "\n",
                text.lines()
                        .map(line -> line.replaceFirst("^[\\s/*]+", "").strip())
                        .filter(line -> !line.isEmpty())
                        .limit(whole ? 3 : 8)
                        .toList());
    }

    /** Takes texts out of an archive, with limits on their sizes and never outside the folder. */
    private static void unpack(Path archive, Path work) throws IOException {
        long all = 0;
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            for (Enumeration<? extends ZipEntry> e = zip.entries(); e.hasMoreElements(); ) {
                ZipEntry entry = e.nextElement();
                if (entry.isDirectory()
                        || !entry.getName().matches(".*\\.(cc|h|toml|properties)|(.*/)?LICENSE")) {
                    continue;
                }
                Path target = work.resolve(entry.getName()).normalize();
                if (!target.startsWith(work)) {
                    throw new IOException(
                            archive + ": entry " + entry.getName() + " lies outside of it");
                }
                Files.createDirectories(target.getParent());
                try (InputStream in = zip.getInputStream(entry)) {
                    byte[] bytes = in.readNBytes((int) MAX_TEXT + 1);
                    all += bytes.length;
                    if (bytes.length > MAX_TEXT || all > MAX_ALL) {
                        throw new IOException(
                                archive + ": entry " + entry.getName() + " is too large");
                    }
                    Files.write(target, bytes);
                }
            }
        } catch (ZipException e) {
            throw new IOException(archive + " is neither a folder nor a zip or jar file", e);
        }
    }
}
