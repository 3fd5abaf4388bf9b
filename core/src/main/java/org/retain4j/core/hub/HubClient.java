package org.retain4j.core.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Speaks HTTP with one hub: its listing of a repository, what it tells of a file, the file's bytes.
 *
 * <p>Redirects are followed here and not by the JDK, so that the token goes to the hub's own origin
 * (scheme, host and port) only and never from https to http. Safe for all threads.
 */
final class HubClient {

    private static final int MAX_REDIRECTS = 10;
    private static final long MAX_SMALL = 512L << 20;
    private static final long MAX_WEIGHTS = 16L << 40;

    private final HubSettings settings;
    private final @Nullable String token;
    private final HttpClient http;

    HubClient(HubSettings settings) throws HubException {
        this.settings = settings;
        this.token = settings.currentToken();
        // With HTTP/1.1 each shard has a connection of its own, which is faster than streams that
        // share one, and a broken connection costs one file only.
        HttpClient.Builder builder =
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .connectTimeout(settings.connectTimeout());
        if (settings.proxies() != null) {
            builder.proxy(settings.proxies());
        }
        this.http = builder.build();
    }

    /**
     * A file as the hub describes it.
     *
     * @param etag name of its blob: SHA-256 of large files, git's SHA-1 of small ones
     * @param size in bytes, or -1 when the hub does not tell
     */
    record RemoteFile(String path, String etag, long size) {}

    /**
     * A final answer.
     *
     * @param uri where it came from
     * @param etag the hub's own etag of the file, from the answer or a redirect before it
     * @param linkedSize the hub's own size of the file, or -1
     * @param commit the hub's own commit
     */
    private record Answer(
            int status,
            HttpHeaders headers,
            BodyReader body,
            URI uri,
            @Nullable String etag,
            long linkedSize,
            @Nullable String commit) {}

    /** Asks which commit a revision is and which files it has. */
    Listing list(String repoId, String revision, int retries) throws HubException {
        RetryPolicy retry = new RetryPolicy(settings.pauses(), retries);
        while (true) {
            try {
                URI uri = uri("/api/models/" + repoId + "/revision/" + encode(revision, false));
                Answer answer = exchange("GET", uri, -1, false);
                try (BodyReader body = answer.body()) {
                    requireSuccess(answer, repoId, "revision " + RepoNames.quote(revision), true);
                    return Listing.parse("The listing of " + repoId, readAll(answer));
                }
            } catch (HubException e) {
                retry.failed(e);
            }
        }
    }

    /** Asks for etag and size of a file at a commit. */
    RemoteFile describe(String repoId, String commit, String path) throws HubException {
        RetryPolicy retry = new RetryPolicy(settings.pauses());
        while (true) {
            try {
                Answer answer = exchange("HEAD", fileUri(repoId, commit, path), -1, true);
                answer.body().discard();
                if (!isRedirect(answer.status())) {
                    requireSuccess(answer, repoId, RepoNames.quote(path), false);
                }
                return described(answer, repoId, commit, path);
            } catch (HubException e) {
                retry.failed(e);
            }
        }
    }

    private static RemoteFile described(Answer answer, String repoId, String commit, String path)
            throws HubException {
        String origin = "The hub's answer about " + RepoNames.quote(path) + " of " + repoId;
        if (answer.commit() != null && !answer.commit().equals(commit)) {
            throw new HubException(
                    origin
                            + " is of commit "
                            + RepoNames.quote(answer.commit())
                            + " instead of "
                            + commit
                            + "; check HF_ENDPOINT");
        }
        if (answer.etag() == null) {
            throw new HubException(
                    origin
                            + " has no etag to name and check the file by; check that HF_ENDPOINT"
                            + " is a hub");
        }
        long size = answer.linkedSize();
        if (size < 0 && !isRedirect(answer.status())) {
            size = size(answer.headers(), "Content-Length");
        }
        requireBounded(path, size);
        return new RemoteFile(path, answer.etag(), size);
    }

    static long limit(String path) {
        return path.endsWith(".safetensors") || path.endsWith(".gguf") ? MAX_WEIGHTS : MAX_SMALL;
    }

