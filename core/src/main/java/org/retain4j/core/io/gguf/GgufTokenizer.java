package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Writes a {@code tokenizer.json} of the Hugging Face tokenizers library for a vocabulary. */
final class GgufTokenizer {

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String SPACE = "\u2581";

    private final GgufMetadata metadata;
    private final GgufVocabulary vocabulary;
    private final ObjectNode root = NODES.objectNode();

    private GgufTokenizer(GgufMetadata metadata, GgufVocabulary vocabulary) {
        this.metadata = metadata;
        this.vocabulary = vocabulary;
    }

    /**
     * Builds the file.
     *
     * @throws GgufException when the pre-tokenizer is not known, or scores or merges do not fit
     */
    static ObjectNode tokenizerJson(
            GgufMetadata metadata, GgufVocabulary vocabulary, Architecture architecture)
            throws GgufException {
        GgufTokenizer tokenizer = new GgufTokenizer(metadata, vocabulary);
        tokenizer.beginning();
        if (vocabulary.isPieces()) {
            tokenizer.sentencePiece();
        } else {
            tokenizer.byteLevel(SplitRule.of(metadata, architecture));
        }
        return tokenizer.root;
    }

    private void beginning() {
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < vocabulary.usedSize(); id++) {
            if (vocabulary.isAdded(id)) {
                ObjectNode token = added.addObject().put("id", id);
                vocabulary.describe(token, id);
            }
        }
    }

    private void byteLevel(SplitRule rule) throws GgufException {
        if (rule.composes()) {
            root.putObject("normalizer").put("type", "NFC");
        } else {
            root.putNull("normalizer");
        }
        root.set("pre_tokenizer", rule.preTokenizer());
        ObjectNode template = template(rule.addsBos(), false);
        root.set("post_processor", template == null ? NODES.nullNode() : template);
        root.set("decoder", SplitRule.byteLevel(true, true));
        ObjectNode model = model(null, rule.ignoresMerges());
        ArrayNode merges = model.putArray("merges");
        String[] texts = metadata.texts("tokenizer.ggml.merges");
        for (int i = 0; i < texts.length; i++) {
            String text = texts[i];
            int space = text.indexOf(' ', 1);
            if (space < 0
                    || vocabulary.id(text.substring(0, space)) == null
                    || vocabulary.id(text.substring(space + 1)) == null
                    || vocabulary.id(text.substring(0, space) + text.substring(space + 1))
                            == null) {
                throw metadata.fail(
                        "tokenizer.ggml.merges has "
                                + GgufHeader.quote(text)
                                + " at "
                                + i
                                + "; expected two tokens with a space between them that form a"
                                + " third");
            }
            merges.addArray().add(text.substring(0, space)).add(text.substring(space + 1));
        }
    }

    private void sentencePiece() throws GgufException {
        boolean prefix = metadata.flag("tokenizer.ggml.add_space_prefix", true);
        ObjectNode normalizer = root.putObject("normalizer").put("type", "Sequence");
        ArrayNode normalizers = normalizer.putArray("normalizers");
        if (prefix) {
            normalizers.addObject().put("type", "Prepend").put("prepend", SPACE);
        }
        normalizers.add(replace(" ", SPACE));
        root.putNull("pre_tokenizer");
        ObjectNode template = template(true, false);
        root.set("post_processor", template == null ? NODES.nullNode() : template);
        ArrayNode decoders = root.putObject("decoder").put("type", "Sequence").putArray("decoders");
        decoders.add(replace(SPACE, " "));
        decoders.addObject().put("type", "ByteFallback");
        decoders.addObject().put("type", "Fuse");
        if (prefix) {
            decoders.addObject()
                    .put("type", "Strip")
                    .put("content", " ")
                    .put("start", 1)
                    .put("stop", 0);
        }
        OptionalInt unknown = vocabulary.role("unk");
        ObjectNode model =
                model(unknown.isPresent() ? vocabulary.token(unknown.getAsInt()) : null, false);
        ArrayNode merges = model.putArray("merges");
        for (PieceMerges.Merge merge : PieceMerges.of(metadata, vocabulary)) {
            merges.addArray().add(merge.left()).add(merge.right());
        }
    }

    private ObjectNode model(@Nullable String unknown, boolean ignoresMerges) {
        boolean pieces = vocabulary.isPieces();
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.putNull("dropout");
        model.put("unk_token", unknown);
        model.putNull("continuing_subword_prefix");
        model.putNull("end_of_word_suffix");
        model.put("fuse_unk", pieces);
        model.put("byte_fallback", pieces);
        model.put("ignore_merges", ignoresMerges);
        ObjectNode tokens = model.putObject("vocab");
        for (int id = 0; id < vocabulary.usedSize(); id++) {
            tokens.put(vocabulary.token(id), id);
        }
        return model;
    }

    /** Returns the post-processor that adds the tokens of begin and end, or null for none. */
    private @Nullable ObjectNode template(boolean usualBos, boolean usualEos) throws GgufException {
        OptionalInt bos = added("bos", usualBos);
        OptionalInt eos = added("eos", usualEos);
        if (bos.isEmpty() && eos.isEmpty()) {
            return null;
        }
        ObjectNode template = NODES.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        ArrayNode pair = template.putArray("pair");
        ObjectNode tokens = template.putObject("special_tokens");
        for (String sequence : List.of("A", "B")) {
            int type = sequence.equals("A") ? 0 : 1;
            for (ArrayNode target : type == 0 ? List.of(single, pair) : List.of(pair)) {
                bos.ifPresent(id -> special(target, id, type));
                target.addObject().putObject("Sequence").put("id", sequence).put("type_id", type);
                eos.ifPresent(id -> special(target, id, type));
            }
        }
        for (OptionalInt id : List.of(bos, eos)) {
            if (id.isPresent()) {
                String token = vocabulary.token(id.getAsInt());
                ObjectNode entry = tokens.putObject(token).put("id", token);
                entry.putArray("ids").add(id.getAsInt());
                entry.putArray("tokens").add(token);
            }
        }
        return template;
    }

    private OptionalInt added(String role, boolean usual) throws GgufException {
        String key = "tokenizer.ggml.add_" + role + "_token";
        OptionalInt id = vocabulary.role(role);
        if (!metadata.flag(key, usual)) {
            return OptionalInt.empty();
        }
        if (id.isEmpty() && metadata.has(key)) {
            throw metadata.fail(key + " is true but there is no " + role + "_token_id");
        }
        return id;
    }

    private void special(ArrayNode target, int id, int type) {
        target.addObject()
                .putObject("SpecialToken")
                .put("id", vocabulary.token(id))
                .put("type_id", type);
    }

    private static ObjectNode replace(String from, String to) {
        ObjectNode node = NODES.objectNode().put("type", "Replace");
        node.putObject("pattern").put("String", from);
        return node.put("content", to);
    }
}
