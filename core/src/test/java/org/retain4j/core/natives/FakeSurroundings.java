package org.retain4j.core.natives;

import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Surroundings made of a folder: variables, resources and a Python as a test wants them. */
final class FakeSurroundings implements Surroundings {

    final Map<String, String> variables = new HashMap<>();
    @Nullable String classPathVersion;
    @Nullable Path pythonTorch;
    boolean driver;
    int timesAsked;
    private final Path home;

    FakeSurroundings(Path home) {
        this.home = home;
    }

    @Override
    public @Nullable String variable(String name) {
        return variables.get(name);
    }

    @Override
    public @Nullable String classPathVersion() {
        return classPathVersion;
    }

    @Override
    public @Nullable URL resource(String name) {
        Path file = home.resolve("resources").resolve(name);
        try {
            return Files.exists(file) ? file.toUri().toURL() : null;
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public @Nullable Path pythonTorch() {
        timesAsked++;
        return pythonTorch;
    }

    @Override
    public Path cache() {
        return home.resolve("cache");
    }

    @Override
    public String classifier() {
        return "linux-x86_64";
    }

    @Override
    public boolean hasDriver() {
        return driver;
    }
}
