package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class HubConcurrencyTest {

    @TempDir Path folder;
    private FakeHub server;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub().withModel();
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    /** Downloads in a process of its own: arguments are cache and endpoint. */
    static final class Download {
        private Download() {}

        public static void main(String[] arguments) throws IOException {
            hub(arguments[0], arguments[1]).download(FakeHub.REPO);
        }
    }

    private static Hub hub(String cache, String endpoint) throws HubException {
        return Hub.fromEnvironment(Map.of("HF_HUB_CACHE", cache, "HF_ENDPOINT", endpoint));
    }

    @Test
    void threadsDownloadOnce() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(6);
        try {
            List<Future<Path>> results = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Hub hub = hub(folder.toString(), server.endpoint());
                results.add(pool.submit(() -> hub.download(FakeHub.REPO)));
            }
            for (Future<Path> result : results) {
                assertThat(result.get().resolve("model.safetensors"))
                        .hasBinaryContent(server.large.get("model.safetensors"));
            }
        } finally {
            pool.shutdownNow();
        }
        assertThat(server.requests("GET", "/store/")).hasSize(1);
        assertThat(server.requests("GET", "/config.json")).hasSize(1);
    }

    @Test
    void processesDownloadOnce() throws Exception {
        // Both processes have asked about the file before either gets to fetch it.
        AtomicInteger asked = new AtomicInteger();
        server.always(
                "HEAD",
                "/model.safetensors",
                (request, reply) -> {
                    asked.incrementAndGet();
                    for (int i = 0; i < 2000 && asked.get() < 2; i++) {
                        sleep();
                    }
                    return false;
                });
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            processes.add(
                    new ProcessBuilder(
                                    Path.of(System.getProperty("java.home"), "bin", "java")
                                            .toString(),
                                    "-Xmx64m",
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    Download.class.getName(),
                                    folder.toString(),
                                    server.endpoint())
                            .redirectErrorStream(true)
                            .redirectOutput(new File(folder.toFile(), "out" + i))
                            .start());
        }
        for (int i = 0; i < 2; i++) {
            assertThat(processes.get(i).waitFor())
                    .withFailMessage(
                            Files.readString(folder.resolve("out" + i), StandardCharsets.UTF_8))
                    .isZero();
        }
        assertThat(asked).hasValue(2);
        assertThat(server.requests("GET", "/store/")).hasSize(1);
        assertThat(
                        folder.resolve("models--owner--tiny-model/snapshots")
                                .resolve(FakeHub.COMMIT)
                                .resolve("model.safetensors"))
                .hasBinaryContent(server.large.get("model.safetensors"));
    }

    private static void sleep() {
        try {
            Thread.sleep(10);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void fetchesFourFilesAtATime() throws IOException {
        StringBuilder map = new StringBuilder("{\"weight_map\":{");
        for (int i = 0; i < 8; i++) {
            String name = "model-" + i + ".safetensors";
            server.large.put(name, FakeHub.bytes(1000, i));
            map.append(i == 0 ? "" : ",").append("\"t" + i + "\":\"" + name + "\"");
        }
        server.large.remove("model.safetensors");
        byte[] index = map.append("}}").toString().getBytes(StandardCharsets.UTF_8);
        server.files.put("model.safetensors.index.json", index);
        AtomicInteger now = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    most.accumulateAndGet(now.incrementAndGet(), Math::max);
                    // Waits for company, but not for ever, so that too few fail and do not hang.
                    for (int i = 0; i < 100 && most.get() < 4; i++) {
                        sleep();
                    }
                    now.decrementAndGet();
                    return false;
                });
        hub(folder.toString(), server.endpoint()).download(FakeHub.REPO);
        assertThat(most).hasValue(4);
        assertThat(server.requests("GET", "/store/")).hasSize(8);
    }
}
