package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files whose tokens are not what a stream of tokens would expect. */
class TokenStreamTest {

    private static Tokenizer tokenizer(String decoders, String vocabulary) throws IOException {
        String json =
                """
                {"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
                 "normalizer":null,"pre_tokenizer":null,"post_processor":null,
                 "decoder":{"type":"Sequence","decoders":[%s]},
                 "model":{"type":"WordLevel","unk_token":"a","vocab":{%s}}}"""
                        .formatted(decoders, vocabulary);
        return Tokenizer.load(
                new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)), null);
    }

    private static void assertStreamsAsDecoded(Tokenizer tokenizer, int... ids) {
        TokenStream stream = tokenizer.stream(false);
        StringBuilder streamed = new StringBuilder();
        for (int id : ids) {
            streamed.append(stream.next(id));
        }
        assertThat(streamed.append(stream.finish())).hasToString(tokenizer.decode(ids, false));
    }

    /** Which of two tokens of one id the native library decodes changes from load to load. */
    @Test
    void streamsTokensOfOneIdAsTheNativeLibraryDecodesThem() throws IOException {
        for (int i = 0; i < 20; i++) {
            try (Tokenizer tokenizer =
                    tokenizer(
                            "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}",
                            "\"a\":0,\"b\":1,\"<0xF0>\":1,\"<0x9F>\":2")) {
                assertStreamsAsDecoded(tokenizer, 1, 2, 0, 2, 1, 0);
            }
        }
    }

    /** Eight tokens are decoded again with new ones, to find what these add. */
    @ParameterizedTest
    @ValueSource(ints = {5, 6})
    void tokensWithoutBytesDoNotBreakAnUnfinishedCharacter(int nothing) throws IOException {
        // the bytes F0 9F 98 80 of a face in the alphabet of the byte-level decoder
        try (Tokenizer tokenizer =
                tokenizer(
                        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"▁\"},\"content\":\"\"},"
                                + "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
                                + "\"trim_offsets\":true,\"use_regex\":true}",
                        "\"a\":0,\"ð\":1,\"Ł\":2,\"ĺ\":3,\"Ģ\":4,\"\":5,\"▁\":6")) {
            assertThat(tokenizer.decode(new int[] {1, 2, 3, 4}, false)).isEqualTo("😀");
            int[] ids = new int[40];
            Arrays.fill(ids, nothing);
            ids[3] = 1;
            ids[4] = 2;
            ids[5] = 3;
            ids[30] = 4;
            assertThat(tokenizer.decode(ids, false)).isEqualTo("😀");
            assertStreamsAsDecoded(tokenizer, ids);
        }
    }
}
