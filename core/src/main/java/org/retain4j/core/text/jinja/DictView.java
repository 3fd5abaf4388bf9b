package org.retain4j.core.text.jinja;

import java.util.List;

/**
 * What {@code keys()}, {@code values()} and {@code items()} of a dict give.
 *
 * @param kind name of the method
 */
record DictView(String kind, Dict dict) {

    List<Object> list(Run run) {
        return switch (kind) {
            case "keys" -> dict.keys(run);
            case "values" -> dict.values(run);
            default -> dict.items(run);
        };
    }
}
