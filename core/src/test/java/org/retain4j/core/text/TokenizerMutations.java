package org.retain4j.core.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ContainerNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;

/** Makes damaged and odd {@code tokenizer.json} files, each a function of its number. */
final class TokenizerMutations {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static final List<String> FILES = List.of("llama", "mistral", "gpt2", "phi3");

    private static final List<String> SMALL_MODELS =
            List.of(
                    "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"a\",\"continuing_subword_prefix\""
                            + ":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":"
                            + "true,\"ignore_merges\":false,\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"▁\":3,"
                            + "\"<0xF0>\":4,\"é\":5},\"merges\":[[\"a\",\"b\"]]}",
                    "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"abb\":3},"
                            + "\"merges\":[\"a b\",\"ab b\"]}",
                    "{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\"vocab\":[[\"<unk>\",0],"
                            + "[\"a\",-1],[\"b\",-2.5],[\"ab\",-2],[\"▁a\",-3]]}",
                    "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":"
                            + "\"##\",\"max_input_chars_per_word\":100,\"vocab\":{\"[UNK]\":0,\"a\":1,"
                            + "\"##b\":2,\"b\":3}}",
                    "{\"type\":\"WordLevel\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[UNK]\":0,\"a\":1,"
                            + "\"b\":2,\"aé\":3}}");

