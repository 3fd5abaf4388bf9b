package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * What a comparison showed, in words computed from the intervals.
 *
 * <p>A method kept clearly more than plain fine-tuning if the interval of the paired difference
 * lies wholly below zero, or, where no paired difference is given, if its interval lies wholly
 * below plain fine-tuning's. Immutable and thread-safe.
 *
 * @param headline one or two sentences: what plain fine-tuning did, and how many methods kept more
 * @param details further sentences: which methods, at what cost, which did not help, and what
 *     "clearly" means
 * @param verdicts one for each method, in the order of the methods
 */
public record Findings(String headline, List<String> details, List<Verdict> verdicts) {

    /** How much of the old text a method kept, measured against plain fine-tuning. */
    public enum Verdict {
        /** Plain fine-tuning itself, or there is none to compare with. */
        REFERENCE,
        /** Clearly more was kept. */
        KEPT_MORE,
        /** The interval does not tell. */
        UNCLEAR,
        /** Clearly less was kept. */
        KEPT_LESS
    }

    /** Copies the lists. */
    public Findings {
        details = List.copyOf(details);
        verdicts = List.copyOf(verdicts);
    }

    /** Computes the findings of a comparison. */
    public static Findings of(ComparisonResult result) {
        Optional<MethodResult> plain =
                result.methods().stream()
                        .filter(method -> method.name().equals(MethodResult.PLAIN))
                        .findFirst();
        return plain.map(method -> against(method, result)).orElseGet(() -> withoutPlain(result));
    }

    /** Headline and details as one paragraph. */
    public String text() {
        return headline + " " + String.join(" ", details);
    }

    private static Findings withoutPlain(ComparisonResult result) {
        return new Findings(
                "Plain fine-tuning was not among the methods, so nothing can be said about what the"
                        + " others prevent.",
                List.of(),
                result.methods().stream().map(method -> Verdict.REFERENCE).toList());
    }

    private static Findings against(MethodResult plain, ComparisonResult result) {
        List<MethodResult> others = new ArrayList<>();
        List<Verdict> verdicts = new ArrayList<>();
        for (MethodResult method : result.methods()) {
            boolean reference = method.name().equals(MethodResult.PLAIN);
            verdicts.add(reference ? Verdict.REFERENCE : verdict(method, plain));
            if (!reference) {
                others.add(method);
            }
        }
        boolean forgot = result.baseRetained().isBelow(plain.retained());
        String headline = plainSentence(plain, result);
        if (others.isEmpty()) {
            return new Findings(headline, List.of(), verdicts);
        }
        List<MethodResult> more = withVerdict(Verdict.KEPT_MORE, others, plain);
        List<MethodResult> unclear = withVerdict(Verdict.UNCLEAR, others, plain);
        List<MethodResult> less = withVerdict(Verdict.KEPT_LESS, others, plain);
        headline += keptSentence(more.size(), others.size());

        List<String> details = new ArrayList<>();
        if (!more.isEmpty()) {
            Function<MethodResult, String> kept =
                    method -> title(method) + " (" + keptText(method, plain, result, forgot) + ")";
            details.add("Kept clearly more: %s.".formatted(list(more, kept)));
            details.addAll(costs(more, plain));
        }
        if (!unclear.isEmpty()) {
            details.add("No clear help here: %s.".formatted(list(unclear, Findings::title)));
        }
        if (!less.isEmpty()) {
            details.add("Kept clearly less: %s.".formatted(list(less, Findings::title)));
        }
        details.add(meaningOfClearly(others));
        return new Findings(headline, details, verdicts);
    }

    private static String plainSentence(MethodResult plain, ComparisonResult result) {
        String learned = change(result.baseLearned(), plain.learned());
        String retained = change(result.baseRetained(), plain.retained());
        boolean didLearn = plain.learned().isBelow(result.baseLearned());
        if (result.baseRetained().isBelow(plain.retained())) {
            return didLearn
                    ? ("Plain fine-tuning learned the new text (%s) but forgot part of the"
                                    + " old one (%s).")
                            .formatted(learned, retained)
                    : ("Plain fine-tuning did not clearly learn the new text (%s), yet forgot"
                                    + " part of the old one (%s).")
                            .formatted(learned, retained);
        }
        return didLearn
                ? ("Plain fine-tuning learned the new text (%s) without clearly"
                                + " forgetting the old one (%s), so there was little to prevent.")
                        .formatted(learned, retained)
                : ("Plain fine-tuning neither clearly learned the new text (%s) nor"
                                + " clearly forgot the old one (%s).")
                        .formatted(learned, retained);
    }

