package org.retain4j.cli.compare;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.Documents;
import org.retain4j.evaluation.contamination.ContaminatedItem;
import org.retain4j.evaluation.contamination.Contamination;

/**
 * A text in three parts: to train on, to choose settings on, and to measure on.
 *
 * @param name where the text comes from
 * @param train documents to train on
 * @param validation documents to choose the learning rate on
 * @param heldOut documents that nothing but the final measurement reads
 * @param sha256 hash over all documents
 */
record TextSplit(
        String name,
        List<String> train,
        List<String> validation,
        List<String> heldOut,
        String sha256) {

    private static final int VALIDATION_PART = 20;
    private static final int HELD_OUT_PART = 8;
    private static final int LEAST_DOCUMENTS = 10;

    /** Share of the 13-grams of a text from which on it is a copy and not a common phrase. */
    static final double COPIED = 0.5;

    /**
     * Reads a file, or an embedded text that is already split.
     *
     * @param file the file; null for the embedded text
     * @param embedded name of the embedded text
     * @throws IOException if the file cannot be read or has too few documents
     */
    static TextSplit read(@Nullable Path file, String embedded) throws IOException {
        if (file == null) {
            return of(
                    "embedded:" + embedded,
                    Documents.embedded(embedded + ".train"),
                    Documents.embedded(embedded + ".heldout"));
        }
        List<String> all = Documents.read(file);
        if (all.size() < LEAST_DOCUMENTS) {
            throw new IOException(
                    file
                            + " has "
                            + all.size()
                            + " document(s), too few to train and measure on; give at least "
                            + LEAST_DOCUMENTS
                            + ", separated by lines of "
                            + Documents.SEPARATOR
                            + " or by empty lines");
        }
        int cut = all.size() - Math.max(2, all.size() / HELD_OUT_PART);
        List<String> train = all.subList(0, cut);
        Set<String> seen = new HashSet<>(train);
        List<String> heldOut =
                all.subList(cut, all.size()).stream().filter(text -> !seen.contains(text)).toList();
        if (heldOut.isEmpty()) {
            throw new IOException(
                    file
                            + " repeats itself: every document of its last part also stands in the"
                            + " part to train on; give a text without copies");
        }
        return of(file.toString(), train, heldOut);
    }

    private static TextSplit of(String name, List<String> train, List<String> heldOut)
            throws IOException {
        int cut = train.size() - Math.max(1, train.size() / VALIDATION_PART);
        List<String> validation = withoutCopies(train.subList(cut, train.size()), heldOut);
        if (validation.isEmpty()) {
            throw new IOException(
                    name
                            + " repeats itself: the documents to choose learning rates on are those"
                            + " that are held out, or parts of them; give a text without copies");
        }
        return new TextSplit(
                name,
                List.copyOf(train.subList(0, cut)),
                validation,
                List.copyOf(heldOut),
                hash(train, heldOut));
    }

    /** Leaves out what is held out, word by word, since nothing may be chosen on that. */
    private static List<String> withoutCopies(List<String> documents, List<String> heldOut) {
        Contamination.Builder items = Contamination.builder();
        for (int i = 0; i < documents.size(); i++) {
            items.add("", String.valueOf(i), documents.get(i));
        }
        Contamination search = items.build();
        heldOut.forEach(text -> search.look("", text));
        Set<String> copies = new HashSet<>();
        for (ContaminatedItem item : search.found().get(0).contaminated()) {
            if (item.overlap() >= COPIED) {
                copies.add(item.item());
            }
        }
        return IntStream.range(0, documents.size())
                .filter(i -> !copies.contains(String.valueOf(i)))
                .mapToObj(documents::get)
                .toList();
    }

    private static String hash(List<String> train, List<String> heldOut) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (List<String> part : List.of(train, heldOut)) {
                for (String document : part) {
                    digest.update(document.getBytes(StandardCharsets.UTF_8));
                    digest.update((byte) 0);
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Returns the first words of the first held-out document, to let a model go on from. */
    String prompt() {
        String[] words = heldOut.get(0).split("(?<=\\s)", 5);
        StringBuilder prompt = new StringBuilder();
        for (int i = 0; i < Math.min(4, words.length); i++) {
            prompt.append(words[i]);
        }
        return prompt.toString().strip();
    }
}
