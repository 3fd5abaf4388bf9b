package org.retain4j.finetune.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads one JSON value as plain Java values, with bounds on what it may hold.
 *
 * <p>A value that is refused is still read to its end, so that the next row can be read.
 */
final class JsonValues {

    static final int MAX_DEPTH = 100;
    static final int MAX_VALUES = 4_000_000;

    static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(MAX_DEPTH)
                                    .maxStringLength(LineReader.MAX_BYTES)
                                    .build())
                    // the names come from strangers and need not be remembered
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .build();

    private final JsonParser parser;
    private int values;
    private @Nullable String refusal;

    private JsonValues(JsonParser parser) {
        this.parser = parser;
    }

    /**
     * Reads the value at whose first token the parser stands.
     *
     * @throws IOException if it is not JSON
     * @throws RowException if it is, but has a key twice or too many values
     */
    static @Nullable Object read(JsonParser parser) throws IOException, RowException {
        JsonValues reader = new JsonValues(parser);
        Object value = reader.value();
        if (reader.refusal != null) {
            throw new RowException(reader.refusal);
        }
        return value;
    }

    private @Nullable Object value() throws IOException {
        if (++values > MAX_VALUES && refusal == null) {
            refusal = "the row has more than " + MAX_VALUES + " values, the limit";
        }
        return switch (parser.currentToken()) {
            case START_OBJECT -> object();
            case START_ARRAY -> array();
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> parser.getNumberValue();
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> Boolean.TRUE;
            case VALUE_FALSE -> Boolean.FALSE;
            default -> null;
        };
    }

    private Object object() throws IOException {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            parser.nextToken();
            Object value = value();
            if (map.containsKey(key) && refusal == null) {
                refusal = "the key \"" + key + "\" stands twice in one object; remove one";
            }
            if (refusal == null) {
                map.put(key, value);
            }
        }
        return Collections.unmodifiableMap(map);
    }

    private Object array() throws IOException {
        List<@Nullable Object> list = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            Object value = value();
            if (refusal == null) {
                list.add(value);
            }
        }
        return Collections.unmodifiableList(list);
    }
}
