package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What kernels make by themselves lies on the device of their arguments: read from their sources,
 * as on a machine without a GPU nothing would fail.
 */
class KernelDevicesTest {

    private static final Pattern CREATION =
            Pattern.compile(
                    "torch\\.(zeros|ones|full|arange|empty|eye|tensor|rand|randn|randint|randperm"
                            + "|linspace|Generator)\\(");

    /** A number on the CPU goes along with tensors of any device. */
    private static final Pattern NUMBER =
            Pattern.compile(
                    "torch\\.(zeros\\(\\[\\]|tensor\\((ops\\.prim\\.\\w+\\(x\\)|torch\\.is_leaf\\(x\\)"
                            + "|\\w+\\[i\\])).*");

    @Test
    void kernelsMakeTensorsOnTheDeviceOfTheirArguments() throws IOException {
        List<String> wrong = new ArrayList<>();
        int found = 0;
        Path folder = Path.of("src/main/resources/org/retain4j/core/tensor/kernels");
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                for (String line : read(file)) {
                    Matcher matcher = CREATION.matcher(line);
                    while (matcher.find()) {
                        found++;
                        String call = call(line, matcher.start());
                        if (!call.contains("device=") && !NUMBER.matcher(call).matches()) {
                            wrong.add(file.getFileName() + ": " + line.strip());
                        }
                    }
                }
            }
        }
        assertThat(found).isGreaterThan(20);
        assertThat(wrong).isEmpty();
    }

    private static String call(String line, int start) {
        int depth = 0;
        for (int i = line.indexOf('(', start); i < line.length(); i++) {
            depth += line.charAt(i) == '(' ? 1 : line.charAt(i) == ')' ? -1 : 0;
            if (depth == 0) {
                return line.substring(start, i + 1);
            }
        }
        return line.substring(start);
    }

    private static List<String> read(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }
}
