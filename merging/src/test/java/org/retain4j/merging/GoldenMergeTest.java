package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.merging.method.Draws;

/** Plans against the numbers of the reference. */
class GoldenMergeTest {

    private static final double TOLERANCE = 1e-6;

    @TempDir Path folder = Path.of("");

    static Stream<String> cases() throws IOException {
        return names("cases").stream();
    }

    static Stream<String> errors() throws IOException {
        return names("errors").stream();
    }

    private static List<String> names(String kind) throws IOException {
        try (Stream<Path> all = Files.list(Fixtures.golden().resolve(kind))) {
            return all.map(path -> String.valueOf(path.getFileName())).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void equalsTheReference(String name) throws IOException {
        Path files = Fixtures.golden().resolve("cases").resolve(name);
        String text = Files.readString(files.resolve("config.yml")) + "\nparity: mergekit-0.1.4\n";
        MergePlan plan = MergePlan.parse(name, text);
        Merge merge = Merge.of(plan).root(Fixtures.golden());
        Path masks = files.resolve("masks.safetensors");
        Path out = folder.resolve("out");
        if (Files.exists(masks)) {
            try (Weights recorded = Weights.ofFile(masks)) {
                merge.draws((tensor, own) -> recorded(plan, recorded, tensor)).run(out);
            }
        } else {
            merge.run(out);
        }
        Merge.verify(out);
        // The ranks of this method rest on differences of float32 logarithms, which leaves some
        // entries on the other side of the threshold.
        int allowed = name.startsWith("arcee_fusion") ? 10 : 0;
        int wrong = 0;
        try (Weights expected = Weights.ofFile(files.resolve("expected.safetensors"));
                Weights actual = Weights.ofModel(out)) {
            assertThat(actual.tensors().keySet())
                    .containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
            for (TensorInfo info : expected.tensors().values()) {
                TensorInfo ours = Objects.requireNonNull(actual.find(info.name()));
                assertThat(ours.spec()).isEqualTo(info.spec());
                float[] a = Fixtures.read(actual, info.name());
                float[] b = Fixtures.read(expected, info.name());
                double ulp = info.dtype().bytes() == 2 ? 0x1p-7 : 0;
                for (int k = 0; k < a.length; k++) {
                    double limit = TOLERANCE + ulp * Math.abs(b[k]);
                    if (wrong < allowed && !(Math.abs(a[k] - b[k]) <= limit)) {
                        wrong++;
                        continue;
                    }
                    assertThat((double) a[k])
                            .as(info.name() + " " + k)
                            .isCloseTo(b[k], within(limit));
                }
            }
        }
    }

    private static Draws recorded(MergePlan plan, Weights masks, String tensor) {
        return (model, index) -> {
            String name = plan.slices.get(0).sources().get(model).model().path() + "::" + tensor;
            TensorInfo info = Objects.requireNonNull(masks.find(name), name);
            ByteBuffer value = ByteBuffer.allocate(info.dtype().bytes());
            try {
                masks.bytes(info, index * info.dtype().bytes(), value);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            for (byte b : value.array()) {
                if (b != 0) {
                    return 0;
                }
            }
            return 1;
        };
    }

    @ParameterizedTest
    @MethodSource("errors")
    void refusesWrongPlansAndWritesNothing(String name) {
        Path file = Fixtures.golden().resolve("errors").resolve(name);
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> Merge.of(MergePlan.read(file)).root(Fixtures.golden()).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(name);
        assertThat(out.resolve("model.safetensors")).doesNotExist();
        assertThat(out.resolve("merge.json")).doesNotExist();
    }
}
