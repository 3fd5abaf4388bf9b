package org.retain4j.core.hub;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * A hub on localhost with one repository, on bare sockets so that tests can have it misbehave.
 *
 * <p>Answers as huggingface.co does: a listing, small files directly with git's SHA-1 as etag,
 * large ones by a redirect with {@code X-Linked-Etag} to a store that knows ranges.
 */
final class FakeHub implements AutoCloseable {

    static final String REPO = "owner/tiny-model";
    static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    record Request(String method, String path, Map<String, String> headers) {
        String header(String name) {
            return headers.getOrDefault(name, "");
        }
    }

    /** Something that answers a request itself, or leaves it to the next by returning false. */
    @FunctionalInterface
    interface Trick {
        boolean play(Request request, Reply reply) throws IOException;
    }

    static final class Reply {
        private final Socket socket;
        private final OutputStream out;

        Reply(Socket socket) throws IOException {
            this.socket = socket;
            this.out = socket.getOutputStream();
        }

        /** Sends status and headers, given as "Name: value". */
        void head(int status, String... headers) throws IOException {
            StringBuilder text = new StringBuilder("HTTP/1.1 " + status + " X\r\n");
            for (String header : headers) {
                text.append(header).append("\r\n");
            }
            text.append("Connection: close\r\n\r\n");
            out.write(text.toString().getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
        }

        void body(byte[] bytes) throws IOException {
            out.write(bytes);
            out.flush();
        }

        boolean empty(int status, String... headers) throws IOException {
            String[] all = Arrays.copyOf(headers, headers.length + 1);
            all[headers.length] = "Content-Length: 0";
            head(status, all);
            return true;
        }

        /** Ends the connection with a reset instead of an orderly end. */
        void reset() throws IOException {
            socket.setSoLinger(true, 0);
            socket.close();
        }
    }

    final List<Request> requests = new CopyOnWriteArrayList<>();
    final Map<String, byte[]> files = new TreeMap<>();
    final Map<String, byte[]> large = new TreeMap<>();
    final List<Trick> tricks = new CopyOnWriteArrayList<>();
    final AtomicInteger sentBytes = new AtomicInteger();
    String store;
    private final ServerSocket server;
    private final Thread acceptor;

