package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The {@code eos_token_id} of {@code generation_config.json} or {@code config.json}. */
final class EndIds {

    private static final int MAX_IDS = 1000;

    private EndIds() {}

    /** Returns the ids, which the file gives as a number or a list; empty when it gives none. */
    static List<Integer> parse(byte[] json, String origin) throws TokenizerException {
        List<Integer> ids = new ArrayList<>();
        try (JsonParser parser = Vocabulary.JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new TokenizerException(origin + " is not a JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                JsonToken value = parser.nextToken();
                if (!key.equals("eos_token_id") || value == JsonToken.VALUE_NULL) {
                    parser.skipChildren();
                } else if (value == JsonToken.START_ARRAY) {
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        add(parser, origin, ids);
                    }
                } else {
                    add(parser, origin, ids);
                }
            }
        } catch (TokenizerException e) {
            throw e;
        } catch (IOException e) {
            throw new TokenizerException(origin + " is not valid JSON: " + e.getMessage(), e);
        }
        return ids;
    }

    private static void add(JsonParser parser, String origin, List<Integer> ids)
            throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
                || parser.getLongValue() < 0
                || parser.getLongValue() >= Vocabulary.MAX_SIZE
                || ids.size() == MAX_IDS) {
            throw new TokenizerException(
                    "In "
                            + origin
                            + ", eos_token_id is neither a token id nor a list of at most "
                            + MAX_IDS
                            + " ids from 0 to "
                            + (Vocabulary.MAX_SIZE - 1));
        }
        ids.add(parser.getIntValue());
    }
}
