package org.retain4j.core.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Downloads go through the proxy of the environment, with a proxy on localhost. */
class EnvironmentProxiesTest {

    /** A host that no name server knows: only a proxy can reach it. */
    private static final String HIDDEN = "http://hub.invalid";

    @TempDir Path folder;

    private final List<String> asked = new CopyOnWriteArrayList<>();
    private FakeHub server;
    private ServerSocket proxy;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub().withModel();
        server.store = HIDDEN;
        proxy = new ServerSocket(0, 50, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
        Thread acceptor = new Thread(this::accept, "proxy");
        acceptor.setDaemon(true);
        acceptor.start();
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        server.close();
    }

    private void accept() {
        while (!proxy.isClosed()) {
            try {
                Socket socket = proxy.accept();
                Thread thread = new Thread(() -> serve(socket), "proxy-connection");
                thread.setDaemon(true);
                thread.start();
            } catch (IOException e) {
                return;
            }
        }
    }

    /** Hands a request on to the hub, with the path alone instead of the whole address. */
    private void serve(Socket client) {
        try (client) {
            String head = head(client.getInputStream());
            String line = head.substring(0, head.indexOf("\r\n"));
            asked.add(line);
            if (line.startsWith("CONNECT ")) {
                client.getOutputStream()
                        .write(
                                "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
                                        .getBytes(StandardCharsets.UTF_8));
                return;
            }
            URI hub = URI.create(server.endpoint());
            try (Socket upstream = new Socket(hub.getHost(), hub.getPort())) {
                upstream.getOutputStream()
                        .write(
                                head.replaceFirst(" http://[^/ ]+", " ")
                                        .getBytes(StandardCharsets.UTF_8));
                upstream.getInputStream().transferTo(client.getOutputStream());
            }
        } catch (IOException e) {
            // the client hung up
            return;
        }
    }

    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int b = in.read();
            if (b < 0) {
                throw new IOException("closed");
            }
            head.write(b);
        }
        return head.toString(StandardCharsets.ISO_8859_1);
    }

    private String address() {
        return "127.0.0.1:" + proxy.getLocalPort();
    }

    private Map<String, String> environment(String... pairs) {
        Map<String, String> environment = new HashMap<>();
        environment.put("HF_HOME", folder.resolve("home").toString());
        environment.put("HF_ENDPOINT", HIDDEN);
        for (int i = 0; i < pairs.length; i += 2) {
            environment.put(pairs[i], pairs[i + 1]);
        }
        return environment;
    }

    @ParameterizedTest
    @ValueSource(strings = {"HTTP_PROXY", "http_proxy", "ALL_PROXY"})
    void aModelComesThroughTheProxy(String variable) throws IOException {
        Path snapshot =
                Hub.fromEnvironment(environment(variable, "http://" + address() + "/"))
                        .download(FakeHub.REPO);
        assertThat(Files.readAllBytes(snapshot.resolve("model.safetensors")))
                .isEqualTo(server.large.get("model.safetensors"));
        assertThat(asked).isNotEmpty().allMatch(line -> line.contains(" " + HIDDEN + "/"));
    }

    @Test
    void hostsOfNoProxyAreAskedDirectly() throws IOException {
        server.store = server.endpoint();
        Hub.fromEnvironment(
                        environment(
                                "HF_ENDPOINT",
                                server.endpoint(),
                                "HTTP_PROXY",
                                address(),
                                "NO_PROXY",
                                "example.org, 127.0.0.0/8"))
                .download(FakeHub.REPO);
        assertThat(asked).isEmpty();
        assertThat(server.requests).isNotEmpty();
    }

    @Test
    void secureAddressesAskForATunnel() throws IOException {
        HubSettings settings =
                HubSettings.of(
                        environment(
                                "HF_ENDPOINT", "https://hub.invalid", "HTTPS_PROXY", address()));
        assertThatThrownBy(() -> new HubClient(settings).list(FakeHub.REPO, "main", 0))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("hub.invalid");
        assertThat(asked).containsOnly("CONNECT hub.invalid:443 HTTP/1.1");
    }

    @ParameterizedTest
    @CsvSource({
        "https://huggingface.co/x, huggingface.co, true",
        "https://huggingface.co/x, .huggingface.co, true",
        "https://cdn.huggingface.co/x, huggingface.co, true",
        "https://cdn.huggingface.co/x, *.huggingface.co, true",
        "https://HUGGINGFACE.co/x, HuggingFace.CO, true",
        "https://myhuggingface.co/x, huggingface.co, false",
        "https://huggingface.co/x, huggingface.co:443, true",
        "https://huggingface.co:8443/x, huggingface.co:443, false",
        "https://huggingface.co/x, *, true",
        "https://huggingface.co/x, ., false",
        "http://10.1.2.3/x, 10.0.0.0/8, true",
        "http://11.1.2.3/x, 10.0.0.0/8, false",
        "http://11.1.2.3/x, 0.0.0.0/0, true",
        "http://11.1.2.3/x, 10.0.0.0/99, false",
        "http://11.1.2.3/x, 11.1.2.3/32, true",
        "http://[::1]/x, [::1], true"
    })
    void noProxyIsReadAsElsewhere(String address, String list, boolean direct) throws HubException {
        ProxySelector selector =
                EnvironmentProxies.of(Map.of("ALL_PROXY", "proxy:3128", "NO_PROXY", "a.b," + list));
        assertThat(selector).isNotNull();
        assertThat(selector.select(URI.create(address)).get(0).type() == Proxy.Type.DIRECT)
                .isEqualTo(direct);
    }

    @Test
    void smallLettersWinAndEmptyValuesNameNothing() throws HubException {
        assertThat(EnvironmentProxies.of(Map.of())).isNull();
        assertThat(EnvironmentProxies.of(Map.of("HTTPS_PROXY", " "))).isNull();
        assertThat(EnvironmentProxies.of(Map.of("HTTPS_PROXY", "a:1", "https_proxy", ""))).isNull();
        ProxySelector selector =
                EnvironmentProxies.of(Map.of("HTTPS_PROXY", "a:1", "https_proxy", "b"));
        assertThat(selector.select(URI.create("https://x")).get(0).address())
                .hasToString("b/<unresolved>:80");
        assertThat(selector.select(URI.create("http://x"))).containsExactly(Proxy.NO_PROXY);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "socks5://proxy:1080",
                "https://proxy:443",
                "http://me:secret@proxy:80",
                "http://",
                "http://a b",
                "proxy:99999"
            })
    void whatIsNoHttpProxyIsRefusedWithoutShowingIt(String value) {
        assertThatThrownBy(() -> EnvironmentProxies.of(Map.of("HTTPS_PROXY", value)))
                .isInstanceOf(HubException.class)
                .hasMessageContainingAll("HTTPS_PROXY", "http://host:port")
                .hasMessageNotContaining("secret");
    }
}
