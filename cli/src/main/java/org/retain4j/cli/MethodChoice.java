package org.retain4j.cli;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.retain4j.cli.compare.MethodInfo;
import org.retain4j.cli.compare.Methods;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;

/** Checks the names given to {@code --methods}, and lists the names there are. */
final class MethodChoice {

    /** The name that asks for the list. */
    static final String HELP = "help";

    private static final String ALL = "all";

    private MethodChoice() {}

    /**
     * Returns the chosen methods, empty for the usual ones.
     *
     * @param typed names, each with an optional strength as in {@code ewc:0.3}
     * @throws UsageException if one is unknown, given twice or has a strength out of range
     */
    static List<String> parse(List<String> typed) {
        List<String> names = Methods.all().stream().map(MethodInfo::name).toList();
        Set<String> chosen = new LinkedHashSet<>();
        for (String part : typed) {
            String text = part.strip().toLowerCase(Locale.ROOT);
            if (text.equals(ALL) && typed.size() == 1) {
                return names;
            }
            int colon = text.indexOf(':');
            String name = colon < 0 ? text : text.substring(0, colon);
            if (name.isEmpty()) {
                throw new UsageException(
                        "--methods has an empty name, give names separated by commas such as"
                                + " plain,ewc:0.3");
            }
            if (!names.contains(name)) {
                throw new UsageException(
                        "--methods: unknown method "
                                + name
                                + ", there are "
                                + String.join(", ", names)
                                + DidYouMean.suffix(name, names));
            }
            try {
                Methods.check(List.of(text));
            } catch (IllegalArgumentException e) {
                throw new UsageException("--methods: " + e.getMessage());
            }
            if (!chosen.add(text)) {
                throw new UsageException("--methods names " + text + " twice, name it once");
            }
        }
        return List.copyOf(chosen);
    }

    /** Returns the list of methods as text: a line each, by kind. */
    static String table() {
        List<MethodInfo> known = Methods.all();
        int width = known.stream().mapToInt(m -> m.name().length()).max().orElse(0) + 2;
        StringBuilder text = new StringBuilder();
        for (MethodInfo.Group group : MethodInfo.Group.values()) {
            text.append(group.title()).append(":\n");
            for (MethodInfo method : known) {
                if (method.group() == group) {
                    text.append("  ")
                            .append(method.name())
                            .append(" ".repeat(width - method.name().length()))
                            .append(method.title())
                            .append(method.options().isEmpty() ? "" : "; ")
                            .append(method.options())
                            .append(method.needsOldData() ? "; reads the old text" : "")
                            .append(" (")
                            .append(method.paper())
                            .append(")\n");
                }
            }
        }
        return text.toString();
    }
}
