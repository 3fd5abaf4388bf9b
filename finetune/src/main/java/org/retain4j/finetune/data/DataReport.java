package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What became of all data, and what to know about it.
 *
 * @param files counts in the order of the files
 * @param notes whole sentences about things that are probably not meant
 */
public record DataReport(List<FileCounts> files, List<String> notes) {

    /** Copies the lists. */
    public DataReport {
        files = List.copyOf(files);
        notes = List.copyOf(notes);
    }

    /** Returns the sum over the files. */
    public FileCounts total() {
        FileCounts total = new FileCounts("all files", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        for (FileCounts file : files) {
            total = total.plus(file);
        }
        return total;
    }

    /** Returns a line for each file, one for all if there are several, and the notes. */
    public String summary() {
        List<String> lines = new ArrayList<>();
        files.forEach(file -> lines.add(line(file)));
        if (files.size() > 1) {
            lines.add(line(total()));
        }
        lines.addAll(notes);
        return String.join("\n", lines);
    }

    private static String line(FileCounts counts) {
        StringBuilder line =
                new StringBuilder(
                        String.format(
                                Locale.ROOT,
                                "%s: %,d read, %,d skipped, %,d rows, %,d tokens of which %,d count,"
                                        + " longest %,d",
                                counts.file(),
                                counts.read(),
                                counts.skipped(),
                                counts.rows(),
                                counts.tokens(),
                                counts.counted(),
                                counts.longest()));
        if (counts.cut() > 0) {
            line.append(String.format(Locale.ROOT, ", %,d cut", counts.cut()));
        }
        if (counts.dropped() > 0) {
            line.append(String.format(Locale.ROOT, ", %,d too long", counts.dropped()));
        }
        return line.toString();
    }

    static List<String> notesOn(FileCounts total, boolean tokenizerHasEnd, int maxLength) {
        List<String> notes = new ArrayList<>();
        if (!tokenizerHasEnd) {
            notes.add(
                    "The tokenizer names no token that ends a text, so a trained model will not"
                            + " stop by itself.");
        } else if (total.rows() > 0 && total.ended() == 0) {
            notes.add(
                    "No example teaches the token that ends a text, so a trained model will not"
                            + " stop by itself; check append_eos, max_length and the end tokens in"
                            + " generation_config.json.");
        }
        if (total.merged() > 0) {
            notes.add(
                    "Examples in which one token holds the end of the prompt and the start of the"
                            + " completion (it counts): "
                            + total.merged()
                            + "; move white space from the end of prompts to the start of"
                            + " completions.");
        }
        if (total.uncounted() > 0) {
            notes.add(
                    "Turns of the assistant that do not count, because the chat template rewrites"
                            + " them once others follow: "
                            + total.uncounted()
                            + "; give each as an example of its own to train on it.");
        }
        if (total.cut() + total.dropped() > 0) {
            notes.add(
                    "Examples longer than max_length "
                            + maxLength
                            + ": "
                            + (total.cut() + total.dropped())
                            + ", the longest of "
                            + total.longest()
                            + " tokens.");
        }
        return notes;
    }
}
