package org.retain4j.merging;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a tensor once it is written.
 *
 * @param sha256 see {@link TensorHash#digest}
 * @param warnings sentences about it
 * @param statistics how the models differ there, null if that was not asked for
 */
record TensorNote(String sha256, List<String> warnings, @Nullable TensorStatistics statistics) {

    TensorNote {
        warnings = List.copyOf(warnings);
    }

    ObjectNode json() {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("sha256", sha256);
        if (!warnings.isEmpty()) {
            warnings.forEach(node.putArray("warnings")::add);
        }
        if (statistics != null) {
            node.set("statistics", statistics.json());
        }
        return node;
    }

    static TensorNote of(JsonNode node) {
        List<String> warnings = new ArrayList<>();
        node.path("warnings").forEach(warning -> warnings.add(warning.asText()));
        JsonNode statistics = node.get("statistics");
        return new TensorNote(
                node.path("sha256").asText(),
                warnings,
                statistics == null ? null : TensorStatistics.of(statistics));
    }
}
