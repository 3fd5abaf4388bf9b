package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks for a text in others in linear time, which a plain search does not keep to on hostile ones.
 *
 * <p>Knuth, Morris and Pratt, "Fast pattern matching in strings", SIAM Journal on Computing 6
 * (1977), for what is not short.
 */
final class Finder {

    private static final int SHORT = 8;

    private final Run run;
    private final String needle;
    private final int @Nullable [] borders;

    Finder(Run run, String needle) {
        this.run = run;
        this.needle = needle;
        this.borders = needle.length() <= SHORT ? null : borders(run, needle);
    }

    private static int[] borders(Run run, String needle) {
        run.charge(2L * needle.length());
        int[] borders = new int[needle.length() + 1];
        borders[0] = -1;
        int border = -1;
        for (int i = 0; i < needle.length(); i++) {
            while (border >= 0 && needle.charAt(i) != needle.charAt(border)) {
                border = borders[border];
            }
            borders[i + 1] = ++border;
        }
        return borders;
    }

    /** Returns the first place at or after {@code from}, or -1. */
    int next(String text, int from) {
        int found = search(text, from);
        run.work((found < 0 ? text.length() : found + needle.length()) - from);
        return found;
    }

    private int search(String text, int from) {
        if (borders == null) {
            return text.indexOf(needle, from);
        }
        int matched = 0;
        for (int i = from; i < text.length(); i++) {
            while (matched >= 0 && text.charAt(i) != needle.charAt(matched)) {
                matched = borders[matched];
            }
            if (++matched == needle.length()) {
                return i + 1 - matched;
            }
        }
        return -1;
    }

    /**
     * Returns the places that do not overlap, from the left.
     *
     * @param most how many at most; negative for all
     */
    List<Integer> all(String text, int most) {
        List<Integer> places = new ArrayList<>();
        int from = 0;
        while (most < 0 || places.size() < most) {
            int place = next(text, from);
            if (place < 0) {
                break;
            }
            run.chargePart(Run.ELEMENT);
            places.add(place);
            from = place + needle.length();
        }
        return places;
    }
}
