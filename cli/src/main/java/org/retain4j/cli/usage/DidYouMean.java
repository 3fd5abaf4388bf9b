package org.retain4j.cli.usage;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds the name that a mistyped one was meant to be. Stateless and thread-safe. */
public final class DidYouMean {

    private static final int WORD = 4;
    private static final int LONGEST = 64;

    private DidYouMean() {}

    /**
     * Returns {@code "; did you mean X?"} for the nearest name, or nothing when none is near.
     *
     * @param typed what was typed
     * @param names what could have been meant
     */
    public static String suffix(String typed, Collection<String> names) {
        return nearest(typed, names).map(name -> "; did you mean " + name + "?").orElse("");
    }

    /**
     * Returns the nearest name if at most about a third of the letters differ, else the first that
     * begins as what was typed.
     */
    public static Optional<String> nearest(String typed, Collection<String> names) {
        String wanted = typed.toLowerCase(Locale.ROOT);
        if (wanted.isEmpty() || wanted.length() > LONGEST) {
            return Optional.empty();
        }
        Optional<String> alike =
                names.stream()
                        .filter(
                                name ->
                                        distance(wanted, name)
                                                <= Math.max(1, (wanted.length() + 1) / 3))
                        .min(Comparator.comparingInt((String name) -> distance(wanted, name)));
        return alike.isPresent() || wanted.length() < WORD
                ? alike
                : names.stream().filter(name -> name.startsWith(wanted)).sorted().findFirst();
    }

    /** Counts the letters to insert, delete, replace or swap with the next one. */
    static int distance(String first, String second) {
        int[][] cost = new int[first.length() + 1][second.length() + 1];
        for (int i = 0; i <= first.length(); i++) {
            for (int j = 0; j <= second.length(); j++) {
                if (i == 0 || j == 0) {
                    cost[i][j] = i + j;
                    continue;
                }
                boolean same = first.charAt(i - 1) == second.charAt(j - 1);
                int best = cost[i - 1][j - 1] + (same ? 0 : 1);
                best = Math.min(best, Math.min(cost[i - 1][j], cost[i][j - 1]) + 1);
                if (i > 1
                        && j > 1
                        && first.charAt(i - 1) == second.charAt(j - 2)
                        && first.charAt(i - 2) == second.charAt(j - 1)) {
                    best = Math.min(best, cost[i - 2][j - 2] + 1);
                }
                cost[i][j] = best;
            }
        }
        return cost[first.length()][second.length()];
    }
}
