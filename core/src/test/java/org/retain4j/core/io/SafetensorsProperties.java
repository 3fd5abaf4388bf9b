package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.retain4j.core.tensor.DType;

/** Any bytes are either opened completely checked or refused; what is written comes back. */
class SafetensorsProperties {

    private static final String[] SNIPPETS = {
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "1e400",
        "null",
        "{}",
        "[]",
        "[[[[[[[[[[[[[[[[[[[[",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},",
        "\"__metadata__\":{\"k\":\"v\"},",
        "\"dtype\":\"F99\",",
        "[4294967296,4294967296]",
        "\\ud800",
        "\"",
        ",",
        "}",
        "\u0000"
    };

    private static Path folder;
    private static byte[] valid;

    @BeforeContainer
    static void prepare() throws IOException {
        folder = Files.createTempDirectory("safetensors");
        Path path = folder.resolve("valid");
        List<TensorSpec> specs =
                List.of(
                        TensorSpec.of("a", DType.FLOAT32, 2, 3),
                        TensorSpec.of("b", DType.INT64, 1),
                        TensorSpec.of("c", DType.BOOL));
        write(path, specs, Map.of("format", "pt"), new Random(1));
        valid = Files.readAllBytes(path);
    }

    @AfterContainer
    static void remove() throws IOException {
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    private static void write(
            Path path, List<TensorSpec> specs, Map<String, String> metadata, Random random)
            throws IOException {
        try (SafetensorsWriter writer = SafetensorsWriter.create(path, specs, metadata)) {
            for (TensorSpec spec : specs) {
                byte[] bytes = new byte[(int) spec.byteCount()];
                random.nextBytes(bytes);
                writer.write(spec.name(), ByteBuffer.wrap(bytes));
            }
            writer.commit();
        }
    }

    /** Opens, and if that works reads everything; anything but a named refusal is an error. */
    private static void openOrRefuse(byte[] bytes) throws IOException {
        Path path = Files.write(folder.resolve("mutant"), bytes);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            long total = 0;
            for (TensorInfo info : file.tensors().values()) {
                assertThat(info.begin()).isEqualTo(total);
                assertThat(file.map(info.name(), 0, (int) info.byteCount()).remaining())
                        .isEqualTo((int) info.byteCount());
                total += info.byteCount();
            }
            long headerLength = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
            assertThat(8 + headerLength + total).isEqualTo(bytes.length);
        } catch (SafetensorsException e) {
            assertThat(e.getMessage()).contains(path.toString()).hasSizeLessThan(2000);
        }
    }

    @Property(tries = 4000, shrinking = ShrinkingMode.OFF)
    void flippedBitsAndCuts(
            @ForAll long seed, @ForAll @IntRange(max = 8) int flips, @ForAll boolean cut)
            throws IOException {
        Random random = new Random(seed);
        byte[] bytes = valid.clone();
        for (int i = 0; i < flips; i++) {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        openOrRefuse(cut ? Arrays.copyOf(bytes, random.nextInt(2 * bytes.length)) : bytes);
    }

    @Property(tries = 4000, shrinking = ShrinkingMode.OFF)
    void splicedHeaders(@ForAll long seed, @ForAll @IntRange(min = 1, max = 4) int splices)
            throws IOException {
        Random random = new Random(seed);
        int length = (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        StringBuilder header =
                new StringBuilder(new String(valid, 8, length, StandardCharsets.UTF_8));
        for (int i = 0; i < splices; i++) {
            int at = random.nextInt(header.length());
            int end = Math.min(header.length(), at + random.nextInt(6));
            header.replace(at, end, SNIPPETS[random.nextInt(SNIPPETS.length)]);
        }
        openOrRefuse(SafetensorsFileTest.file(header.toString(), valid.length - 8 - length));
    }

    @Property(tries = 3000, shrinking = ShrinkingMode.OFF)
    void changedNumbers(@ForAll long seed) throws IOException {
        Random random = new Random(seed);
        long[] choices = {
            -1, 0, 1, 4, 8, 24, 25, 32, 33, 1L << 31, 1L << 32, 1L << 61, Long.MAX_VALUE
        };
        int length = (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        String header = new String(valid, 8, length, StandardCharsets.UTF_8);
        String changed =
                Pattern.compile("(?<=[\\[,])\\d+")
                        .matcher(header)
                        .replaceAll(
                                match ->
                                        random.nextInt(4) > 0
                                                ? match.group()
                                                : "" + choices[random.nextInt(choices.length)]);
        openOrRefuse(SafetensorsFileTest.file(changed, valid.length - 8 - length));
    }

    @Property(tries = 1000, shrinking = ShrinkingMode.OFF)
    void hostileHeaderLengths(@ForAll long length) throws IOException {
        byte[] bytes = valid.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        openOrRefuse(bytes);
    }

    @Property(tries = 1000)
    void randomBytes(@ForAll byte[] bytes, @ForAll boolean plausible) throws IOException {
        openOrRefuse(
                plausible
                        ? SafetensorsFileTest.file(
                                "{" + new String(bytes, StandardCharsets.ISO_8859_1), 0)
                        : bytes);
    }

    @Provide
    Arbitrary<List<TensorSpec>> specs() {
        Arbitrary<TensorSpec> spec =
                Combinators.combine(
                                Arbitraries.strings()
                                        .ofMaxLength(12)
                                        .filter(SafetensorsProperties::isUnicode),
                                Arbitraries.of(DType.class),
                                Arbitraries.longs().between(0, 4).list().ofMaxSize(4))
                        .as(TensorSpec::new);
        return spec.list().ofMaxSize(8).uniqueElements(TensorSpec::name);
    }

    private static boolean isUnicode(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    @Property(tries = 500)
    void whatIsWrittenComesBack(@ForAll("specs") List<TensorSpec> specs, @ForAll long seed)
            throws IOException {
        Path path = folder.resolve("round-trip");
        write(path, specs, Map.of(), new Random(seed));
        Random expected = new Random(seed);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensors()).hasSize(specs.size());
            for (TensorSpec spec : specs) {
                byte[] bytes = new byte[(int) spec.byteCount()];
                expected.nextBytes(bytes);
                assertThat(file.tensor(spec.name()).spec()).isEqualTo(spec);
                ByteBuffer read = ByteBuffer.allocate(bytes.length);
                file.read(spec.name(), 0, read);
                assertThat(read.array()).isEqualTo(bytes);
            }
        }
    }

    @Property(tries = 20)
    void manyTinyTensorsAreListedInOrder(@ForAll @IntRange(min = 1, max = 3000) int count)
            throws IOException {
        List<TensorSpec> specs =
                IntStream.range(0, count)
                        .mapToObj(i -> TensorSpec.of("t" + i, DType.UINT8, 1))
                        .toList();
        Path path = folder.resolve("many");
        write(path, specs, Map.of(), new Random(count));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            List<String> sorted = new ArrayList<>(specs.stream().map(TensorSpec::name).toList());
            sorted.sort(null);
            assertThat(file.tensors().keySet()).containsExactlyElementsOf(sorted);
        }
    }
}