    private static void requireBounded(String path, long size) throws HubException {
        if (size > limit(path)) {
            throw new HubException(
                    "The hub says that "
                            + RepoNames.quote(path)
                            + " has "
                            + size
                            + " bytes; files of this kind are taken up to "
                            + limit(path));
        }
    }

    /** Bytes of a file, from the first one asked for or from the start. */
    record Content(BodyReader body, long from, long total) implements AutoCloseable {
        @Override
        public void close() {
            body.close();
        }
    }

    /** The hub now has another etag than before for the same path and commit. */
    static final class EtagChangedException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /**
     * Starts to fetch a file from a byte on.
     *
     * @return content whose {@code from} is the byte asked for, or 0 when the server starts over;
     *     {@code total} is the file's size by this answer, or -1; null when the file has no such
     *     byte
     */
    @Nullable Content open(String repoId, String commit, RemoteFile file, long from)
            throws HubException, EtagChangedException {
        Answer answer = exchange("GET", fileUri(repoId, commit, file.path()), from, false);
        boolean keep = false;
        try {
            if (answer.status() == 416) {
                return null;
            }
            requireSuccess(answer, repoId, RepoNames.quote(file.path()), false);
            if (answer.etag() != null && !answer.etag().equals(file.etag())) {
                throw new EtagChangedException();
            }
            String encoding = answer.headers().firstValue("Content-Encoding").orElse("identity");
            if (!encoding.equalsIgnoreCase("identity")) {
                throw new HubException(
                        shown(answer.uri())
                                + " sends "
                                + RepoNames.quote(encoding)
                                + " although plain bytes were asked for; check proxies");
            }
            Content content =
                    answer.status() == 206
                            ? partial(answer, from)
                            : new Content(
                                    answer.body(), 0, size(answer.headers(), "Content-Length"));
            keep = true;
            return content;
        } finally {
            if (!keep) {
                answer.body().close();
            }
        }
    }

    private static Content partial(Answer answer, long from) throws HubException {
        String range = answer.headers().firstValue("Content-Range").orElse("");
        String[] parts = range.split("[ /-]", -1);
        if (from > 0
                && parts.length == 4
                && parts[0].equals("bytes")
                && parts[1].equals(Long.toString(from))
                && parts[3].matches("\\*|[0-9]{1,18}")) {
            long total = parts[3].equals("*") ? -1 : Long.parseLong(parts[3]);
            return new Content(answer.body(), from, total);
        }
        throw new HubException(
                shown(answer.uri())
                        + " answers with the range "
                        + RepoNames.quote(range)
                        + "; expected it to start at byte "
                        + from);
    }

    private Answer exchange(String method, URI start, long from, boolean stopAtForeign)
            throws HubException {
        URI uri = start;
        String linkedEtag = null;
        String plainEtag = null;
        String commit = null;
        long linkedSize = -1;
        for (int hop = 0; hop <= MAX_REDIRECTS; hop++) {
            HttpResponse<BodyReader> response = send(method, uri, from);
            HttpHeaders headers = response.headers();
            boolean keep = false;
            try {
                if (isOwn(uri)) {
                    String next = RepoNames.etag(headers.firstValue("X-Linked-Etag").orElse(null));
                    linkedEtag = next == null ? linkedEtag : next;
                    next = RepoNames.etag(headers.firstValue("ETag").orElse(null));
                    plainEtag = next == null ? plainEtag : next;
                    commit = headers.firstValue("X-Repo-Commit").orElse(commit);
                    linkedSize = Math.max(linkedSize, size(headers, "X-Linked-Size"));
                }
                URI target = isRedirect(response.statusCode()) ? target(uri, headers) : null;
                if (target == null || (stopAtForeign && !isOwn(target))) {
                    keep = true;
                    return new Answer(
                            response.statusCode(),
                            headers,
                            response.body(),
                            uri,
                            linkedEtag == null ? plainEtag : linkedEtag,
                            linkedSize,
                            commit);
                }
                uri = target;
            } finally {
                if (!keep) {
                    response.body().discard();
                }
            }
        }
        throw new HubException(
                shown(start)
                        + " redirects more than "
                        + MAX_REDIRECTS
                        + " times; check HF_ENDPOINT and proxies");
    }

