package org.retain4j.cli.evaluate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.retain4j.core.io.Sha256;

/** Tells a model from every other by the contents of its files. Stateless and thread-safe. */
public final class ModelFingerprint {

    private ModelFingerprint() {}

    /**
     * Returns names and SHA-256 of the files that make a model.
     *
     * @param place a model file, or a folder, of which weights, settings and tokenizer count
     */
    public static String of(Path place) throws IOException {
        if (Files.isRegularFile(place)) {
            return Sha256.of(place);
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(place)) {
            files =
                    all.filter(Files::isRegularFile)
                            .filter(
                                    file ->
                                            file.getFileName()
                                                    .toString()
                                                    .matches(
                                                            ".*\\.(json|safetensors|gguf|jinja|model|txt)"))
                            .sorted()
                            .toList();
        }
        StringBuilder text = new StringBuilder();
        for (Path file : files) {
            text.append(file.getFileName()).append(' ').append(Sha256.of(file)).append('\n');
        }
        return text.toString();
    }
}
