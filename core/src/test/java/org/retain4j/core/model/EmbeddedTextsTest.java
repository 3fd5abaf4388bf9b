package org.retain4j.core.model;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The embedded model and texts are whole, described truthfully, and held-out text is unseen. */
class EmbeddedTextsTest {
    private static final String ROOT = "/org/retain4j/core/embedded/";
    private static final Set<String> MODEL_FILES =
            Set.of(
                    "LICENSE",
                    "config.json",
                    "model.safetensors",
                    "tokenizer.json",
                    "tokenizer_config.json");
    private static final Set<String> TEXT_FILES =
            Set.of(
                    "LICENSE-tinystories",
                    "tinyshakespeare.heldout.txt",
                    "tinyshakespeare.train.txt",
                    "tinystories.heldout.txt",
                    "tinystories.train.txt");
    private static final Pattern ROW =
            Pattern.compile("^\\| `([^`]+)` \\| (\\d+) \\|(?: (\\d*) ?\\|.*)? ([0-9a-f]{64}) \\|$");

    @ParameterizedTest
    @ValueSource(strings = {"tinystories", "tinyshakespeare"})
    void trainAndHeldOutShareNoSentence(String name) {
        List<String> train = documents(name + ".train.txt");
        List<String> heldOut = documents(name + ".heldout.txt");

        assertThat(sentences(train)).hasSizeGreaterThan(300);
        assertThat(sentences(heldOut)).hasSizeGreaterThan(100);
        assertThat(shared(sentences(train), heldOut)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tinystories", "tinyshakespeare"})
    void anySentenceCopiedFromTrainIntoHeldOutIsFound(String name) {
        List<String> train = documents(name + ".train.txt");
        Set<String> known = sentences(train);
        for (int i = 0; i < train.size(); i += Math.max(1, train.size() / 20)) {
            for (String sentence : sentences(train.get(i))) {
                List<String> heldOut = new ArrayList<>(documents(name + ".heldout.txt"));
                String disguised = sentence.toUpperCase(Locale.ROOT).replace(" ", ",\n");
                heldOut.set(0, heldOut.get(0) + "\n\nTHIEF:\n" + disguised + "!");
                assertThat(shared(known, heldOut)).containsExactly(sentence);
            }
        }
    }

    @Test
    void sentencesFollowTheWrittenRule() {
        assertThat(
                        sentences(
                                "First Citizen:\nNo. Is't thus:\nthey say; we DON\u2019T\n  know?!"
                                        + "\n \t\nAll:\nSpeak,--\n\nROMEO:\n\n\"Hi!\" he said"))
                .containsExactly("no", "ist thus they say we dont know", "speak", "hi", "he said");
    }

    @ParameterizedTest
    @CsvSource({
        "tinystories.train.txt, 20000, 24000, 10, 14, 500, 4000",
        "tinystories.heldout.txt, 7000, 10000, 10, 14, 500, 1200",
        "tinyshakespeare.train.txt, 290000, 310000, 400, 500, 400, 1800",
        "tinyshakespeare.heldout.txt, 15000, 18000, 20, 30, 600, 800"
    })
    void sizesAndCountsAreAsIntended(
            String file,
            int minBytes,
            int maxBytes,
            int minDocuments,
            int maxDocuments,
            int shortest,
            int longest) {
        assertThat(bytes("texts/" + file).length).isBetween(minBytes, maxBytes);
        List<String> documents = documents(file);
        assertThat(documents).hasSizeBetween(minDocuments, maxDocuments);
        assertThat(documents)
                .allSatisfy(
                        document ->
                                assertThat(document.getBytes(UTF_8).length)
                                        .isBetween(shortest, longest));
    }

    @Test
    void noDocumentAppearsTwiceAndEachIsCleanText() {
        List<String> all = new ArrayList<>();
        for (String file : TEXT_FILES) {
            if (file.endsWith(".txt")) {
                all.addAll(documents(file));
            }
        }
        assertThat(all)
                .allSatisfy(
                        document ->
                                assertThat(document)
                                        .isEqualTo(document.strip())
                                        .isNotEmpty()
                                        .doesNotContain("\r", "\t", "<|", "\n\n\n"));
        assertThat(all.stream().map(document -> String.join(" ", sentences(document))))
                .doesNotHaveDuplicates();
    }

    @Test
    void originsNameEveryFileWithItsHashAndSize() {
        assertOriginMatches("stories260K/", MODEL_FILES);
        assertOriginMatches("texts/", TEXT_FILES);
    }

    @Test
    void licencesAreThere() {
        assertThat(text("stories260K/LICENSE"))
                .startsWith("MIT License\n\nCopyright (c) 2023 Andrej\n")
                .contains("The above copyright notice and this permission notice shall be included")
                .contains("THE SOFTWARE IS PROVIDED \"AS IS\"");
        assertThat(text("stories260K/ORIGIN.md")).contains("karpathy/tinyllamas", "MIT");
        assertThat(text("texts/LICENSE-tinystories"))
                .startsWith("Community Data License Agreement")
                .contains("Section 1.", "Section 7.", "published by the Steward.");
        assertThat(text("texts/ORIGIN.md"))
                .contains("CDLA-Sharing-1.0", "roneneldan/TinyStories", "Notice of changes")
                .contains("public domain", "karpathy/char-rnn");
    }

    private static void assertOriginMatches(String folder, Set<String> files) {
        Map<String, String> hashes = new HashMap<>();
        for (String line : text(folder + "ORIGIN.md").split("\n", -1)) {
            Matcher row = ROW.matcher(line);
            if (!row.matches()) {
                continue;
            }
            String file = row.group(1);
            hashes.put(file, row.group(4));
            assertThat(bytes(folder + file)).as(file).hasSize(Integer.parseInt(row.group(2)));
            assertThat(sha256(bytes(folder + file))).as(file).isEqualTo(row.group(4));
            if (file.endsWith(".txt")) {
                assertThat(documents(file)).as(file).hasSize(Integer.parseInt(row.group(3)));
            }
        }
        assertThat(hashes.keySet()).isEqualTo(files);
    }

    private static Set<String> shared(Set<String> train, List<String> heldOut) {
        Set<String> common = sentences(heldOut);
        common.retainAll(train);
        return common;
    }

    private static Set<String> sentences(List<String> documents) {
        Set<String> all = new LinkedHashSet<>();
        documents.forEach(document -> all.addAll(sentences(document)));
        return all;
    }

    /** The rule written down in texts/ORIGIN.md. */
    private static List<String> sentences(String document) {
        List<String> found = new ArrayList<>();
        for (String paragraph : document.split("\n[ \t]*\n", -1)) {
            String spoken = paragraph.replaceFirst("\\A[^\n]*:[ \t]*(\n|\\z)", "");
            for (String piece : spoken.split("[.!?]+", -1)) {
                String normalised =
                        piece.toLowerCase(Locale.ROOT)
                                .replaceAll("['\u2018\u2019]", "")
                                .replaceAll("[^\\p{L}\\p{N}]+", " ")
                                .strip();
                if (!normalised.isEmpty()) {
                    found.add(normalised);
                }
            }
        }
        return found;
    }

    private static List<String> documents(String file) {
        String text = text("texts/" + file);
        assertThat(text).endsWith("\n");
        return Arrays.asList(
                text.substring(0, text.length() - 1).split("\n<\\|endoftext\\|>\n", -1));
    }

    private static String text(String path) {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(path))).toString();
        } catch (CharacterCodingException e) {
            throw new AssertionError(path + " is not UTF-8", e);
        }
    }

    private static byte[] bytes(String path) {
        try (InputStream in = EmbeddedTextsTest.class.getResourceAsStream(ROOT + path)) {
            if (in == null) {
                throw new AssertionError("resource " + ROOT + path + " is missing");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
