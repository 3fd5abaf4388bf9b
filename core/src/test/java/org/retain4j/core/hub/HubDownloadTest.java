package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubDownloadTest {

    @TempDir Path folder;
    private FakeHub server;
    private Hub hub;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub();
        hub =
                Hub.fromEnvironment(
                        Map.of(
                                "HF_HOME",
                                folder.resolve("home").toString(),
                                "HF_ENDPOINT",
                                server.endpoint() + "/"));
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private Path repo() {
        return folder.resolve("home/hub/models--owner--tiny-model");
    }

    private static List<String> names(Path root) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> root.relativize(file).toString().replace('\\', '/'))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void laysTheCacheOutAsHuggingfaceHubDoes() throws IOException {
        server.withModel();
        Path snapshot = hub.download(FakeHub.REPO);
        assertThat(snapshot).isEqualTo(repo().resolve("snapshots").resolve(FakeHub.COMMIT));
        assertThat(names(snapshot))
                .containsExactly(
                        "LICENSE",
                        "README.md",
                        "config.json",
                        "model.safetensors",
                        "tokenizer.json");
        byte[] weights = server.large.get("model.safetensors");
        assertThat(snapshot.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(Files.readSymbolicLink(snapshot.resolve("model.safetensors")))
                .isEqualTo(Path.of("../../blobs/" + FakeHub.sha256(weights)));
        assertThat(repo().resolve("refs/main")).hasContent(FakeHub.COMMIT);
        assertThat(names(repo().resolve("blobs")))
                .contains(
                        FakeHub.gitSha1(server.files.get("config.json")),
                        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
                .noneMatch(name -> name.contains("incomplete"));
        assertThat(names(repo().resolve(".no_exist").resolve(FakeHub.COMMIT)))
                .contains("chat_template.jinja", "tokenizer.model")
                .doesNotContain("tokenizer.json", "model.safetensors", "README.md");
        assertThat(folder.resolve("home/hub/.locks/models--owner--tiny-model"))
                .isDirectoryContaining(file -> file.endsWith(FakeHub.sha256(weights) + ".lock"));
    }

    @Test
    void asksOnlyWhetherTheRevisionMovedWhenAllIsCached() throws IOException {
        server.withModel();
        Path snapshot = hub.download(FakeHub.REPO);
        server.requests.clear();
        assertThat(hub.download(FakeHub.REPO)).isEqualTo(snapshot);
        assertThat(server.requests).hasSize(1);
        server.requests.clear();
        assertThat(hub.download(FakeHub.REPO, FakeHub.COMMIT, DownloadListener.NONE))
                .isEqualTo(snapshot);
        assertThat(server.requests).isEmpty();
    }

    @Test
    void asksAgainForACommitWhoseSnapshotIsNotComplete() throws IOException {
        server.withModel();
        Path snapshot = hub.download(FakeHub.REPO);
        Files.delete(snapshot.resolve("tokenizer.json"));
        Files.delete(repo().resolve("blobs").resolve(FakeHub.gitSha1(new byte[] {'{', '}'})));
        server.requests.clear();
        hub.download(FakeHub.REPO, FakeHub.COMMIT, DownloadListener.NONE);
        assertThat(snapshot.resolve("tokenizer.json")).hasContent("{}");
        assertThat(server.requests("GET", "/resolve/")).hasSize(1);
    }

    @Test
    void linksABlobThatAnotherCommitBrought() throws IOException {
        server.withModel();
        Path snapshot = hub.download(FakeHub.REPO);
        Files.delete(snapshot.resolve("model.safetensors"));
        server.requests.clear();
        hub.download(FakeHub.REPO);
        assertThat(server.requests("GET", "/resolve/")).isEmpty();
        assertThat(snapshot.resolve("model.safetensors"))
                .hasBinaryContent(server.large.get("model.safetensors"));
    }

    @Test
    void followsTheIndexToItsShards() throws IOException {
        server.withModel();
        server.large.remove("model.safetensors");
        server.files.put(
                "model.safetensors.index.json",
                ("{\"metadata\":{\"total_size\":4},\"weight_map\":{"
                                + "\"a\":\"model-00001-of-00002.safetensors\","
                                + "\"b\":\"model-00002-of-00002.safetensors\","
                                + "\"c\":\"model-00001-of-00002.safetensors\"}}")
                        .getBytes(StandardCharsets.UTF_8));
        server.large.put("model-00001-of-00002.safetensors", FakeHub.bytes(5000, 3));
        server.large.put("model-00002-of-00002.safetensors", FakeHub.bytes(6000, 4));
        server.large.put("model-00003-of-00002.safetensors", FakeHub.bytes(10, 5));
        Path snapshot = hub.download(FakeHub.REPO);
        assertThat(names(snapshot))
                .contains(
                        "model.safetensors.index.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors")
                .doesNotContain("model-00003-of-00002.safetensors");
        server.requests.clear();
        hub.download(FakeHub.REPO, FakeHub.COMMIT, DownloadListener.NONE);
        assertThat(server.requests).isEmpty();

        Files.delete(snapshot.resolve("model-00002-of-00002.safetensors"));
        assertThatThrownBy(() -> hub.withOffline(true).download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("model-00002-of-00002.safetensors")
                .hasMessageContaining("HF_HUB_OFFLINE");

        server.large.remove("model-00002-of-00002.safetensors");
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("no file \"model-00002-of-00002.safetensors\"");
    }

    @Test
    void takesChatTemplatesAndAdapters() throws IOException {
        server.files.put("adapter_config.json", new byte[] {'{', '}'});
        server.large.put("adapter_model.safetensors", FakeHub.bytes(100, 1));
        server.large.put("adapter_model.bin", FakeHub.bytes(100, 1));
        server.files.put("chat_template.jinja", new byte[] {'x'});
        server.files.put("additional_chat_templates/tools.jinja", new byte[] {'y'});
        server.files.put("additional_chat_templates/deep/tools.jinja", new byte[] {'z'});
        Path snapshot = hub.download(FakeHub.REPO);
        assertThat(names(snapshot))
                .containsExactly(
                        "adapter_config.json",
                        "adapter_model.safetensors",
                        "additional_chat_templates/tools.jinja",
                        "chat_template.jinja");
        assertThat(
                        Files.readSymbolicLink(
                                snapshot.resolve("additional_chat_templates/tools.jinja")))
                .isEqualTo(Path.of("../../../blobs/" + FakeHub.gitSha1(new byte[] {'y'})));
        server.requests.clear();
        assertThat(hub.download(FakeHub.REPO, FakeHub.COMMIT, DownloadListener.NONE))
                .isEqualTo(snapshot);
        assertThat(server.requests).isEmpty();
    }

    @Test
    void refusesPicklesWithAWayToConvertThem() throws IOException {
        server.withModel();
        server.large.remove("model.safetensors");
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("pytorch_model.bin")
                .hasMessageContaining("safe_serialization=True");
        assertThatThrownBy(
                        () ->
                                hub.downloadFile(
                                        FakeHub.REPO,
                                        Hub.MAIN,
                                        "pytorch_model.bin",
                                        DownloadListener.NONE))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("safe_serialization=True");
        assertThat(server.requests("GET", "/resolve/")).isEmpty();
        assertThat(server.requests("HEAD", "/resolve/")).isEmpty();
    }

    @Test
    void namesGgufFilesAndFetchesOne() throws IOException {
        server.large.put("tiny-Q4_0.gguf", FakeHub.bytes(700, 1));
        server.large.put("sub/tiny F16.gguf".replace(' ', '-'), FakeHub.bytes(900, 2));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("GGUF")
                .hasMessageContaining("\"tiny-Q4_0.gguf\"");
        Path file =
                hub.downloadFile(
                        FakeHub.REPO, Hub.MAIN, "sub/tiny-F16.gguf", DownloadListener.NONE);
        assertThat(file).hasBinaryContent(FakeHub.bytes(900, 2));
        server.requests.clear();
        assertThat(
                        hub.withOffline(true)
                                .downloadFile(
                                        FakeHub.REPO,
                                        Hub.MAIN,
                                        "sub/tiny-F16.gguf",
                                        DownloadListener.NONE))
                .isEqualTo(file);
        assertThat(server.requests).isEmpty();
        assertThatThrownBy(
                        () ->
                                hub.downloadFile(
                                        FakeHub.REPO,
                                        Hub.MAIN,
                                        "tiny-Q8_0.gguf",
                                        DownloadListener.NONE))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("no file \"tiny-Q8_0.gguf\"");
    }

    @Test
    void refusesRepositoriesWithoutAModel() throws IOException {
        server.files.put("notes.txt", new byte[3]);
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("neither model.safetensors nor");
        server.large.put("consolidated.safetensors", new byte[3]);
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("\"consolidated.safetensors\"");
        server.large.put("model.safetensors", new byte[3]);
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("config.json");
    }

    @Test
    void tellsProgressUpToTheWholeSize() throws IOException {
        server.withModel();
        List<DownloadListener.Progress> heard = new ArrayList<>();
        hub.download(FakeHub.REPO, Hub.MAIN, heard::add);
        long size = 300_000 + 22 + 2 + 7;
        assertThat(heard).isNotEmpty().allMatch(p -> p.size() == size && p.done() <= size);
        assertThat(heard.get(heard.size() - 1).done()).isEqualTo(size);
        assertThat(heard)
                .filteredOn(p -> p.file().equals("model.safetensors"))
                .last()
                .satisfies(p -> assertThat(p.fileDone()).isEqualTo(300_000));
        heard.clear();
        hub.download(FakeHub.REPO, Hub.MAIN, heard::add);
        assertThat(heard).hasSize(5);
        assertThat(heard.get(4).done()).isEqualTo(size);
        assertThatThrownBy(
                        () ->
                                hub.download(
                                        FakeHub.REPO,
                                        Hub.MAIN,
                                        progress -> {
                                            throw new IllegalStateException("enough");
                                        }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("enough");
    }

    @Test
    void worksWithoutSymbolicLinks() throws IOException {
        server.withModel();
        Hub plain =
                Hub.fromEnvironment(
                        Map.of(
                                "HF_HUB_CACHE", folder.resolve("plain").toString(),
                                "HF_HUB_DISABLE_SYMLINKS", "1",
                                "HF_ENDPOINT", server.endpoint()));
        Path file = plain.download(FakeHub.REPO).resolve("model.safetensors");
        assertThat(Files.isSymbolicLink(file)).isFalse();
        assertThat(file).hasBinaryContent(server.large.get("model.safetensors"));
        RepoCache.copy(file, folder.resolve("copy"));
        assertThat(folder.resolve("copy")).hasSameBinaryContentAs(file);
    }

    @Test
    void usesBranchesWithSlashesAndRefreshesThem() throws IOException {
        server.withModel();
        hub.download(FakeHub.REPO, "refs/pr/1", DownloadListener.NONE);
        assertThat(server.requests.get(0).path()).endsWith("/revision/refs%2Fpr%2F1");
        Path ref = repo().resolve("refs/refs/pr/1");
        assertThat(ref).hasContent(FakeHub.COMMIT);
        Files.writeString(ref, "f".repeat(40));
        hub.download(FakeHub.REPO, "refs/pr/1", DownloadListener.NONE);
        assertThat(ref).hasContent(FakeHub.COMMIT);
    }

    @Test
    void livesOnTheCacheWhenOfflineOrWithoutNetwork() throws IOException {
        server.withModel();
        Hub offline = hub.withOffline(true);
        assertThatThrownBy(() -> offline.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("\"main\" is not in the cache")
                .hasMessageContaining("HF_HUB_OFFLINE");
        Path snapshot = hub.download(FakeHub.REPO);
        server.requests.clear();
        assertThat(offline.download(FakeHub.REPO)).isEqualTo(snapshot);
        assertThat(server.requests).isEmpty();

        server.always("GET", "/api/", (request, reply) -> reply.empty(503));
        assertThat(hub.download(FakeHub.REPO)).isEqualTo(snapshot);
        server.close();
        assertThat(hub.download(FakeHub.REPO)).isEqualTo(snapshot);
        assertThatThrownBy(
                        () ->
                                hub.withPauses(pause -> {})
                                        .download(FakeHub.REPO, "other", DownloadListener.NONE))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("check the network");

        Files.delete(snapshot.resolve("config.json"));
        assertThatThrownBy(() -> offline.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("\"config.json\"");
    }

    @Test
    void reusesConnectionsOfAServerThatKeepsThem() throws IOException {
        server.withModel();
        Map<String, byte[]> files = new TreeMap<>(server.files);
        files.put("model.safetensors", server.large.get("model.safetensors"));
        Set<Object> connections = ConcurrentHashMap.newKeySet();
        HttpServer jdk = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        ExecutorService pool = Executors.newCachedThreadPool();
        jdk.setExecutor(pool);
        jdk.createContext(
                "/",
                exchange -> {
                    connections.add(exchange.getRemoteAddress());
                    String path = exchange.getRequestURI().getPath();
                    byte[] body;
                    if (path.startsWith("/api/")) {
                        String siblings =
                                files.keySet().stream()
                                        .map(name -> "{\"rfilename\":\"" + name + "\"}")
                                        .collect(Collectors.joining(","));
                        body =
                                ("{\"siblings\":["
                                                + siblings
                                                + "],\"sha\":\""
                                                + FakeHub.COMMIT
                                                + "\"}")
                                        .getBytes(StandardCharsets.UTF_8);
                    } else {
                        body = files.get(path.substring(path.lastIndexOf('/') + 1));
                        exchange.getResponseHeaders()
                                .set("ETag", "\"" + FakeHub.gitSha1(body) + "\"");
                    }
                    boolean head = exchange.getRequestMethod().equals("HEAD");
                    // Chunked and without a length, so that the size is known at the end only.
                    exchange.sendResponseHeaders(200, head ? -1 : 0);
                    if (!head) {
                        exchange.getResponseBody().write(body);
                    }
                    exchange.close();
                });
        jdk.start();
        try {
            List<DownloadListener.Progress> heard = new ArrayList<>();
            Path snapshot =
                    hub.withEndpoint("http://127.0.0.1:" + jdk.getAddress().getPort())
                            .download(FakeHub.REPO, Hub.MAIN, heard::add);
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                assertThat(snapshot.resolve(file.getKey())).hasBinaryContent(file.getValue());
            }
            assertThat(heard).allMatch(p -> p.size() == -1);
            // One listing, five descriptions and five files, at most four at a time.
            assertThat(connections).hasSizeLessThan(11);
        } finally {
            jdk.stop(0);
            pool.shutdownNow();
        }
    }

    @Test
    void checksTheDiskBeforeItStarts() throws IOException {
        server.withModel();
        server.large.remove("model.safetensors");
        StringBuilder map = new StringBuilder("{\"weight_map\":{\"t\":\"s0.safetensors\"");
        for (int i = 0; i < 60; i++) {
            server.large.put("s" + i + ".safetensors", new byte[] {(byte) i, (byte) (i >> 8)});
            map.append(",\"t" + i + "\":\"s" + i + ".safetensors\"");
        }
        server.files.put(
                "model.safetensors.index.json",
                map.append("}}").toString().getBytes(StandardCharsets.UTF_8));
        server.always(
                "HEAD",
                ".safetensors",
                (request, reply) ->
                        !request.path().endsWith(".json")
                                && reply.empty(
                                        200,
                                        "ETag: \""
                                                + FakeHub.hex(
                                                        "SHA-256",
                                                        request.path()
                                                                .getBytes(StandardCharsets.UTF_8))
                                                + "\"",
                                        "X-Linked-Size: " + (16L << 40)));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("are free");
        assertThat(server.requests("GET", "s0.safetensors")).isEmpty();
    }
}
