package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Writes a comparison as plain text for a terminal, at most {@value #WIDTH} columns wide.
 *
 * <p>Control characters in titles are replaced, so that no result can steer the terminal. Stateless
 * and thread-safe.
 */
public final class TextTable {
    private static final int WIDTH = 120;
    private static final int TITLE_WIDTH = 22;
    private static final String GAP = "  ";
    private static final List<String> HEADER =
            List.of(
                    "Method",
                    "New text",
                    "Old text",
                    "New - plain",
                    "Old - plain",
                    "s",
                    "MB",
                    "Extra");

    private TextTable() {}

    /** Returns the table, a line that explains it, and the findings, each line ended by '\n'. */
    public static String render(ComparisonResult result) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(HEADER);
        rows.add(
                List.of(
                        "Base model",
                        interval(result.baseLearned()),
                        interval(result.baseRetained()),
                        "",
                        "",
                        "",
                        "",
                        ""));
        for (MethodResult method : result.methods()) {
            rows.add(
                    List.of(
                            title(method.title()),
                            interval(method.learned()),
                            interval(method.retained()),
                            signed(method.learnedMinusPlain()),
                            signed(method.retainedMinusPlain()),
                            String.format(Locale.ROOT, "%.0f", method.seconds()),
                            String.format(Locale.ROOT, "%.1f", method.memoryBytes() / 1e6),
                            extra(method)));
        }
        int[] widths = new int[HEADER.size()];
        for (List<String> row : rows) {
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], length(row.get(column)));
            }
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < rows.size(); i++) {
            line(text, rows.get(i), widths);
            if (i == 0) {
                int total = (widths.length - 1) * GAP.length();
                for (int width : widths) {
                    total += width;
                }
                text.append("-".repeat(total)).append('\n');
            }
        }
        text.append('\n');
        wrap(
                text,
                "Bits per byte on held-out text, lower is better; [low, high] is the 95 % interval"
                        + " over seeds and documents. The last two intervals are paired differences to"
                        + " plain fine-tuning, below zero is better. Cost of one run: seconds, megabytes of weights, gradients,"
                        + " optimizer and what the method keeps, and tokens that it computes beside the"
                        + " budget, of which every method has "
                        + thousands(budget(result))
                        + ".");
        text.append('\n');
        wrap(text, clean(Findings.of(result).text()));
        return text.toString();
    }

    private static void line(StringBuilder text, List<String> row, int[] widths) {
        int start = text.length();
        for (int column = 0; column < widths.length; column++) {
            String cell = row.get(column);
            String padding = " ".repeat(widths[column] - length(cell));
            text.append(column == 0 ? cell + padding : GAP + padding + cell);
        }
        int end = text.length();
        while (end > start && text.charAt(end - 1) == ' ') {
            end--;
        }
        text.setLength(end);
        text.append('\n');
    }

    private static void wrap(StringBuilder text, String paragraph) {
        int column = 0;
        for (String word : paragraph.split(" ")) {
            if (column > 0 && column + 1 + length(word) > WIDTH) {
                text.append('\n');
                column = 0;
            } else if (column > 0) {
                text.append(' ');
                column++;
            }
            text.append(word);
            column += length(word);
        }
        text.append('\n');
    }

    private static long budget(ComparisonResult result) {
        return result.methods().stream()
                .mapToLong(method -> method.newTokens() + method.replayedTokens())
                .max()
                .orElse(0);
    }

    private static String extra(MethodResult method) {
        return method.overheadTokens() == 0 ? "" : thousands(method.overheadTokens());
    }

    private static String thousands(long tokens) {
        return String.format(Locale.ROOT, "%,d k", Math.round(tokens / 1000.0));
    }

    private static String interval(Estimate estimate) {
        return String.format(
                Locale.ROOT,
                "%.2f [%.2f, %.2f]",
                estimate.value(),
                estimate.low(),
                estimate.high());
    }

    private static String signed(@Nullable Estimate difference) {
        return difference == null
                ? ""
                : String.format(
                        Locale.ROOT,
                        "%+.2f [%+.2f, %+.2f]",
                        difference.value(),
                        difference.low(),
                        difference.high());
    }

    private static String title(String title) {
        String clean = clean(title);
        return length(clean) <= TITLE_WIDTH
                ? clean
                : clean.substring(0, clean.offsetByCodePoints(0, TITLE_WIDTH - 1)) + "…";
    }

    private static String clean(String text) {
        return text.replaceAll("\\p{Cc}", "?");
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
