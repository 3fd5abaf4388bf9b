package org.retain4j.merging;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * What is known about a tensor once it is written.
 *
 * @param sha256 see {@link TensorHash#digest}
 * @param warnings sentences about it
 */
record TensorNote(String sha256, List<String> warnings) {

    TensorNote {
        warnings = List.copyOf(warnings);
    }

    ObjectNode json() {
        ObjectNode node = new ObjectMapper().createObjectNode();
        node.put("sha256", sha256);
        if (!warnings.isEmpty()) {
            warnings.forEach(node.putArray("warnings")::add);
        }
        return node;
    }

    static TensorNote of(JsonNode node) {
        List<String> warnings = new ArrayList<>();
        node.path("warnings").forEach(warning -> warnings.add(warning.asText()));
        return new TensorNote(node.path("sha256").asText(), warnings);
    }
}
