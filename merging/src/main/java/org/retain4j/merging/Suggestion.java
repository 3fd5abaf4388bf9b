package org.retain4j.merging;

import java.util.Collection;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The end of a message about a name that does not exist. */
final class Suggestion {

    private Suggestion() {}

    /** Returns a question with the nearest known name, or the list of names. */
    static String of(String wrong, Collection<String> known) {
        String best = "";
        int distance = Math.max(2, Math.min(8, wrong.length() / 3)) + 1;
        for (String name : new TreeSet<>(known)) {
            int d = distance(wrong, name, distance);
            if (d < distance) {
                distance = d;
                best = name;
            }
        }
        return best.isEmpty()
                ? "; known are " + known.stream().sorted().collect(Collectors.joining(", "))
                : "; did you mean " + best + "?";
    }

    /** Returns the letters to change, insert, remove or swap with the next, at most a limit. */
    private static int distance(String a, String b, int limit) {
        if (Math.abs(a.length() - b.length()) >= limit) {
            return limit;
        }
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                int least = Math.min(d[i - 1][j], d[i][j - 1]) + 1;
                d[i][j] = Math.min(least, d[i - 1][j - 1] + change);
                if (i > 1
                        && j > 1
                        && a.charAt(i - 1) == b.charAt(j - 2)
                        && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return Math.min(limit, d[a.length()][b.length()]);
    }
}
