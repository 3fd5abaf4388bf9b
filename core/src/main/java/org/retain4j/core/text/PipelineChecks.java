package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import java.io.IOException;
import java.util.List;
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

    private static final List<String> LISTS =
            List.of("normalizers", "pretokenizers", "processors", "decoders");

    private static final List<String> POST_PROCESSORS =
            List.of(
                    "BertProcessing",
                    "ByteLevel",
                    "RobertaProcessing",
                    "Sequence",
                    "TemplateProcessing");

    private static final int MAX_JSON_TOKENS = 100_000;
    private static final int MAX_GROWTH = 1000;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private PipelineChecks() {}

    /** Reads the value that the parser stands on, checks all components in it and returns it. */
    static JsonNode check(JsonParser parser, String section, String origin) throws IOException {
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
            if (!root.isNull()) {
                requireType(root, section, origin);
            }
            walk(root, section, origin);
            if (templates(root) > 1) {
                throw new TokenizerException(
                        origin
                                + " has a "
                                + section
                                + " with several TemplateProcessing, of which the tokenizers library"
                                + " can do one; expected one");
            }
            if (growth(root) > MAX_GROWTH) {
                throw new TokenizerException(
                        origin
                                + " has a "
                                + section
                                + " whose replacements together can make a text more than "
                                + MAX_GROWTH
                                + " times as long; expected fewer or shorter ones");
            }
            return root;
        }
    }

    /**
     * Refuses components in forms that the native library guesses at, as the checks go by names.
     */
    private static void requireType(JsonNode component, String section, String origin)
            throws TokenizerException {
        if (!component.isObject() || !component.path("type").isTextual()) {
            throw new TokenizerException(
                    origin
                            + " has a component in its "
                            + section
                            + " that is not an object with a text \"type\"");
        }
        // The library takes a post-processor of an unknown name for the one whose keys it has.
        if (section.equals("post_processor")
                && !POST_PROCESSORS.contains(component.path("type").asText())) {
            throw new TokenizerException(
                    origin
                            + " has an unknown post_processor "
                            + Vocabulary.quote(component.path("type").asText())
                            + "; expected one of "
                            + String.join(", ", POST_PROCESSORS));
        }
        for (String list : LISTS) {
            for (JsonNode child : component.path(list)) {
                requireType(child, section, origin);
            }
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
                    case "Prepend" ->
                            node.path("prepend").asText().isEmpty() ? "Prepend of nothing" : "";
                    case "Precompiled" -> "Precompiled (a SentencePiece character map)";
                    case "TemplateProcessing" -> template(node);
                    case "Replace" -> RegexChecks.replacementProblem(node.path("pattern"));
                    case "Split" -> RegexChecks.problem(node.path("pattern"));
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

    /** The native library goes by the names inside of the entries and not by their keys. */
    private static boolean defines(JsonNode specialTokens, String token) {
        return specialTokens.path(token).path("id").asText().equals(token);
    }

    private static int templates(JsonNode node) {
        int count = node.path("type").asText().equals("TemplateProcessing") ? 1 : 0;
        for (JsonNode child : node) {
            count += templates(child);
        }
        return count;
    }

    /** Returns a bound of the factor by which all replacements together lengthen a text. */
    private static double growth(JsonNode node) {
        double factor = 1;
        if (node.path("type").asText().equals("Replace")) {
            int replaced = Math.max(1, node.path("pattern").path("String").asText().length());
            factor = Math.max(1, 1 + (double) node.path("content").asText().length() / replaced);
        } else if (node.path("type").asText().equals("Prepend")) {
            factor = 1 + node.path("prepend").asText().length();
        }
        for (JsonNode child : node) {
            factor *= growth(child);
        }
        return factor;
    }

    private static String template(JsonNode node) {
        long sequences = 0;
        for (JsonNode piece : node.path("single")) {
            sequences += piece.has("Sequence") ? 1 : 0;
        }
        if (sequences != 1 && node.path("single").isArray()) {
            return "TemplateProcessing of one text that holds it " + sequences + " times";
        }
        for (String kind : new String[] {"single", "pair"}) {
            for (JsonNode piece : node.path(kind)) {
                JsonNode token = piece.path("SpecialToken").path("id");
                if (!token.isTextual() && !piece.path("Sequence").isObject()) {
                    return "TemplateProcessing with a piece that is neither a token nor a text";
                }
                if (!token.isMissingNode()
                        && !defines(node.path("special_tokens"), token.asText())) {
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
