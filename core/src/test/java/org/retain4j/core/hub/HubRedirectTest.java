package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class HubRedirectTest {

    private static final String TOKEN = "hf_verySecret";

    @TempDir Path folder;
    private FakeHub server;
    private FakeHub other;
    private Hub hub;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub().withModel();
        other = new FakeHub();
        other.large.putAll(server.large);
        hub =
                Hub.fromEnvironment(
                                Map.of(
                                        "HF_HOME", folder.toString(),
                                        "HF_TOKEN", TOKEN,
                                        "HF_ENDPOINT", server.endpoint()))
                        .withPauses(pause -> {});
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
        other.close();
    }

    @Test
    void sendsTheTokenToTheHubOnly() throws IOException {
        server.store = other.endpoint();
        Path snapshot = hub.download(FakeHub.REPO);
        assertThat(snapshot.resolve("model.safetensors"))
                .hasBinaryContent(server.large.get("model.safetensors"));
        assertThat(server.requests)
                .isNotEmpty()
                .allMatch(r -> r.header("authorization").equals("Bearer " + TOKEN));
        assertThat(other.requests)
                .hasSize(1)
                .allMatch(r -> r.method().equals("GET"))
                .noneMatch(r -> r.headers().toString().contains(TOKEN));
    }

    @Test
    void sendsNoTokenToAnotherPortOrName() throws IOException {
        server.store = server.endpoint().replace("127.0.0.1", "localhost");
        hub.download(FakeHub.REPO);
        assertThat(server.requests("GET", "/store/"))
                .hasSize(1)
                .noneMatch(r -> r.headers().toString().contains(TOKEN));
    }

    @Test
    void followsRelativeRedirectsWithTheToken() throws IOException {
        String target = "/" + FakeHub.REPO + "/resolve/" + FakeHub.COMMIT + "/config.json?new=1";
        byte[] config = server.files.get("config.json");
        server.always(
                "HEAD",
                "config.json",
                (r, reply) ->
                        !r.path().endsWith("new=1") && reply.empty(307, "Location: " + target));
        server.always(
                "GET",
                "config.json",
                (r, reply) ->
                        !r.path().endsWith("new=1") && reply.empty(308, "Location: " + target));
        server.tricks.add(
                (r, reply) -> {
                    if (r.path().endsWith("config.json?new=1")) {
                        server.send(r, reply, config, "ETag: \"" + FakeHub.gitSha1(config) + "\"");
                        return true;
                    }
                    return false;
                });
        Path snapshot = hub.download(FakeHub.REPO);
        assertThat(snapshot.resolve("config.json")).hasBinaryContent(config);
        assertThat(server.requests("GET", "new=1"))
                .hasSize(1)
                .allMatch(r -> r.header("authorization").equals("Bearer " + TOKEN));
    }

    @Test
    void followsARenamedRepository() throws IOException {
        server.always(
                "GET",
                "/api/models/old",
                (r, reply) ->
                        reply.empty(
                                307, "Location: /api/models/" + FakeHub.REPO + "/revision/main"));
        server.tricks.add(
                (r, reply) ->
                        r.path().startsWith("/old/")
                                && reply.empty(
                                        307, "Location: /" + FakeHub.REPO + r.path().substring(4)));
        assertThat(hub.download("old").resolve("config.json"))
                .hasBinaryContent(server.files.get("config.json"));
        assertThat(folder.resolve("hub/models--old/refs/main")).hasContent(FakeHub.COMMIT);
    }

    @Test
    void stopsInALoop() {
        server.always(
                "HEAD", "config.json", (r, reply) -> reply.empty(302, "Location: " + r.path()));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("redirects more than 10 times");
        assertThat(server.requests("HEAD", "config.json")).hasSize(11);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "file:///etc/passwd",
                "ftp://x/y",
                "http://",
                "http://a b/",
                "mailto:x",
                "http://user:password@127.0.0.1/",
                "jar:file:/x!/y"
            })
    void refusesOtherTargets(String location) throws IOException {
        server.always("GET", "/store/", (r, reply) -> reply.empty(302, "Location: " + location));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("redirects to");
        try (var files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile))
                    .noneMatch(file -> file.toString().endsWith(".safetensors"));
        }
    }

    @Test
    void getsANewAddressWhenASignedOneHasExpired() throws IOException {
        server.store = other.endpoint();
        other.first(2, "GET", "/store/", (r, reply) -> reply.empty(403));
        hub.download(FakeHub.REPO);
        assertThat(server.requests("GET", "/model.safetensors")).hasSize(3);
    }

    @Test
    void neverShowsSecretsInMessages() throws IOException {
        server.store = other.endpoint();
        other.always("GET", "/store/", (r, reply) -> reply.empty(400));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .satisfies(
                        e ->
                                assertThat(e.toString() + e.getCause() + hub)
                                        .contains("answers 400")
                                        .doesNotContain(TOKEN, "signature"));
        assertThatThrownBy(() -> hub.withToken("two secretWords"))
                .isInstanceOf(HubException.class)
                .hasMessageNotContaining("secretWords");
    }
}
