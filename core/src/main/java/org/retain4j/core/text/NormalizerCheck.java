package org.retain4j.core.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;

/**
 * Refuses added tokens of which the normalizer leaves nothing.
 *
 * <p>The native library then looks for an empty text, finds it inside of a character, and ends the
 * JVM. What the normalizer leaves is asked from a tokenizer that consists of nothing else and gives
 * one token for any text but the empty one.
 */
final class NormalizerCheck {

    private NormalizerCheck() {}

    static void check(Vocabulary vocabulary, String origin) throws TokenizerException {
        JsonNode normalizer = vocabulary.normalizer();
        if (normalizer == null || vocabulary.normalizedTokens().isEmpty()) {
            return;
        }
        String json =
                "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
                        + "\"normalizer\":"
                        + normalizer
                        + ",\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,\"model\":"
                        + "{\"type\":\"WordLevel\",\"vocab\":{\"x\":0},\"unk_token\":\"x\"}}";
        try (HuggingFaceTokenizer probe =
                Tokenizer.open(json.getBytes(StandardCharsets.UTF_8), origin)) {
            for (String token : vocabulary.normalizedTokens()) {
                if (probe.encode(token, false, false).getIds().length == 0) {
                    throw new TokenizerException(
                            origin
                                    + " has the added token "
                                    + Vocabulary.quote(token)
                                    + ", of which its normalizer leaves nothing; expected such a"
                                    + " token to have \"normalized\": false");
                }
            }
        } catch (RuntimeException e) {
            throw new TokenizerException(
                    origin + " has a normalizer that fails on an added token: " + e.getMessage(),
                    e);
        }
    }
}