    private static List<String> costs(List<MethodResult> methods, MethodResult plain) {
        List<MethodResult> slower = new ArrayList<>();
        List<MethodResult> equal = new ArrayList<>();
        List<MethodResult> better = new ArrayList<>();
        for (MethodResult method : methods) {
            switch (compare(method.learnedMinusPlain(), method.learned(), plain.learned())) {
                case 1 -> slower.add(method);
                case -1 -> better.add(method);
                default -> equal.add(method);
            }
        }
        List<String> sentences = new ArrayList<>();
        if (!better.isEmpty()) {
            sentences.add(
                    "Of these, %s learned clearly more.".formatted(list(better, Findings::title)));
        }
        if (!equal.isEmpty()) {
            sentences.add("No clear loss of learning: %s.".formatted(list(equal, Findings::title)));
        }
        if (!slower.isEmpty()) {
            sentences.add(
                    "Learned clearly less in exchange: %s."
                            .formatted(
                                    list(
                                            slower,
                                            method ->
                                                    title(method)
                                                            + " (+"
                                                            + number(
                                                                    method.learned().value()
                                                                            - plain.learned()
                                                                                    .value())
                                                            + ")")));
        }
        return sentences;
    }

    private static String keptText(
            MethodResult method, MethodResult plain, ComparisonResult result, boolean forgot) {
        String value = number(method.retained().value());
        if (!forgot) {
            return value;
        }
        double lost = plain.retained().value() - result.baseRetained().value();
        double prevented = (plain.retained().value() - method.retained().value()) / lost;
        return "%s, %d %% of the forgetting prevented"
                .formatted(value, Math.round(100 * prevented));
    }

    private static String meaningOfClearly(List<MethodResult> others) {
        boolean paired =
                others.stream()
                        .allMatch(
                                method ->
                                        method.retainedMinusPlain() != null
                                                && method.learnedMinusPlain() != null);
        return "“Clearly” means that the 95 % interval of the paired difference to plain"
                + " fine-tuning excludes zero"
                + (paired
                        ? ""
                        : " (or, where no paired difference was measured, that the two 95 %"
                                + " intervals do not overlap)")
                + ", for each method by itself, without correction for their number.";
    }

    private static List<MethodResult> withVerdict(
            Verdict verdict, List<MethodResult> methods, MethodResult plain) {
        return methods.stream()
                .filter(method -> verdict(method, plain) == verdict)
                .sorted(Comparator.comparingDouble(method -> method.retained().value()))
                .toList();
    }

    private static Verdict verdict(MethodResult method, MethodResult plain) {
        return switch (compare(method.retainedMinusPlain(), method.retained(), plain.retained())) {
            case -1 -> Verdict.KEPT_MORE;
            case 1 -> Verdict.KEPT_LESS;
            default -> Verdict.UNCLEAR;
        };
    }

    /** -1 if the method's bits per byte are clearly lower, 1 if clearly higher, else 0. */
    private static int compare(@Nullable Estimate difference, Estimate method, Estimate plain) {
        if (difference != null) {
            return difference.high() < 0 ? -1 : difference.low() > 0 ? 1 : 0;
        }
        return method.isBelow(plain) ? -1 : plain.isBelow(method) ? 1 : 0;
    }

    private static String change(Estimate from, Estimate to) {
        return "%s → %s bits per byte".formatted(number(from.value()), number(to.value()));
    }

    private static String keptSentence(int more, int others) {
        if (others == 1) {
            return more == 1
                    ? " The other method kept clearly more of the old text."
                    : " The other method did not keep clearly more of the old text.";
        }
        return more == 0
                ? " None of the %d other methods kept clearly more of the old text."
                        .formatted(others)
                : " %d of %d other methods kept clearly more of the old text."
                        .formatted(more, others);
    }

    private static String title(MethodResult method) {
        return method.title();
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    private static String list(List<MethodResult> methods, Function<MethodResult, String> text) {
        List<String> texts = methods.stream().map(text).toList();
        int last = texts.size() - 1;
        return last == 0
                ? texts.get(0)
                : texts.subList(0, last).stream().collect(Collectors.joining(", "))
                        + " and "
                        + texts.get(last);
    }
}