    /** Components of the native library with all their settings, in their right sections. */
    private static final List<List<String>> COMPONENTS =
            List.of(
                    List.of(
                            "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":"
                                    + "true,\"strip_accents\":null,\"lowercase\":true}",
                            "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}",
                            "{\"type\":\"StripAccents\"}",
                            "{\"type\":\"NFC\"}",
                            "{\"type\":\"NFKD\"}",
                            "{\"type\":\"Lowercase\"}",
                            "{\"type\":\"Nmt\"}",
                            "{\"type\":\"ByteLevel\"}",
                            "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
                            "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"bb\"}",
                            "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a+|\\\\s\"},\"content\":\"\"}",
                            "{\"type\":\"Prepend\",\"prepend\":\"▁\"}"),
                    List.of(
                            "{\"type\":\"BertPreTokenizer\"}",
                            "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                                    + "\"use_regex\":true}",
                            "{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"b\"}",
                            "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"always\","
                                    + "\"split\":true}",
                            "{\"type\":\"Whitespace\"}",
                            "{\"type\":\"WhitespaceSplit\"}",
                            "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[^\\\\s]+|a\"},\"behavior\":"
                                    + "\"Isolated\",\"invert\":false}",
                            "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":"
                                    + "\"MergedWithPrevious\",\"invert\":true}",
                            "{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"}",
                            "{\"type\":\"Digits\",\"individual_digits\":true}",
                            "{\"type\":\"UnicodeScripts\"}",
                            "{\"type\":\"FixedLength\",\"length\":3}"),
                    List.of(
                            "{\"type\":\"RobertaProcessing\",\"sep\":[\"a\",0],\"cls\":[\"b\",1],"
                                    + "\"trim_offsets\":true,\"add_prefix_space\":true}",
                            "{\"type\":\"BertProcessing\",\"sep\":[\"a\",0],\"cls\":[\"b\",1]}",
                            "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                                    + "\"use_regex\":false}",
                            "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\","
                                    + "\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":"
                                    + "[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\","
                                    + "\"type_id\":1}}],\"special_tokens\":{\"a\":{\"id\":\"a\",\"ids\":[0],"
                                    + "\"tokens\":[\"a\"]}}}"),
                    List.of(
                            "{\"type\":\"BPEDecoder\",\"suffix\":\"b\"}",
                            "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                                    + "\"use_regex\":true}",
                            "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
                            "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"first\","
                                    + "\"split\":false}",
                            "{\"type\":\"CTC\",\"pad_token\":\"a\",\"word_delimiter_token\":\"b\","
                                    + "\"cleanup\":true}",
                            "{\"type\":\"Replace\",\"pattern\":{\"String\":\"▁\"},\"content\":\" \"}",
                            "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"b?\"},\"content\":\"x\"}",
                            "{\"type\":\"Fuse\"}",
                            "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}",
                            "{\"type\":\"ByteFallback\"}"));

    private static final List<String> SECTIONS =
            List.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

    private static final List<String> LISTS =
            List.of("normalizers", "pretokenizers", "processors", "decoders");

    private static final String[] VALUES = {
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "2",
        "3",
        "100",
        "255",
        "256",
        "65536",
        "2147483647",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "18446744073709551615",
        "1e300",
        "-0.0",
        "\"\"",
        "\" \"",
        "\"a\"",
        "\"b\"",
        "\"é\"",
        "\"😀\"",
        "\"▁\"",
        "\"\\u0000\"",
        "\"ab b\"",
        "\"<0xFF>\"",
        "\"(a+)+$\"",
        "\"(a*)*\"",
        "\"[\"",
        "\"(?<=a|ab)\"",
        "\"\\\\\"",
        "\"a{1000}{1000}\"",
        "\"$\"",
        "\"^\"",
        "\"(?=a)\"",
        "\"a*\"",
        "\"(?<n>a\\\\g<n>)\"",
        "[]",
        "{}",
        "[[]]",
        "[0]",
        "[\"a\",0]",
        "{\"type\":\"BPE\"}",
        "{\"Regex\":\"(a|a)*b\"}",
        "{\"Regex\":\"\"}",
        "{\"String\":\"\"}",
        "\"Removed\"",
        "\"Isolated\"",
        "\"MergedWithNext\"",
        "\"first\"",
        "\"never\"",
        "\"Unigram\"",
        "\"WordPiece\"",
        "\"WordLevel\"",
        "\"BPE\"",
        "\"Sequence\"",
        "\"A\"",
        "\"B\""
    };

    private final List<byte[]> bases = new ArrayList<>();

    TokenizerMutations() throws IOException {
        for (String name : FILES) {
            bases.add(
                    Files.readAllBytes(TokenizerGoldenTest.folder(name).resolve("tokenizer.json")));
        }
    }

    /** Returns the file of a number. */
    byte[] file(long number) {
        Random random = new Random(number * 0x9E3779B97F4A7C15L + 1);
        try {
            ObjectNode root =
                    random.nextInt(4) == 0
                            ? (ObjectNode) MAPPER.readTree(bases.get(random.nextInt(bases.size())))
                            : small(random);
            for (int i = random.nextInt(4); i > 0; i--) {
                change(root, random);
            }
            byte[] json = MAPPER.writeValueAsBytes(root);
            if (random.nextInt(5) == 0) {
                for (int i = random.nextInt(4); i >= 0; i--) {
                    json[random.nextInt(json.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            return json;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ObjectNode small(Random random) throws IOException {
        ObjectNode root = MAPPER.createObjectNode();
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int i = random.nextInt(3); i > 0; i--) {
            added.add(
                    MAPPER.readTree(
                            "{\"id\":%d,\"content\":%s,\"single_word\":%b,\"lstrip\":%b,\"rstrip\":%b,\"normalized\":%b,\"special\":%b}"
                                    .formatted(
                                            random.nextInt(8),
                                            List.of("\"<s>\"", "\"a\"", "\"[X]\"", "\" \"", "\"\"")
                                                    .get(random.nextInt(5)),
                                            random.nextBoolean(),
                                            random.nextBoolean(),
                                            random.nextBoolean(),
                                            random.nextBoolean(),
                                            random.nextBoolean())));
        }
        for (int i = 0; i < SECTIONS.size(); i++) {
            root.set(SECTIONS.get(i), section(i, random));
        }
        root.set("model", MAPPER.readTree(SMALL_MODELS.get(random.nextInt(SMALL_MODELS.size()))));
        return root;
    }

    private static JsonNode section(int section, Random random) throws IOException {
        int count = random.nextInt(4);
        if (count == 0) {
            return MAPPER.nullNode();
        }
        List<String> choices = COMPONENTS.get(section);
        if (count == 1) {
            return MAPPER.readTree(choices.get(random.nextInt(choices.size())));
        }
        ObjectNode sequence = MAPPER.createObjectNode().put("type", "Sequence");
        ArrayNode parts = sequence.putArray(LISTS.get(section));
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            parts.add(MAPPER.readTree(choices.get(random.nextInt(choices.size()))));
        }
        return sequence;
    }

    /** Replaces, removes or doubles a value, preferring those outside the vocabulary. */
    private static void change(ObjectNode root, Random random) throws IOException {
        List<ContainerNode<?>> containers = new ArrayList<>();
        collect(root, containers, random.nextInt(3) == 0);
        ContainerNode<?> container = containers.get(random.nextInt(containers.size()));
        if (container.isEmpty()) {
            return;
        }
        int at = random.nextInt(container.size());
        JsonNode value = MAPPER.readTree(VALUES[random.nextInt(VALUES.length)]);
        if (container instanceof ObjectNode object) {
            Iterator<String> names = object.fieldNames();
            String name = names.next();
            for (int i = 0; i < at; i++) {
                name = names.next();
            }
            switch (random.nextInt(6)) {
                case 0 -> object.remove(name);
                case 1 -> object.set(VALUES[random.nextInt(VALUES.length)], object.get(name));
                default -> object.set(name, value);
            }
        } else if (container instanceof ArrayNode array) {
            switch (random.nextInt(6)) {
                case 0 -> array.remove(at);
                case 1 -> array.insert(at, array.get(at).deepCopy());
                default -> array.set(at, value);
            }
        }
    }

    private static void collect(
            JsonNode node, List<ContainerNode<?>> containers, boolean vocabulary) {
        if (!(node instanceof ContainerNode<?> container)) {
            return;
        }
        containers.add(container);
        if (container.size() > 60 && !vocabulary) {
            return;
        }
        for (JsonNode child : container) {
            collect(child, containers, vocabulary);
        }
    }

    /** Loads a file and uses the tokenizer in every way; returns whether it was accepted. */
    static boolean use(byte[] json, long number) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(new java.io.ByteArrayInputStream(json), null)) {
            Random random = new Random(number);
            for (String text :
                    List.of(
                            "",
                            "ab",
                            "abba <s>a[X] é😀▁ 123,b",
                            "a".repeat(40),
                            " ".repeat(30) + "b\n\r\t\u0000\u0301")) {
                try {
                    int[] ids = tokenizer.encode(text, random.nextBoolean());
                    tokenizer.decode(ids, random.nextBoolean());
                    tokenizer.encode(text, true, random.nextInt(6));
                } catch (IllegalArgumentException refused) {
                    continue;
                }
            }
            int size = tokenizer.vocabularySize();
            int[] ids = random.ints(size == 0 ? 0 : 30, 0, Math.max(1, size)).toArray();
            tokenizer.decode(ids, true);
            TokenStream stream = tokenizer.stream(false);
            StringBuilder streamed = new StringBuilder();
            for (int id : ids) {
                streamed.append(stream.next(id));
            }
            streamed.append(stream.finish());
            String whole = tokenizer.decode(ids, false);
            if (!streamed.toString().equals(whole)) {
                throw new AssertionError("streamed '" + streamed + "', decoded '" + whole + "'");
            }
            return true;
        } catch (TokenizerException refused) {
            if (refused.getMessage() == null || refused.getMessage().length() > 3000) {
                throw new AssertionError("no fit message", refused);
            }
            return false;
        }
    }

    /** Returns a file as text for a message. */
    static String show(byte[] json) {
        String text = new String(json, StandardCharsets.UTF_8);
        return text.length() > 2000 ? text.substring(0, 2000) + "…" : text;
    }
}
