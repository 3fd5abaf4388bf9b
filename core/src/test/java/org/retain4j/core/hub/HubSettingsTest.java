package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubSettingsTest {

    @TempDir Path folder;

    private static HubSettings of(String... pairs) throws HubException {
        Map<String, String> environment = new HashMap<>();
        environment.put("HOME", "/home/me");
        for (int i = 0; i < pairs.length; i += 2) {
            environment.put(pairs[i], pairs[i + 1]);
        }
        return HubSettings.of(environment);
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void findsTheCacheAsHuggingfaceHubDoes() throws HubException {
        assertThat(of().cache()).isEqualTo(Path.of("/home/me/.cache/huggingface/hub"));
        assertThat(of("XDG_CACHE_HOME", "/x").cache()).isEqualTo(Path.of("/x/huggingface/hub"));
        assertThat(of("XDG_CACHE_HOME", "/x", "HF_HOME", "~/h").cache())
                .isEqualTo(Path.of("/home/me/h/hub"));
        assertThat(of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/old").cache())
                .isEqualTo(Path.of("/old"));
        assertThat(
                        of(
                                        "HUGGINGFACE_HUB_CACHE",
                                        "/old",
                                        "HF_HUB_CACHE",
                                        "$HOME/${NEW}",
                                        "NEW",
                                        "n")
                                .cache())
                .isEqualTo(Path.of("/home/me/n"));
        assertThat(of("HF_HUB_CACHE", "/a/$UNSET").cache()).isEqualTo(Path.of("/a/$UNSET"));
        assertThat(of("HF_HUB_CACHE", " ").cache())
                .isEqualTo(Path.of("/home/me/.cache/huggingface/hub"));
    }

    @Test
    void findsTheToken() throws IOException {
        String home = folder.toString();
        assertThat(of("HF_HOME", home).currentToken()).isNull();
        Files.writeString(folder.resolve("token"), "hf_file\n");
        assertThat(of("HF_HOME", home).currentToken()).isEqualTo("hf_file");
        assertThat(of("HF_HOME", home, "HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").currentToken())
                .isNull();
        assertThat(of("HF_HOME", home, "HUGGING_FACE_HUB_TOKEN", "hf_old").currentToken())
                .isEqualTo("hf_old");
        assertThat(of("HUGGING_FACE_HUB_TOKEN", "hf_old", "HF_TOKEN", " hf_new\r\n").currentToken())
                .isEqualTo("hf_new");
        Path other = Files.writeString(folder.resolve("other"), "hf_other");
        assertThat(of("HF_HOME", home, "HF_TOKEN_PATH", other.toString()).currentToken())
                .isEqualTo("hf_other");
        Files.write(other, new byte[5000]);
        HubSettings bad = of("HF_TOKEN_PATH", other.toString());
        assertThatThrownBy(bad::currentToken)
                .isInstanceOf(HubException.class)
                .hasMessageContaining(other.toString());
        assertThatThrownBy(() -> of("HF_TOKEN", "hf_a\nX-Header: hidden"))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("HF_TOKEN")
                .hasMessageNotContaining("hidden");
        assertThat(of("HF_TOKEN", "hf_new").toString()).doesNotContain("hf_new");
    }

    @ParameterizedTest
    @CsvSource({"1,true", "true,true", "YES,true", "on,true", "0,false", "no,false", "2,false"})
    void readsSwitches(String value, boolean offline) throws HubException {
        assertThat(of("HF_HUB_OFFLINE", value).offline()).isEqualTo(offline);
        assertThat(of("TRANSFORMERS_OFFLINE", value).offline()).isEqualTo(offline);
        assertThat(of("HF_HUB_DISABLE_SYMLINKS", value).symlinks()).isEqualTo(!offline);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "huggingface.co",
                "ftp://x",
                "http://",
                "http://a b",
                "http://u:p@x",
                "http://x?y",
                "http://x#y",
                "file:///x"
            })
    void refusesEndpointsThatAreNone(String endpoint) {
        assertThatThrownBy(() -> of("HF_ENDPOINT", endpoint))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("HF_ENDPOINT");
    }

    @Test
    void readsEndpointAndTimeout() throws HubException {
        assertThat(of().endpoint()).hasToString("https://huggingface.co");
        assertThat(of("HF_ENDPOINT", "https://m.example/hub//").endpoint())
                .hasToString("https://m.example/hub");
        assertThat(of("HF_HUB_DOWNLOAD_TIMEOUT", "7").stallTimeout())
                .isEqualTo(Duration.ofSeconds(7));
        assertThatThrownBy(() -> of("HF_HUB_DOWNLOAD_TIMEOUT", "0"))
                .isInstanceOf(HubException.class);
        Hub hub = Hub.fromEnvironment(Map.of());
        assertThatThrownBy(() -> hub.withTimeouts(Duration.ZERO, Duration.ofSeconds(1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void readsRetryAfter() {
        Instant now = Instant.parse("2015-10-21T07:28:00Z");
        assertThat(RetryPolicy.retryAfter(null, now)).isNull();
        assertThat(RetryPolicy.retryAfter(" 12 ", now)).isEqualTo(Duration.ofSeconds(12));
        assertThat(RetryPolicy.retryAfter("Wed, 21 Oct 2015 07:28:30 GMT", now))
                .isEqualTo(Duration.ofSeconds(30));
        assertThat(RetryPolicy.retryAfter("Wed, 21 Oct 2015 07:27:30 GMT", now))
                .isEqualTo(Duration.ZERO);
        assertThat(RetryPolicy.retryAfter("soon", now)).isNull();
        assertThat(RetryPolicy.retryAfter("-1", now)).isNull();
        assertThat(RetryPolicy.retryAfter("9".repeat(30), now)).isNull();
    }
}
