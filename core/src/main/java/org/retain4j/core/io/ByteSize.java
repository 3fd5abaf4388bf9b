package org.retain4j.core.io;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes as people write them, such as {@code 5GB}.
 *
 * <p>As in huggingface_hub, KB, MB, GB and TB are powers of 1000, upper and lower case mean the
 * same, and fractions are cut. KiB, MiB, GiB and TiB are powers of 1024; a number alone counts
 * bytes.
 */
public final class ByteSize {

    private static final Pattern TEXT =
            Pattern.compile("([0-9]{1,19}(?:\\.[0-9]{1,19})?)\\s*([A-Z]{0,3})");

    private static final Map<String, Long> UNITS =
            Map.of(
                    "",
                    1L,
                    "B",
                    1L,
                    "KB",
                    1_000L,
                    "MB",
                    1_000_000L,
                    "GB",
                    1_000_000_000L,
                    "TB",
                    1_000_000_000_000L,
                    "KIB",
                    1L << 10,
                    "MIB",
                    1L << 20,
                    "GIB",
                    1L << 30,
                    "TIB",
                    1L << 40);

    private ByteSize() {}

    /**
     * Returns the number of bytes that a text means.
     *
     * @param text for example {@code 5GB}, {@code 1.5 GiB} or {@code 80000}
     * @return at least 1
     * @throws IllegalArgumentException when the text is not a size, or one below 1 or above 2^63-1
     */
    public static long parse(String text) {
        Matcher matcher = TEXT.matcher(text.strip().toUpperCase(Locale.ROOT));
        Long unit = matcher.matches() ? UNITS.get(matcher.group(2)) : null;
        if (unit == null) {
            throw refused(text);
        }
        BigDecimal bytes =
                new BigDecimal(matcher.group(1))
                        .multiply(BigDecimal.valueOf(unit))
                        .setScale(0, RoundingMode.DOWN);
        if (bytes.signum() == 0 || bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
            throw refused(text);
        }
        return bytes.longValueExact();
    }

    private static IllegalArgumentException refused(String text) {
        return new IllegalArgumentException(
                SafetensorsHeader.quote(text)
                        + " is not a size; expected a number of at least one byte with KB, MB, GB,"
                        + " TB, KiB, MiB, GiB or TiB, for example 5GB");
    }
}
