package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The named tokens of {@code tokenizer_config.json} or {@code special_tokens_map.json}. */
final class SpecialTokens {

    private static final Set<String> NAMES =
            Set.of("bos_token", "eos_token", "pad_token", "unk_token");

    private SpecialTokens() {}

    /**
     * Returns the text of each token by its key, where it is a text or an object with {@code
     * content}; null and other keys are left out.
     */
    static Map<String, String> parse(byte[] json, String origin) throws TokenizerException {
        Map<String, String> found = new HashMap<>();
        try (JsonParser parser = Vocabulary.JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new TokenizerException(origin + " is not a JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                JsonToken value = parser.nextToken();
                if (!NAMES.contains(key) || value == JsonToken.VALUE_NULL) {
                    parser.skipChildren();
                    continue;
                }
                String content = content(parser);
                if (content == null) {
                    throw new TokenizerException(
                            "In "
                                    + origin
                                    + ", "
                                    + key
                                    + " is neither a text nor an object with the text content");
                }
                found.put(key, content);
            }
        } catch (TokenizerException e) {
            throw e;
        } catch (IOException e) {
            throw new TokenizerException(origin + " is not valid JSON: " + e.getMessage(), e);
        }
        return found;
    }

    private static @Nullable String content(JsonParser parser) throws IOException {
        if (parser.currentToken() == JsonToken.VALUE_STRING) {
            return parser.getText();
        }
        String content = null;
        if (parser.currentToken() == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                if (parser.nextToken() == JsonToken.VALUE_STRING && key.equals("content")) {
                    content = parser.getText();
                } else {
                    parser.skipChildren();
                }
            }
        }
        return content;
    }
}
