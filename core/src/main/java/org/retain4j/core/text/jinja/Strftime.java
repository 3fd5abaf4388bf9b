package org.retain4j.core.text.jinja;

import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** Writes a time as Python's {@code strftime} does in the C locale. */
final class Strftime {

    private final Run run;
    private final ZoneId zone;
    private final LocalDateTime now;

    Strftime(Run run, Clock clock) {
        this.run = run;
        this.zone = clock.getZone();
        this.now = LocalDateTime.now(clock);
    }

    String format(String format) {
        Output out = new Output(run);
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.add(c);
                continue;
            }
            char code = format.charAt(++i);
            boolean bare = code == '-' && i + 1 < format.length();
            if (bare) {
                code = format.charAt(++i);
            }
            String text = field(code);
            out.add(
                    bare && text.matches("[0 ]?[0-9]+")
                            ? text.replaceFirst("^[0 ]+(?=[0-9])", "")
                            : text);
        }
        return out.toString();
    }

    private static String number(int value, int width) {
        return String.format("%0" + width + "d", value);
    }

    private String field(char code) {
        int hour = now.getHour();
        int weekday = now.getDayOfWeek().getValue() % 7;
        return switch (code) {
            case 'Y' -> Integer.toString(now.getYear());
            case 'C' -> number(now.getYear() / 100, 2);
            case 'y' -> number(now.getYear() % 100, 2);
            case 'm' -> number(now.getMonthValue(), 2);
            case 'd' -> number(now.getDayOfMonth(), 2);
            case 'e' -> String.format("%2d", now.getDayOfMonth());
            case 'H' -> number(hour, 2);
            case 'k' -> String.format("%2d", hour);
            case 'I' -> number((hour + 11) % 12 + 1, 2);
            case 'l' -> String.format("%2d", (hour + 11) % 12 + 1);
            case 'M' -> number(now.getMinute(), 2);
            case 'S' -> number(now.getSecond(), 2);
            case 'f' -> number(now.getNano() / 1000, 6);
            case 'j' -> number(now.getDayOfYear(), 3);
            case 'p' -> hour < 12 ? "AM" : "PM";
            case 'P' -> hour < 12 ? "am" : "pm";
            case 'B' -> now.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'b', 'h' ->
                    now.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH).substring(0, 3);
            case 'A' -> now.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'a' -> now.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
            case 'w' -> Integer.toString(weekday);
            case 'u' -> Integer.toString(now.getDayOfWeek().getValue());
            case 'U' -> number((now.getDayOfYear() + 6 - weekday) / 7, 2);
            case 'W' -> number((now.getDayOfYear() + 6 - (weekday + 6) % 7) / 7, 2);
            case 'V' -> number(now.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2);
            case 'G' -> Integer.toString(now.get(IsoFields.WEEK_BASED_YEAR));
            case 's' -> Long.toString(now.atZone(zone).getLong(ChronoField.INSTANT_SECONDS));
            case 'F' -> format("%Y-%m-%d");
            case 'D', 'x' -> format("%m/%d/%y");
            case 'T', 'X' -> format("%H:%M:%S");
            case 'R' -> format("%H:%M");
            case 'r' -> format("%I:%M:%S %p");
            case 'c' -> format("%a %b %e %H:%M:%S %Y");
            case 'n' -> "\n";
            case 't' -> "\t";
            case '%' -> "%";
            case 'z', 'Z' -> "";
            default -> "%" + code;
        };
    }
}
