package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that break off, lie, stall, refuse or ask for patience. */
@Timeout(60)
class HubBrokenServerTest {

    private static final String WEIGHTS = "model.safetensors";

    @TempDir Path folder;
    private final List<Duration> pauses = new CopyOnWriteArrayList<>();
    private FakeHub server;
    private Hub hub;
    private byte[] weights;
    private Path part;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub().withModel();
        weights = server.large.get(WEIGHTS);
        hub =
                Hub.fromEnvironment(Map.of("HF_HOME", folder.toString()))
                        .withEndpoint(server.endpoint())
                        .withPauses(pauses::add);
        part =
                folder.resolve("hub/models--owner--tiny-model/blobs")
                        .resolve(FakeHub.sha256(weights) + ".retain4j.incomplete");
    }

    @AfterEach
    void stop() throws IOException {
        server.close();
    }

    private void download() throws IOException {
        assertThat(hub.download(FakeHub.REPO).resolve(WEIGHTS)).hasBinaryContent(weights);
        assertThat(part).doesNotExist();
    }

    private List<String> ranges() {
        return server.requests("GET", "/store/").stream().map(r -> r.header("range")).toList();
    }

    private void assertFails(String... parts) {
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
        assertThat(folder.resolve("hub/models--owner--tiny-model/refs")).doesNotExist();
    }

    private FakeHub.Trick breakAfter(int bytes, boolean reset) {
        return (request, reply) -> {
            String range = request.header("range");
            int from = range.isEmpty() ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
            int rest = weights.length - from;
            String[] headers = {
                "Content-Length: " + rest,
                "Content-Range: bytes " + from + "-" + (weights.length - 1) + "/" + weights.length
            };
            reply.head(from == 0 ? 200 : 206, headers);
            reply.body(Arrays.copyOfRange(weights, from, from + Math.min(rest, bytes)));
            if (reset) {
                reply.reset();
            }
            return true;
        };
    }

    @Test
    void goesOnWhereTheConnectionBroke() throws IOException {
        server.first(2, "GET", "/store/", breakAfter(100_000, false));
        download();
        assertThat(ranges()).containsExactly("", "bytes=100000-", "bytes=200000-");
        assertThat(server.sentBytes.get()).isLessThan(100_000 + 1000);
        assertThat(pauses).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2));
    }

    @Test
    void triesAgainAfterAReset() throws IOException {
        server.first(2, "GET", "/store/", breakAfter(50_000, true));
        server.first(
                1,
                "HEAD",
                "config.json",
                (request, reply) -> {
                    reply.reset();
                    return true;
                });
        download();
        assertThat(ranges()).hasSize(3);
    }

    @Test
    void goesOnInTheNextRun() throws IOException {
        server.always("GET", "/store/", breakAfter(30_000, false));
        assertFails("broke off", "6 attempts");
        assertThat(Files.size(part)).isEqualTo(180_000);
        server.tricks.clear();
        server.requests.clear();
        download();
        assertThat(ranges()).containsExactly("bytes=180000-");
    }

    @Test
    void startsOverWhenRangesAreIgnored() throws IOException {
        Files.createDirectories(part.getParent());
        Files.write(part, Arrays.copyOf(weights, 1234));
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + weights.length);
                    reply.body(weights);
                    return true;
                });
        download();
        assertThat(ranges()).containsExactly("bytes=1234-");
    }

    @Test
    void startsOverWithoutALengthWhenRangesAreIgnored() throws IOException {
        byte[] content = server.files.get("tokenizer.json");
        String etag = FakeHub.gitSha1(content);
        Files.createDirectories(part.getParent());
        Files.write(part.resolveSibling(etag + ".retain4j.incomplete"), new byte[100]);
        server.always(
                "HEAD",
                "tokenizer.json",
                (request, reply) -> {
                    reply.head(200, "ETag: \"" + etag + "\"");
                    return true;
                });
        server.always(
                "GET",
                "tokenizer.json",
                (request, reply) -> {
                    reply.head(200);
                    reply.body(content);
                    return true;
                });
        download();
        assertThat(part.resolveSibling(etag)).hasBinaryContent(content);
        assertThat(server.requests("GET", "tokenizer.json"))
                .extracting(request -> request.header("range"))
                .containsExactly("bytes=100-");
    }

    @Test
    void startsOverWhenAnEarlierPartIsDamagedOrTooLong() throws IOException {
        Files.createDirectories(part.getParent());
        Files.write(part, new byte[1234]);
        download();
        assertThat(ranges()).containsExactly("bytes=1234-", "");

        server.requests.clear();
        Path blob = part.resolveSibling(FakeHub.sha256(weights));
        Files.delete(blob);
        Files.write(part, new byte[weights.length + 1]);
        download();
        assertThat(ranges()).containsExactly("");

        server.requests.clear();
        Files.delete(blob);
        Files.write(part, weights);
        download();
        assertThat(ranges()).isEmpty();
    }

    @Test
    void replacesABlobOfTheWrongLength() throws IOException {
        Files.createDirectories(part.getParent());
        Files.write(part.resolveSibling(FakeHub.sha256(weights)), new byte[7]);
        download();
    }

    @Test
    void startsOverWhenTheRangeIsPastTheEnd() throws IOException {
        Files.createDirectories(part.getParent());
        Files.write(part, Arrays.copyOf(weights, 1234));
        server.first(1, "GET", "/store/", (request, reply) -> reply.empty(416));
        download();
        assertThat(ranges()).containsExactly("bytes=1234-", "");
    }

    @Test
    void refusesAnotherRangeThanAskedFor() throws IOException {
        Files.createDirectories(part.getParent());
        Files.write(part, Arrays.copyOf(weights, 1234));
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(206, "Content-Range: bytes 0-9/300000", "Content-Length: 10");
                    reply.body(new byte[10]);
                    return true;
                });
        assertFails("range", "byte 1234");
    }

    @Test
    void refusesMoreBytesThanPromised() throws IOException {
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + (weights.length + 50_000));
                    reply.body(Arrays.copyOf(weights, weights.length + 50_000));
                    return true;
                });
        assertFails(WEIGHTS, "expected 300000");
        assertThat(part).isEmptyFile();
    }

    @Test
    void refusesALengthThatIsAlwaysTooShort() throws IOException {
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    boolean first = request.header("range").isEmpty();
                    reply.head(first ? 200 : 416, "Content-Length: " + (first ? 10 : 0));
                    reply.body(first ? Arrays.copyOf(weights, 10) : new byte[0]);
                    return true;
                });
        assertFails(WEIGHTS, "gave up after 6 attempts");
    }

    @Test
    void throwsContentWithTheWrongChecksumAway() throws IOException {
        server.always(
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + weights.length);
                    reply.body(new byte[weights.length]);
                    return true;
                });
        assertFails(WEIGHTS, "checksum " + FakeHub.sha256(weights));
        assertThat(part).doesNotExist();
        assertThat(part.resolveSibling(FakeHub.sha256(weights))).doesNotExist();
        assertThat(ranges()).hasSize(1);
    }

    @Test
    void checksSmallFilesByTheirGitChecksum() throws IOException {
        server.always(
                "GET",
                "/tokenizer.json",
                (request, reply) -> {
                    reply.head(200, "Content-Length: 2");
                    reply.body("[]".getBytes(StandardCharsets.UTF_8));
                    return true;
                });
        assertFails("tokenizer.json", "checksum " + FakeHub.gitSha1(new byte[] {'{', '}'}));
    }

    @Test
    void startsOverWhenTheEtagChangesMeanwhile() throws IOException {
        byte[] old = weights;
        weights = FakeHub.bytes(200_000, 9);
        server.first(
                1,
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + old.length);
                    reply.body(Arrays.copyOf(old, 4321));
                    server.large.put(WEIGHTS, weights);
                    return true;
                });
        download();
        assertThat(ranges()).containsExactly("", "bytes=4321-", "");
        assertThat(part.resolveSibling(FakeHub.sha256(weights))).hasBinaryContent(weights);
        assertThat(part.resolveSibling(FakeHub.sha256(old))).doesNotExist();
    }

    @Test
    void givesUpWhenTheEtagNeverStaysTheSame() {
        int[] count = {0};
        server.always(
                "HEAD",
                "tokenizer.json",
                (request, reply) ->
                        reply.empty(200, "ETag: \"" + "a".repeat(39) + count[0]++ + "\""));
        assertFails("etag of \"tokenizer.json\"", "changes again and again");
    }

    @Test
    void doesNotWaitForASilentServer() {
        hub = hub.withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(300));
        server.first(
                6,
                "GET",
                "/store/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + weights.length);
                    reply.body(Arrays.copyOf(weights, 10));
                    sleep();
                    return true;
                });
        assertFails(WEIGHTS, "no data for 300 ms");
    }

    @Test
    void doesNotWaitForHeadersThatNeverCome() {
        hub = hub.withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(50));
        server.always(
                "GET",
                "/api/",
                (request, reply) -> {
                    sleep();
                    return true;
                });
        assertFails("/api/models/owner/tiny-model", "timed out");
    }

    @Test
    void readsAListingOnlySoFar() {
        hub = hub.withTimeouts(Duration.ofSeconds(5), Duration.ofSeconds(5));
        server.always(
                "GET",
                "/api/",
                (request, reply) -> {
                    reply.head(200, "Content-Type: application/json");
                    byte[] blanks = new byte[1 << 20];
                    Arrays.fill(blanks, (byte) ' ');
                    for (int i = 0; i < 40; i++) {
                        reply.body(blanks);
                    }
                    return true;
                });
        assertFails("more than 33554432 bytes");
    }

    private static void sleep() {
        try {
            Thread.sleep(3000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void waitsAsLongAsTheServerAsks() throws IOException {
        server.first(1, "GET", "/api/", (r, reply) -> reply.empty(429, "Retry-After: 17"));
        server.first(1, "GET", "/store/", (r, reply) -> reply.empty(503, "Retry-After: 0"));
        server.first(2, "HEAD", WEIGHTS, (r, reply) -> reply.empty(500));
        download();
        assertThat(pauses)
                .containsExactlyInAnyOrder(
                        Duration.ofSeconds(17),
                        Duration.ZERO,
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(2));
    }

    @Test
    void understandsDatesAndBoundsThem() {
        String date =
                DateTimeFormatter.RFC_1123_DATE_TIME.format(
                        ZonedDateTime.now(ZoneOffset.UTC).plusDays(2));
        server.always("GET", "/api/", (r, reply) -> reply.empty(429, "Retry-After: " + date));
        assertFails("429", "asks to wait 172");
        assertThat(pauses).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {429, 500, 502, 503, 504, 408})
    void givesUpInTheEnd(int status) {
        server.always("GET", "/api/", (r, reply) -> reply.empty(status));
        assertFails("answers " + status, "gave up after 6 attempts");
        assertThat(pauses).extracting(Duration::toSeconds).containsExactly(1L, 2L, 4L, 8L, 16L);
    }

    @Test
    void namesWhatIsNotThereOrNotAllowed() throws IOException {
        String page = server.endpoint() + "/" + FakeHub.REPO;
        FakeHub.Trick[] trick = {null};
        server.always("GET", "/api/", (request, reply) -> trick[0].play(request, reply));
        trick[0] = (r, reply) -> reply.empty(401, "X-Error-Code: GatedRepo");
        assertFails("restricted (401)", "accept its licence at " + page, "set HF_TOKEN");
        trick[0] = (r, reply) -> reply.empty(403, "X-Error-Code: GatedRepo");
        hub = hub.withToken("hf_secret");
        assertFails("restricted (403)", "accept its licence at " + page, "token of that account");
        trick[0] = (r, reply) -> reply.empty(401);
        assertFails("does not show owner/tiny-model (401)", "check the spelling");
        trick[0] = (r, reply) -> reply.empty(404, "X-Error-Code: RepoNotFound");
        assertFails("no repository owner/tiny-model", "(404)", "check the spelling");
        trick[0] = (r, reply) -> reply.empty(404, "X-Error-Code: RevisionNotFound");
        assertFails("has no revision \"main\"");
        trick[0] = (r, reply) -> reply.empty(418);
        assertFails("answers 418");
        server.tricks.clear();
        server.always("HEAD", WEIGHTS, (r, reply) -> reply.empty(404));
        assertFails("has no file \"model.safetensors\"");
        server.tricks.clear();
        server.always("HEAD", WEIGHTS, (r, reply) -> reply.empty(403));
        assertFails("restricted (403)", "accept its licence at " + page);
        assertThat(pauses).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{",
                "<html>",
                "{\"siblings\":[]}",
                "{\"sha\":\"../../x\",\"siblings\":[]}",
                "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[1]}",
                "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[{}]}",
                "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":[{\"rfilename\":\"a\"}"
            })
    void refusesListingsThatAreNone(String json) {
        server.always(
                "GET",
                "/api/",
                (request, reply) -> {
                    reply.head(200, "Content-Length: " + json.length());
                    reply.body(json.getBytes(StandardCharsets.UTF_8));
                    return true;
                });
        assertFails("The listing of owner/tiny-model");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ETag: \"../../../evil\"",
                "ETag: \"\"",
                "ETag: \"a/b\"",
                "ETag: \"..\"",
                "ETag: \"a\\\\b\"",
                "X-Nothing: 1",
                "ETag: \"ok\"\r\nX-Linked-Size: -5",
                "ETag: \"ok\"\r\nX-Linked-Size: 99999999999999999999",
                "ETag: \"ok\"\r\nX-Linked-Size: 999999999999",
                "ETag: \"ok\"\r\nX-Repo-Commit: ffffffffffffffffffffffffffffffffffffffff"
            })
    void refusesDescriptionsThatCannotBe(String headers) throws IOException {
        server.always("HEAD", "tokenizer.json", (request, reply) -> reply.empty(200, headers));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO)).isInstanceOf(HubException.class);
        assertThat(server.requests("GET", "tokenizer.json")).isEmpty();
        try (var files = Files.walk(folder)) {
            assertThat(files.map(file -> file.getFileName().toString())).doesNotContain("evil");
        }
    }

    @Test
    void refusesEncodedContent() {
        server.always(
                "GET",
                "tokenizer.json",
                (request, reply) -> reply.empty(200, "Content-Encoding: gzip"));
        assertFails("gzip");
    }

    @Test
    void endsWhenInterrupted() throws Exception {
        Thread[] caller = {Thread.currentThread()};
        hub =
                hub.withPauses(
                        pause -> {
                            caller[0].interrupt();
                            Thread.sleep(30_000);
                        });
        server.always("HEAD", WEIGHTS, (r, reply) -> reply.empty(500));
        assertThatThrownBy(() -> hub.download(FakeHub.REPO))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("interrupted");
        assertThat(Thread.interrupted()).isTrue();
    }
}
