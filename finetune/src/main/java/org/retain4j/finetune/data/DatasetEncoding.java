package org.retain4j.finetune.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.TrainRow;

/** Encodes all examples of a reader, counts, and hands the rows on. */
final class DatasetEncoding {

    /** Takes the rows in their order. */
    interface Sink {

        /**
         * Takes a row.
         *
         * @param continues whether it comes from the same example as the row before
         */
        void accept(TrainRow row, boolean continues) throws IOException;
    }

    private static final int BATCH = 256;
    private static final int BATCH_CHARACTERS = 1 << 21;
    private static final int FEW = 256;

    /** An example that waits to be encoded together with others. */
    private record Pending(String file, long line, Example example) {}

    /** What became of it: one of the two. */
    private record Outcome(@Nullable Encoded encoded, @Nullable String problem) {}

    private final ExampleReader reader;
    private final ExampleEncoder encoder;
    private final Problem.Listener listener;
    private final Map<String, FileCounts> counts = new LinkedHashMap<>();
    private final List<Pending> pending = new ArrayList<>();
    private int characters;
    private @Nullable Problem first;

    private DatasetEncoding(
            ExampleReader reader, ExampleEncoder encoder, Problem.Listener listener) {
        this.reader = reader;
        this.encoder = encoder;
        this.listener = listener;
    }

    /**
     * Encodes everything.
     *
     * @throws DataException as the reader does, or if not one row could be used
     */
    static DataReport run(
            ExampleReader reader, ExampleEncoder encoder, Problem.Listener listener, Sink sink)
            throws IOException {
        return new DatasetEncoding(reader, encoder, listener).run(sink);
    }

    private DataReport run(Sink sink) throws IOException {
        for (Path file : reader.files()) {
            count(file.toString(), 0, 0, null);
        }
        reader.forEach(
                new ExampleReader.Visitor() {
                    @Override
                    public void example(Example example, Path file, long line) throws IOException {
                        pending.add(new Pending(file.toString(), line, example));
                        characters += size(example);
                        if (pending.size() >= BATCH || characters >= BATCH_CHARACTERS) {
                            flush(sink);
                        }
                    }

                    @Override
                    public void problem(Problem problem) throws IOException {
                        flush(sink);
                        skip(problem);
                    }
                });
        flush(sink);
        DataReport report = new DataReport(List.copyOf(counts.values()), List.of());
        FileCounts total = report.total();
        if (total.rows() == 0) {
            throw new DataException(
                    "no example of "
                            + reader.files().get(0)
                            + (reader.files().size() > 1
                                    ? " and " + (reader.files().size() - 1) + " more files"
                                    : "")
                            + " can be used"
                            + (first == null ? "" : "; the first problem is: " + first)
                            + (total.dropped() > 0 ? "; all are too long" : ""));
        }
        return new DataReport(
                report.files(),
                DataReport.notesOn(total, encoder.hasEnd(), encoder.options().maxLength()));
    }

    /** Encodes what waits, on all processors, and hands the rows on in the order of the data. */
    private void flush(Sink sink) throws IOException {
        List<Outcome> outcomes = pending.parallelStream().map(this::outcome).toList();
        for (int i = 0; i < outcomes.size(); i++) {
            Pending from = pending.get(i);
            Outcome outcome = outcomes.get(i);
            if (outcome.problem() != null) {
                Problem problem = new Problem(from.file(), from.line(), outcome.problem());
                skip(problem);
                if (reader.isStrict()) {
                    throw new DataException(problem.toString());
                }
            } else if (outcome.encoded() != null) {
                count(from.file(), 1, 0, outcome.encoded());
                boolean continues = false;
                for (TrainRow row : outcome.encoded().rows()) {
                    sink.accept(row, continues);
                    continues = true;
                }
            }
        }
        pending.clear();
        characters = 0;
    }

    private Outcome outcome(Pending row) {
        try {
            return new Outcome(encoder.encoded(row.example()), null);
        } catch (RowException e) {
            return new Outcome(null, e.problem());
        }
    }

    private void skip(Problem problem) {
        first = first == null ? problem : first;
        count(problem.file(), 1, 1, null);
        listener.onProblem(problem);
    }

    /** Returns about how many characters an example has. */
    private static int size(Example example) {
        if (example instanceof Example.Text text) {
            return text.text().length();
        }
        if (example instanceof Example.Completion pair) {
            return pair.prompt().length() + pair.completion().length();
        }
        if (example instanceof Example.Tokens tokens) {
            return tokens.ids().length;
        }
        Example.Conversation conversation =
                example instanceof Example.Instruction instruction
                        ? instruction.asConversation()
                        : (Example.Conversation) example;
        int size = 0;
        for (Map<String, ?> message : conversation.messages()) {
            size += message.get("content") instanceof String text ? text.length() : FEW;
        }
        return size;
    }

    private void count(String file, long read, long skipped, @Nullable Encoded encoded) {
        FileCounts more = new FileCounts(file, read, skipped, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        if (encoded != null) {
            long tokens = 0;
            long counted = 0;
            for (TrainRow row : encoded.rows()) {
                tokens += row.ids().length;
                for (float weight : row.weights()) {
                    counted += weight > 0 ? 1 : 0;
                }
            }
            boolean dropped = encoded.rows().isEmpty();
            more =
                    new FileCounts(
                            file,
                            read,
                            skipped,
                            dropped ? 1 : 0,
                            encoded.cut() && !dropped ? 1 : 0,
                            encoded.rows().size(),
                            tokens,
                            counted,
                            encoded.ended() ? 1 : 0,
                            encoded.merged() ? 1 : 0,
                            encoded.uncounted(),
                            encoded.tokens());
        }
        counts.merge(file, more, FileCounts::plus);
    }
}