    private HttpResponse<BodyReader> send(String method, URI uri, long from) throws HubException {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(uri)
                        .timeout(settings.stallTimeout())
                        .method(method, HttpRequest.BodyPublishers.noBody())
                        .header("User-Agent", "retain4j")
                        .header("Accept-Encoding", "identity");
        if (token != null && isOwn(uri)) {
            request.header("Authorization", "Bearer " + token);
        }
        if (from > 0) {
            request.header("Range", "bytes=" + from + "-");
        }
        try {
            return http.send(request.build(), info -> new BodyReader());
        } catch (InterruptedException e) {
            throw RetryPolicy.interrupted(e);
        } catch (IOException e) {
            throw broken(uri, e);
        }
    }

    private static HubException broken(URI uri, IOException cause) {
        return HubException.passing(
                "The connection to "
                        + shown(uri)
                        + " failed ("
                        + reason(cause)
                        + "); check the network, proxies and HF_ENDPOINT",
                cause,
                null);
    }

    private static String reason(IOException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnresolvedAddressException) {
                return "unknown host";
            }
        }
        if (failure.getMessage() != null) {
            return RepoNames.quote(failure.getMessage());
        }
        return failure instanceof ConnectException
                ? "nobody answers there"
                : failure.getClass().getSimpleName();
    }

    private static boolean isRedirect(int status) {
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    }

    private static URI target(URI from, HttpHeaders headers) throws HubException {
        String location = headers.firstValue("Location").orElse("");
        try {
            URI target = from.resolve(new URI(location));
            String scheme = String.valueOf(target.getScheme()).toLowerCase(Locale.ROOT);
            boolean downgrade = scheme.equals("http") && from.getScheme().equalsIgnoreCase("https");
            if (!location.isEmpty()
                    && (scheme.equals("https") || scheme.equals("http"))
                    && !downgrade
                    && target.getHost() != null
                    && target.getRawUserInfo() == null) {
                return target;
            }
        } catch (URISyntaxException e) {
            throw badRedirect(from, location, e);
        }
        throw badRedirect(from, location, null);
    }

    private static HubException badRedirect(URI from, String location, @Nullable Throwable cause) {
        return new HubException(
                shown(from)
                        + " redirects to "
                        + RepoNames.quote(location.replaceAll("\\?.*", "?…"))
                        + "; expected an http or https address, and no step from https to http",
                cause);
    }

    private boolean isOwn(URI uri) {
        URI own = settings.endpoint();
        return own.getScheme().equalsIgnoreCase(uri.getScheme())
                && own.getHost().equalsIgnoreCase(uri.getHost())
                && port(own) == port(uri);
    }

    private static int port(URI uri) {
        if (uri.getPort() >= 0) {
            return uri.getPort();
        }
        return "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
    }

    private void requireSuccess(Answer answer, String repoId, String what, boolean listing)
            throws HubException {
        int status = answer.status();
        if (status == 200 || status == 206) {
            return;
        }
        String server = shown(answer.uri());
        if (status == 429 || status == 408 || status >= 500) {
            throw HubException.passing(
                    server + " answers " + status + (status == 429 ? " (too many requests)" : ""),
                    null,
                    RetryPolicy.retryAfter(
                            answer.headers().firstValue("Retry-After").orElse(null),
                            Instant.now()));
        }
        if (!isOwn(answer.uri())) {
            // Signed addresses of the hub's stores expire; the next attempt gets a new one.
            throw HubException.passing(server + " answers " + status, null, null);
        }
        String code = answer.headers().firstValue("X-Error-Code").orElse("");
        String page = settings.endpoint() + "/" + repoId;
        String account =
                token == null
                        ? "set HF_TOKEN to a token of that account"
                        : "use a token of that account that may read it, since the present one may"
                                + " not";
        if (code.equals("RevisionNotFound")) {
            throw new HubException(
                    "The repository "
                            + repoId
                            + " has no "
                            + what
                            + "; see "
                            + page
                            + "/tree/main");
        }
        if (code.equals("EntryNotFound") || (status == 404 && !listing)) {
            throw new HubException(
                    "The repository " + repoId + " has no file " + what + "; see " + page);
        }
        if (code.equals("GatedRepo") || status == 403) {
            throw new HubException(
                    "Access to "
                            + repoId
                            + " is restricted ("
                            + status
                            + "): accept its licence at "
                            + page
                            + " and "
                            + account);
        }
        if (status == 401) {
            throw new HubException(
                    "The hub does not show "
                            + repoId
                            + " (401): check the spelling; if it is gated or private, accept its"
                            + " licence at "
                            + page
                            + " and "
                            + account);
        }
        if (code.equals("RepoNotFound") || status == 404) {
            throw new HubException(
                    "The hub has no repository "
                            + repoId
                            + " with "
                            + what
                            + " (404): check the spelling at "
                            + page
                            + "; if it is private, "
                            + account);
        }
        throw new HubException(
                server + " answers " + status + " to the request for " + what + " of " + repoId);
    }

    private byte[] readAll(Answer answer) throws HubException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Instant end = Instant.now().plus(settings.stallTimeout().multipliedBy(4));
        try {
            List<ByteBuffer> buffers;
            while ((buffers = answer.body().next(settings.stallTimeout())) != null) {
                for (ByteBuffer buffer : buffers) {
                    byte[] piece = new byte[buffer.remaining()];
                    buffer.get(piece);
                    bytes.write(piece, 0, piece.length);
                }
                if (bytes.size() > Listing.MAX_BYTES) {
                    throw new HubException(
                            shown(answer.uri())
                                    + " sends more than "
                                    + Listing.MAX_BYTES
                                    + " bytes; expected the listing of a repository");
                }
                if (Instant.now().isAfter(end)) {
                    throw new IOException("the answer does not come to an end");
                }
            }
        } catch (HubException e) {
            throw e;
        } catch (InterruptedException e) {
            throw RetryPolicy.interrupted(e);
        } catch (IOException e) {
            throw broken(answer.uri(), e);
        }
        return bytes.toByteArray();
    }

    /** Turns a failure while a body is read into an error that may pass. */
    static HubException cut(String path, String repoId, IOException cause) {
        return HubException.passing(
                "The download of "
                        + RepoNames.quote(path)
                        + " of "
                        + repoId
                        + " broke off ("
                        + reason(cause)
                        + "); run it again to go on from there",
                cause,
                null);
    }

    Duration patience() {
        return settings.stallTimeout();
    }

    private static long size(HttpHeaders headers, String name) throws HubException {
        String text = headers.firstValue(name).orElse(null);
        if (text == null) {
            return -1;
        }
        if (!text.matches("[0-9]{1,18}")) {
            throw new HubException(
                    "The server sent "
                            + name
                            + " "
                            + RepoNames.quote(text)
                            + "; expected a number of bytes");
        }
        return Long.parseLong(text);
    }

    private URI fileUri(String repoId, String commit, String path) {
        return uri("/" + repoId + "/resolve/" + commit + "/" + encode(path, true));
    }

    private URI uri(String path) {
        return URI.create(settings.endpoint() + path);
    }

    private static String encode(String text, boolean keepSlashes) {
        StringBuilder encoded = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            boolean letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
            if (letter
                    || (b >= '0' && b <= '9')
                    || "-_.~".indexOf(b) >= 0
                    || (keepSlashes && b == '/')) {
                encoded.append((char) b);
            } else {
                encoded.append(String.format(Locale.ROOT, "%%%02X", b & 0xff));
            }
        }
        return encoded.toString();
    }

    /** Returns an address without its query, which may hold a signature. */
    private static String shown(URI uri) {
        String path = uri.getRawPath() == null ? "" : uri.getRawPath();
        String text = uri.getScheme() + "://" + uri.getRawAuthority() + path;
        return text.length() > 200 ? text.substring(0, 200) + "…" : text;
    }
}
