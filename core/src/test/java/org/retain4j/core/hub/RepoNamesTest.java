package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RepoNamesTest {

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "HuggingFaceTB/SmolLM2-135M",
                "123",
                "Foo-BAR_foo.bar123",
                "a/b",
                "_x/y_"
            })
    void takesRepositoryNames(String text) {
        assertThat(Hub.isRepoId(text)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "a/",
                "/a",
                "a/b/c",
                "datasets/foo/bar",
                ".repo",
                "repo.",
                "-a/b",
                "a/b-",
                "foo--bar",
                "a/../b",
                "..",
                "a/..",
                "foo.git",
                "é/a",
                "a b",
                "a\\b",
                "C:\\x",
                "a/b\n",
                "~/x",
                "./x"
            })
    void refusesOtherTexts(String text) throws IOException {
        assertThat(Hub.isRepoId(text)).isFalse();
        Hub hub = Hub.fromEnvironment(Map.of("HF_HOME", folder.toString())).withOffline(true);
        assertThatThrownBy(() -> hub.download(text))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("is not a repository");
    }

    @Test
    void boundsTheLengthOfRepositoryNames() {
        assertThat(Hub.isRepoId("a".repeat(96) + "/" + "b".repeat(96))).isTrue();
        assertThat(Hub.isRepoId("a".repeat(97))).isFalse();
        assertThat(Hub.isRepoId("a/" + "b".repeat(97))).isFalse();
        assertThat(Hub.isRepoId("a".repeat(97) + "/b")).isFalse();
        assertThat(Hub.isRepoId("a-".repeat(1_000_000))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../x",
                "a/../../x",
                "/etc/passwd",
                "a//b",
                "a/",
                "",
                ".",
                "a\\b",
                "..\\x",
                "a\nb",
                "a\0b",
                "\ud800",
                "CON",
                "aux.txt",
                "a/lpt1.json",
                "C:x",
                "a:stream",
                "a.",
                "a ",
                "a?",
                "a*b",
                "a|b"
            })
    void refusesPathsAndRevisionsThatCouldLeadElsewhere(String path) throws IOException {
        Hub hub = Hub.fromEnvironment(Map.of("HF_HOME", folder.toString())).withOffline(true);
        assertThatThrownBy(() -> hub.downloadFile("a/b", Hub.MAIN, path, DownloadListener.NONE))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("has the path");
        assertThatThrownBy(() -> hub.download("a/b", path, DownloadListener.NONE))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("has the path");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../../evil.jinja",
                "additional_chat_templates/../../../evil.jinja",
                "/evil",
                "x\\\\evil",
                "additional_chat_templates/evil\\u0000.jinja",
                "additional_chat_templates/NUL.jinja"
            })
    void writesNothingForHostileListings(String name) throws IOException {
        try (FakeHub server = new FakeHub().withModel()) {
            server.files.put(name, "evil".getBytes(StandardCharsets.UTF_8));
            Hub hub =
                    Hub.fromEnvironment(
                            Map.of(
                                    "HF_HOME", folder.resolve("home").toString(),
                                    "HF_ENDPOINT", server.endpoint()));
            assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                    .isInstanceOf(HubException.class)
                    .hasMessageContaining("has the path");
            assertThat(server.requests("GET", "/resolve/")).isEmpty();
        }
        try (var files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../evil.safetensors",
                "/evil.safetensors",
                "a/evil.safetensors",
                ".evil.safetensors",
                "config.json",
                "con.safetensors",
                "model.bin"
            })
    void writesNothingForHostileIndexes(String shard) throws IOException {
        try (FakeHub server = new FakeHub().withModel()) {
            server.large.remove("model.safetensors");
            String json = "{\"weight_map\":{\"t\":\"" + shard + "\"}}";
            server.files.put("model.safetensors.index.json", json.getBytes(StandardCharsets.UTF_8));
            Hub hub =
                    Hub.fromEnvironment(
                            Map.of(
                                    "HF_HOME", folder.resolve("home").toString(),
                                    "HF_ENDPOINT", server.endpoint()));
            assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                    .isInstanceOf(HubException.class)
                    .hasMessageContaining("index");
            assertThat(server.requests("GET", "/resolve/")).hasSize(1);
        }
        try (var files = Files.walk(folder)) {
            assertThat(files.map(Path::toString)).noneMatch(name -> name.contains("evil"));
        }
    }

    @Test
    void showsForeignTextsWithoutControlCharacters() {
        assertThat(RepoNames.quote("a\u001b[31mb\u202e\n")).isEqualTo("\"a?[31mb??\"");
        assertThat(RepoNames.quote("x".repeat(1000))).hasSize(203);
    }
}
