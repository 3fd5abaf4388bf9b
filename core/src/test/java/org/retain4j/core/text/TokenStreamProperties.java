package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Streamed text is the decoded text, whatever the ids and the decoder are. */
class TokenStreamProperties {

    private static final Map<String, Tokenizer> TOKENIZERS = new HashMap<>();

    /** Each with pieces that the decoder treats in its own way. */
    private static final List<String> DECODERS =
            List.of(
                    "null",
                    "{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
                    "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
                    "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"always\","
                            + "\"split\":true}",
                    "{\"type\":\"CTC\",\"pad_token\":\"x\",\"word_delimiter_token\":\"|\","
                            + "\"cleanup\":true}",
                    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Replace\","
                            + "\"pattern\":{\"String\":\"ab\"},\"content\":\"c\"}]}",
                    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},"
                            + "{\"type\":\"Metaspace\",\"replacement\":\"▁\","
                            + "\"prepend_scheme\":\"first\",\"split\":true}]}",
                    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":"
                            + "{\"String\":\"▁\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},"
                            + "{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,"
                            + "\"stop\":0}]}");

    private static final String VOCABULARY =
            "{\"a\":0,\"b\":1,\"▁\":2,\"▁a\":3,\"##a\":4,\".\":5,\"a</w>\":6,\"<0xF0>\":7,"
                    + "\"<0x9F>\":8,\"<0x98>\":9,\"<0x80>\":10,\"<0x+F>\":11,\"x\":12,\"|\":13,"
                    + "\"\ufffd\":14,\"é\":16,\"▁▁\":17,\" n't\":18}";

    @BeforeContainer
    static void load() throws IOException {
        for (String name :
                List.of("llama", "smollm2", "mistral", "gemma2", "phi3", "gpt2", "stories260K")) {
            TOKENIZERS.put(name, Tokenizer.load(TokenizerGoldenTest.folder(name)));
        }
        for (String decoder : DECODERS) {
            String json =
                    "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":15,\"content\":\"<s>\","
                            + "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                            + "\"normalized\":false,\"special\":true}],\"decoder\":"
                            + decoder
                            + ",\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":"
                            + VOCABULARY
                            + "}}";
            TOKENIZERS.put(
                    decoder,
                    Tokenizer.load(
                            new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)), null));
        }
    }

    @AfterContainer
    static void close() {
        TOKENIZERS.values().forEach(Tokenizer::close);
        TOKENIZERS.clear();
    }

    /** Ids as a random choice, with bytes and special tokens more often than by chance. */
    private static List<Integer> ids(Tokenizer tokenizer, Random random) {
        List<Integer> rare = new ArrayList<>();
        for (int id = 0; id < tokenizer.vocabularySize(); id++) {
            String token = tokenizer.idToToken(id);
            if (token == null
                    || tokenizer.isSpecial(id)
                    || StreamingRule.isByte(token)
                    || token.startsWith("▁")
                    || (token.length() == 1 && token.charAt(0) > 127)) {
                rare.add(id);
            }
        }
        List<Integer> ids = new ArrayList<>();
        int length = random.nextInt(120);
        while (ids.size() < length) {
            boolean fromRare = !rare.isEmpty() && random.nextInt(3) > 0;
            int run = 1 + random.nextInt(6);
            for (int i = 0; i < run; i++) {
                ids.add(
                        fromRare
                                ? rare.get(random.nextInt(rare.size()))
                                : random.nextInt(tokenizer.vocabularySize()));
            }
        }
        return ids;
    }

    @Property(tries = 300)
    void partsTogetherAreTheDecodedText(@ForAll long seed, @ForAll boolean skip) {
        Random random = new Random(seed);
        TOKENIZERS.forEach(
                (name, tokenizer) -> {
                    List<Integer> ids = ids(tokenizer, random);
                    TokenStream stream = tokenizer.stream(skip);
                    StringBuilder text = new StringBuilder();
                    for (int id : ids) {
                        text.append(stream.next(id));
                    }
                    text.append(stream.finish());
                    assertThat(text)
                            .as(name + " " + ids)
                            .hasToString(
                                    tokenizer.decode(
                                            ids.stream().mapToInt(i -> i).toArray(), skip));
                    assertThat(stream.finish()).isEmpty();
                });
    }

    /** Real text comes at once and whole: no part ends in half a character. */
    @Property(tries = 200)
    void textOfWholeCharactersHasNoReplacements(@ForAll String text) {
        for (String name : List.of("llama", "smollm2", "mistral", "gpt2")) {
            Tokenizer tokenizer = TOKENIZERS.get(name);
            int[] ids = tokenizer.encode(text.replace("\ufffd", ""), false);
            String whole = tokenizer.decode(ids, false);
            TokenStream stream = tokenizer.stream(false);
            int held = 0;
            for (int id : ids) {
                String part = stream.next(id);
                assertThat(part).doesNotContain("\ufffd");
                held = part.isEmpty() ? held + 1 : 0;
                if (!name.equals("mistral")) {
                    assertThat(held).as("tokens without text in %s", whole).isLessThan(4);
                }
            }
            assertThat(stream.finish()).isEqualTo(heldAtEnd(tokenizer, ids, whole));
        }
    }

    private static String heldAtEnd(Tokenizer tokenizer, int[] ids, String whole) {
        TokenStream stream = tokenizer.stream(false);
        int given = 0;
        for (int id : ids) {
            given += stream.next(id).length();
        }
        return whole.substring(given);
    }

    @Example
    void wordsAreGivenOutTokenByToken() {
        Tokenizer tokenizer = TOKENIZERS.get("stories260K");
        int[] ids = tokenizer.encode("Once upon a time", false);
        TokenStream stream = tokenizer.stream(true);
        StringBuilder given = new StringBuilder();
        for (int i = 0; i < ids.length; i++) {
            given.append(stream.next(ids[i]));
            assertThat(given)
                    .hasToString(tokenizer.decode(java.util.Arrays.copyOf(ids, i + 1), true));
        }
        assertThat(stream.finish()).isEmpty();
    }

    @Example
    void halfCharactersAreHeldBackAndComeAtTheEnd() {
        Tokenizer tokenizer = TOKENIZERS.get("llama");
        int[] ids = tokenizer.encode("x😀", false);
        TokenStream stream = tokenizer.stream(false);
        assertThat(stream.next(ids[0])).isEqualTo("x");
        assertThat(stream.next(ids[1])).isEmpty();
        assertThat(stream.finish()).isEqualTo("\ufffd");
        assertThat(stream.next(ids[0])).isEqualTo("x");
    }

    @Example
    void refusesUnknownIds() {
        TokenStream stream = TOKENIZERS.get("llama").stream(false);
        assertThatThrownBy(() -> stream.next(384))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("384");
        assertThat(stream.finish()).isEmpty();
    }
}
