package org.retain4j.core.natives;

import ai.djl.util.Platform;
import ai.djl.util.Utils;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What the search for a libtorch looks at; tests put their own in its place. */
interface Surroundings {

    /** Returns an environment variable, or else the system property of that name; null if blank. */
    @Nullable String variable(String name);

    /** Returns the version of the libtorch jar on the class path, or null without one. */
    @Nullable String classPathVersion();

    /** Returns a resource of the class path, or null without it. */
    @Nullable URL resource(String name);

    /** Returns the {@code torch} folder that a Python interpreter would import, or null. */
    @Nullable Path pythonTorch();

    /** Returns the folder in which DJL keeps native libraries. */
    Path cache();

    /** Returns system and processor as DJL writes them, for example {@code linux-x86_64}. */
    String classifier();

    /** Returns whether an NVIDIA driver is installed. */
    boolean hasDriver();

    /** This process. */
    final class Process implements Surroundings {

        /** Finds the package without importing it, which would take seconds. */
        private static final String QUESTION =
                "import importlib.util as u; s = u.find_spec('torch');"
                        + " print(s.origin if s else '')";

        private static final int MAX_ANSWER = 4096;
        private static final int MAX_SECONDS = 20;

        @Override
        public @Nullable String variable(String name) {
            String value = System.getenv(name);
            if (value == null || value.isBlank()) {
                value = System.getProperty(name);
            }
            return value == null || value.isBlank() ? null : value;
        }

        @Override
        public @Nullable String classPathVersion() {
            Platform platform = Platform.detectPlatform("pytorch");
            return platform.isPlaceholder() ? null : platform.getVersion();
        }

        @Override
        public @Nullable URL resource(String name) {
            return Process.class.getClassLoader().getResource(name);
        }

        @Override
        public @Nullable Path pythonTorch() {
            for (String python : new String[] {"python3", "python"}) {
                Path answer = ask(python);
                if (answer != null) {
                    return answer;
                }
            }
            return null;
        }

        private static @Nullable Path ask(String python) {
            java.lang.Process process = null;
            try {
                process =
                        new ProcessBuilder(python, "-c", QUESTION)
                                .redirectError(ProcessBuilder.Redirect.DISCARD)
                                .redirectInput(ProcessBuilder.Redirect.from(nullDevice()))
                                .start();
                byte[] bytes;
                try (InputStream in = process.getInputStream()) {
                    bytes = in.readNBytes(MAX_ANSWER);
                }
                if (!process.waitFor(MAX_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                    return null;
                }
                String answer = new String(bytes, StandardCharsets.UTF_8).strip();
                Path parent = answer.isEmpty() ? null : Path.of(answer).getParent();
                return parent != null && Files.isDirectory(parent) ? parent : null;
            } catch (IOException | java.nio.file.InvalidPathException e) {
                return null;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            } finally {
                if (process != null) {
                    process.destroy();
                }
            }
        }

        private static java.io.File nullDevice() {
            boolean windows =
                    System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("win");
            return new java.io.File(windows ? "NUL" : "/dev/null");
        }

        @Override
        public boolean hasDriver() {
            return Driver.version() != null;
        }

        @Override
        public Path cache() {
            return Utils.getEngineCacheDir("pytorch");
        }

        @Override
        public String classifier() {
            return Platform.detectPlatform("pytorch").getClassifier();
        }
    }
}
