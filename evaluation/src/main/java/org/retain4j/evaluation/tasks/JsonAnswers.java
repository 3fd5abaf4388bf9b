package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** Whether an answer is JSON, has the wanted keys, and says what is wanted. */
final class JsonAnswers {

    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
                    .build();

    private JsonAnswers() {}

    /** The whole answer, space around it aside, is one JSON object or list. */
    static AnswerMetric valid() {
        return new AnswerMetric(
                "valid_json", true, (answer, item) -> parsed(answer).isPresent() ? 1 : 0);
    }

    /** The answer is an object with exactly the keys that the row lists under "keys". */
    static AnswerMetric keys() {
        return new AnswerMetric(
                "json_keys",
                true,
                (answer, item) -> {
                    if (!item.row().has("keys")) {
                        return Double.NaN;
                    }
                    Set<String> wanted = new HashSet<>(item.row().texts("keys"));
                    Set<String> found = new HashSet<>();
                    parsed(answer)
                            .filter(JsonNode::isObject)
                            .ifPresent(node -> node.fieldNames().forEachRemaining(found::add));
                    return found.equals(wanted) ? 1 : 0;
                });
    }

    /** The answer is the same value as the row's "target", whatever the order of keys. */
    static AnswerMetric match() {
        return new AnswerMetric(
                "json_match",
                true,
                (answer, item) -> {
                    JsonNode wanted = item.row().node().get("target");
                    if (wanted == null || wanted.isNull()) {
                        return Double.NaN;
                    }
                    return parsed(answer).map(wanted::equals).orElse(false) ? 1 : 0;
                });
    }

    private static Optional<JsonNode> parsed(String answer) {
        try {
            return Optional.ofNullable(JSON.readTree(answer)).filter(JsonNode::isContainerNode);
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }
}
