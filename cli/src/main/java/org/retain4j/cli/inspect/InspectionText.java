package org.retain4j.cli.inspect;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.inspect.ModelFacts.ChatTemplateFacts;
import org.retain4j.cli.inspect.ModelFacts.TokenizerFacts;

/**
 * Writes the result of an inspection as plain text, at most {@value #WIDTH} columns wide.
 *
 * <p>Control characters from the files are replaced, so that none can steer a terminal. Stateless
 * and safe for all threads.
 */
public final class InspectionText {

    private static final int WIDTH = 100;
    private static final int NAMES = 26;
    private static final String GAP = "  ";

    private InspectionText() {}

    /**
     * Returns the text, each line ended by '\n'.
     *
     * @param allTensors whether every tensor has its line, and not those of all layers one together
     */
    public static String render(ModelFacts facts, boolean allTensors) {
        StringBuilder text = new StringBuilder();
        pair(text, facts.kind(), facts.path());
        for (String note : facts.notes()) {
            pair(text, "", note);
        }
        if (facts.licence() != null) {
            pair(text, "licence", facts.licence());
        }
        if (!facts.config().isEmpty()) {
            text.append('\n');
            facts.config()
                    .forEach(
                            (key, value) ->
                                    pair(
                                            text,
                                            key,
                                            value.isTextual() ? value.asText() : value.toString()));
        }
        text.append('\n');
        if (facts.tokenizerError() != null) {
            pair(text, "tokenizer error", facts.tokenizerError());
        }
        if (facts.tokenizer() != null || facts.tokenizerError() == null) {
            tokenizer(text, facts.tokenizer());
        }
        ChatTemplateFacts template = facts.chatTemplate();
        pair(
                text,
                "chat template",
                template == null
                        ? "none"
                        : "%,d characters in %s: %s"
                                .formatted(
                                        template.length(),
                                        template.origin(),
                                        template.firstLine()));
        text.append('\n');
        parameters(text, facts);
        text.append('\n');
        tensors(text, facts, allTensors);
        return text.toString();
    }

    private static void tokenizer(StringBuilder text, @Nullable TokenizerFacts tokenizer) {
        if (tokenizer == null) {
            pair(text, "tokenizer", "none");
            return;
        }
        pair(
                text,
                "tokenizer",
                "%s with %,d tokens".formatted(tokenizer.type(), tokenizer.vocabularySize()));
        pair(
                text,
                "added tokens",
                "%d: %s"
                        .formatted(
                                tokenizer.addedTokens().size(),
                                tokenizer.addedTokens().stream()
                                        .limit(20)
                                        .collect(Collectors.joining(" "))));
        String special =
                tokenizer.special().entrySet().stream()
                        .map(entry -> entry.getKey() + " " + entry.getValue())
                        .collect(Collectors.joining(", "));
        pair(text, "special tokens", special.isEmpty() ? "none" : special);
        pair(
                text,
                "end ids",
                tokenizer.endIds().stream().map(String::valueOf).collect(Collectors.joining(", ")));
    }

    private static void parameters(StringBuilder text, ModelFacts facts) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("Parameters", "Count", "Share"));
        for (Map.Entry<String, Long> part : facts.parameters().entrySet()) {
            rows.add(
                    List.of(
                            part.getKey(),
                            "%,d".formatted(part.getValue()),
                            String.format(
                                    Locale.ROOT,
                                    "%.1f %%",
                                    100.0
                                            * part.getValue()
                                            / Math.max(1, facts.totalParameters()))));
        }
        rows.add(List.of("all", "%,d".formatted(facts.totalParameters()), "100.0 %"));
        table(text, rows, 1);
    }

    private static void tensors(StringBuilder text, ModelFacts facts, boolean all) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("Tensor", "Type", "Shape", "Count", "Size"));
        List<TensorLines.Line> lines =
                all
                        ? facts.tensors().stream()
                                .map(
                                        t ->
                                                new TensorLines.Line(
                                                        t.name(), t.dtype(), t.shape(), 1,
                                                        t.bytes()))
                                .toList()
                        : TensorLines.summary(facts.tensors());
        int count = 0;
        for (TensorLines.Line line : lines) {
            count += line.count();
            rows.add(
                    List.of(
                            line.name(),
                            line.dtype(),
                            line.shape().stream()
                                    .map(String::valueOf)
                                    .collect(Collectors.joining(" x ")),
                            String.valueOf(line.count()),
                            bytes(line.bytes())));
        }
        rows.add(List.of("all", "", "", String.valueOf(count), bytes(facts.totalBytes())));
        table(text, rows, 3);
    }

    /** Writes rows with columns of equal width, those from a given one on to the right. */
    private static void table(StringBuilder text, List<List<String>> rows, int right) {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], length(row.get(i)));
            }
        }
        int rest = 0;
        for (int i = 1; i < columns; i++) {
            widths[i] = Math.min(widths[i], 30);
            rest += widths[i] + GAP.length();
        }
        widths[0] = Math.min(widths[0], WIDTH - rest);
        for (int r = 0; r < rows.size(); r++) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String cell = cut(rows.get(r).get(i), widths[i]);
                String padding = " ".repeat(widths[i] - length(cell));
                line.append(i == 0 ? "" : GAP).append(i >= right ? padding + cell : cell + padding);
            }
            text.append(line.toString().stripTrailing()).append('\n');
            if (r == 0) {
                text.append("-".repeat(widths[0] + rest)).append('\n');
            }
        }
    }

    private static void pair(StringBuilder text, String key, String value) {
        String name = cut(key, NAMES);
        text.append(
                        (name + " ".repeat(NAMES - length(name)) + cut(value, WIDTH - NAMES))
                                .stripTrailing())
                .append('\n');
    }

    /** Returns a number of bytes as people read it. */
    static String bytes(long bytes) {
        if (bytes < 1000) {
            return bytes + " B";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 999.95) {
            value /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %cB", value, "kMGTPE".charAt(unit));
    }

    private static String cut(String text, int width) {
        String clean = text.replaceAll("\\p{C}", "?");
        return length(clean) <= width
                ? clean
                : clean.substring(0, clean.offsetByCodePoints(0, width - 1)) + "…";
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