    FakeHub() throws IOException {
        server = new ServerSocket(0, 50, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
        store = endpoint();
        acceptor = new Thread(this::accept, "fake-hub");
        acceptor.setDaemon(true);
        acceptor.start();
    }

    /** Fills the repository with a small model; the weights are large files. */
    FakeHub withModel() {
        files.put("config.json", "{\"model_type\":\"llama\"}".getBytes(StandardCharsets.UTF_8));
        files.put("tokenizer.json", "{}".getBytes(StandardCharsets.UTF_8));
        files.put("README.md", "Read me".getBytes(StandardCharsets.UTF_8));
        files.put("LICENSE", new byte[0]);
        large.put("model.safetensors", bytes(300_000, 1));
        large.put("pytorch_model.bin", bytes(1000, 2));
        return this;
    }

    static byte[] bytes(int length, int seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    String endpoint() {
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    List<Request> requests(String method, String part) {
        return requests.stream()
                .filter(r -> r.method().equals(method) && r.path().contains(part))
                .toList();
    }

    /** Plays a trick on the first requests of a kind, then behaves. */
    void first(int times, String method, String part, Trick trick) {
        AtomicInteger left = new AtomicInteger(times);
        Predicate<Request> meant = r -> r.method().equals(method) && r.path().contains(part);
        tricks.add(
                (r, reply) -> meant.test(r) && left.getAndDecrement() > 0 && trick.play(r, reply));
    }

    void always(String method, String part, Trick trick) {
        first(Integer.MAX_VALUE, method, part, trick);
    }

    static String hex(String algorithm, byte[]... parts) {
        try {
            MessageDigest digest = MessageDigest.getInstance(algorithm);
            for (byte[] part : parts) {
                digest.update(part);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    static String sha256(byte[] content) {
        return hex("SHA-256", content);
    }

    static String gitSha1(byte[] content) {
        byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
        return hex("SHA-1", head, content);
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                Thread thread = new Thread(() -> serve(socket), "fake-hub-connection");
                thread.setDaemon(true);
                thread.start();
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            Request request = read(new BufferedInputStream(socket.getInputStream()));
            if (request == null) {
                return;
            }
            requests.add(request);
            Reply reply = new Reply(socket);
            for (Trick trick : tricks) {
                if (trick.play(request, reply)) {
                    return;
                }
            }
            behave(request, reply);
        } catch (IOException e) {
            // The client hung up, as it does in many of these tests.
            return;
        }
    }

    private static Request read(InputStream in) throws IOException {
        List<String> lines = new ArrayList<>();
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0; b = in.read()) {
            if (b != '\n') {
                line.write(b);
                continue;
            }
            String text = line.toString(StandardCharsets.ISO_8859_1).strip();
            line.reset();
            if (!text.isEmpty()) {
                lines.add(text);
                continue;
            }
            Map<String, String> headers = new LinkedHashMap<>();
            for (String header : lines.subList(1, lines.size())) {
                int colon = header.indexOf(':');
                headers.put(
                        header.substring(0, colon).toLowerCase(Locale.ROOT),
                        header.substring(colon + 1).strip());
            }
            String[] first = lines.get(0).split(" ", 3);
            return new Request(first[0], first[1], headers);
        }
        return null;
    }

    void behave(Request request, Reply reply) throws IOException {
        String path = request.path();
        String resolve = "/" + REPO + "/resolve/" + COMMIT + "/";
        if (path.startsWith("/api/models/" + REPO + "/revision/")) {
            StringBuilder json = new StringBuilder("{\"id\":\"x\",\"sha\":\"" + COMMIT + "\"");
            json.append(",\"private\":false,\"cardData\":{\"a\":[1,{}]},\"siblings\":[");
            List<String> names = new ArrayList<>(files.keySet());
            names.addAll(large.keySet());
            for (int i = 0; i < names.size(); i++) {
                json.append(i == 0 ? "" : ",")
                        .append("{\"rfilename\":\"")
                        .append(names.get(i))
                        .append("\"}");
            }
            byte[] body = json.append("]}").toString().getBytes(StandardCharsets.UTF_8);
            reply.head(200, "Content-Type: application/json", "Content-Length: " + body.length);
            reply.body(body);
        } else if (path.startsWith(resolve)
                && files.containsKey(path.substring(resolve.length()))) {
            byte[] content = files.get(path.substring(resolve.length()));
            send(
                    request,
                    reply,
                    content,
                    "ETag: \"" + gitSha1(content) + "\"",
                    "X-Repo-Commit: " + COMMIT);
        } else if (path.startsWith(resolve)
                && large.containsKey(path.substring(resolve.length()))) {
            byte[] content = large.get(path.substring(resolve.length()));
            reply.empty(
                    302,
                    "Location: " + store + "/store/" + sha256(content) + "?signature=secret",
                    "ETag: W/\"of-the-redirect\"",
                    "X-Linked-Etag: \"" + sha256(content) + "\"",
                    "X-Linked-Size: " + content.length,
                    "X-Repo-Commit: " + COMMIT);
        } else if (path.startsWith("/store/")) {
            for (byte[] content : large.values()) {
                if (path.startsWith("/store/" + sha256(content))) {
                    send(request, reply, content, "ETag: \"of-the-store\"");
                    return;
                }
            }
            reply.empty(404);
        } else {
            reply.empty(404, "X-Error-Code: EntryNotFound", "X-Repo-Commit: " + COMMIT);
        }
    }

    void send(Request request, Reply reply, byte[] content, String... headers) throws IOException {
        String range = request.header("range");
        int from = 0;
        List<String> all = new ArrayList<>(List.of(headers));
        if (!range.isEmpty()) {
            from = Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
            if (from >= content.length) {
                reply.empty(416, "Content-Range: bytes */" + content.length);
                return;
            }
            all.add(
                    "Content-Range: bytes "
                            + from
                            + "-"
                            + (content.length - 1)
                            + "/"
                            + content.length);
        }
        all.add("Accept-Ranges: bytes");
        all.add("Content-Length: " + (content.length - from));
        reply.head(range.isEmpty() ? 200 : 206, all.toArray(String[]::new));
        if (request.method().equals("GET")) {
            sentBytes.addAndGet(content.length - from);
            reply.body(Arrays.copyOfRange(content, from, content.length));
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
