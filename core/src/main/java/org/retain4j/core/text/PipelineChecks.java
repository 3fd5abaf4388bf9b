package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import java.io.IOException;
import java.util.Set;

/**
 * Refuses the pipeline settings of a {@code tokenizer.json} with which the native library ends the
 * JVM.
 *
 * <p>Version 0.21.4 reports most errors, but some settings make it panic during a later call, and a
 * panic behind JNI aborts the process. The cases here were found by trying each component with
 * degenerate settings; none occurs in a published tokenizer of a supported model family.
 */
final class PipelineChecks {

    /** Sections of the file that hold pipeline components. */
    static final Set<String> SECTIONS =
            Set.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

    private static final int MAX_JSON_TOKENS = 100_000;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private PipelineChecks() {}

    /** Reads the value that the parser stands on and checks all components in it. */
    static void check(JsonParser parser, String section, String origin) throws IOException {
        try (TokenBuffer copy = new TokenBuffer(parser)) {
            int depth = 0;
            int count = 0;
            do {
                if (++count > MAX_JSON_TOKENS || parser.currentToken() == null) {
                    throw new TokenizerException(
                            origin
                                    + " has an unfinished "
                                    + section
                                    + " or one of more than "
                                    + MAX_JSON_TOKENS
                                    + " JSON tokens");
                }
                if (parser.currentToken().isStructStart()) {
                    depth++;
                } else if (parser.currentToken().isStructEnd()) {
                    depth--;
                }
                copy.copyCurrentEvent(parser);
                if (depth > 0) {
                    parser.nextToken();
                }
            } while (depth > 0);
            JsonNode root = MAPPER.readTree(copy.asParser());
            walk(root, section, origin);
        }
    }

    private static void walk(JsonNode node, String section, String origin)
            throws TokenizerException {
        String problem =
                switch (node.path("type").asText()) {
                    case "Strip" ->
                            section.equals("decoder") && node.path("stop").asLong() != 0
                                    ? "Strip with stop other than 0"
                                    : "";
                    case "FixedLength" ->
                            node.path("length").asLong(1) <= 0 ? "FixedLength of 0" : "";
                    case "Precompiled" -> "Precompiled (a SentencePiece character map)";
                    case "TemplateProcessing" -> template(node);
                    default -> "";
                };
        if (!problem.isEmpty()) {
            throw new TokenizerException(
                    origin
                            + " has the "
                            + section
                            + " "
                            + problem
                            + ", with which the tokenizers library can end the Java process;"
                            + " expected a tokenizer without it");
        }
        for (JsonNode child : node) {
            walk(child, section, origin);
        }
    }

    private static String template(JsonNode node) {
        for (String kind : new String[] {"single", "pair"}) {
            for (JsonNode piece : node.path(kind)) {
                JsonNode token = piece.path("SpecialToken").path("id");
                if (!token.isMissingNode() && !node.path("special_tokens").has(token.asText())) {
                    return "TemplateProcessing with a token that it does not define";
                }
                String sequence = piece.path("Sequence").path("id").asText("A");
                if (kind.equals("single") && !sequence.equals("A")) {
                    return "TemplateProcessing of one text with a second sequence";
                }
            }
            if (node.path(kind).isTextual()) {
                return "TemplateProcessing with a template in short form";
            }
        }
        return "";
    }
}
