package org.retain4j.core.hub;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The proxies that {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY} and {@code NO_PROXY}
 * name, as curl and Python's requests read them.
 *
 * <p>Names in small letters win over those in capitals. {@code NO_PROXY} lists hosts, with all that
 * lie below them, IPv4 networks such as {@code 10.0.0.0/8}, each with a port if only that is meant,
 * or {@code *} for everything. Immutable and safe for all threads.
 */
final class EnvironmentProxies extends ProxySelector {

    private final Map<String, Proxy> proxies;
    private final List<String> direct;

    private EnvironmentProxies(Map<String, Proxy> proxies, List<String> direct) {
        this.proxies = proxies;
        this.direct = direct;
    }

    /**
     * Returns the selector for an environment, or null when it names no proxy.
     *
     * @throws HubException when a value is not the address of an HTTP proxy
     */
    static @Nullable ProxySelector of(Map<String, String> environment) throws HubException {
        Proxy all = proxy(environment, "ALL_PROXY");
        Proxy http = proxy(environment, "HTTP_PROXY");
        Proxy https = proxy(environment, "HTTPS_PROXY");
        if (all == null && http == null && https == null) {
            return null;
        }
        Proxy none = all == null ? Proxy.NO_PROXY : all;
        List<String> direct = new ArrayList<>();
        String list = value(environment, "NO_PROXY");
        for (String entry : (list == null ? "" : list).split("[,\\s]+")) {
            if (!entry.isEmpty()) {
                direct.add(entry.toLowerCase(Locale.ROOT));
            }
        }
        return new EnvironmentProxies(
                Map.of("http", http == null ? none : http, "https", https == null ? none : https),
                direct);
    }

    private static @Nullable String value(Map<String, String> environment, String name) {
        for (String key : List.of(name.toLowerCase(Locale.ROOT), name)) {
            String value = environment.get(key);
            if (value != null) {
                // an empty value in small letters takes back the one in capitals
                return value.isBlank() ? null : value.strip();
            }
        }
        return null;
    }

    private static @Nullable Proxy proxy(Map<String, String> environment, String name)
            throws HubException {
        String text = value(environment, name);
        if (text == null) {
            return null;
        }
        try {
            URI uri = new URI(text.contains("://") ? text : "http://" + text);
            if ("http".equalsIgnoreCase(uri.getScheme())
                    && uri.getHost() != null
                    && uri.getRawUserInfo() == null) {
                int port = uri.getPort() < 0 ? 80 : uri.getPort();
                return new Proxy(
                        Proxy.Type.HTTP, InetSocketAddress.createUnresolved(host(uri), port));
            }
        } catch (URISyntaxException | IllegalArgumentException e) {
            throw unusable(name, e);
        }
        throw unusable(name, null);
    }

    private static HubException unusable(String name, @Nullable Throwable cause) {
        // the value may hold a password, so the message must not show it
        return new HubException(
                name
                        + " does not name a proxy that can be used; expected http://host:port"
                        + " without user and password (Java sends these with"
                        + " -Dhttps.proxyHost and an Authenticator only)",
                cause);
    }

    private static String host(URI uri) {
        String host = String.valueOf(uri.getHost());
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    @Override
    public List<Proxy> select(URI uri) {
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        String host = host(uri).toLowerCase(Locale.ROOT);
        int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
        if (direct.stream().anyMatch(entry -> matches(entry, host, port))) {
            return List.of(Proxy.NO_PROXY);
        }
        return List.of(proxies.getOrDefault(scheme, Proxy.NO_PROXY));
    }

    private static boolean matches(String entry, String host, int port) {
        if (entry.equals("*")) {
            return true;
        }
        String name = entry;
        int colon = name.lastIndexOf(':');
        if (colon > 0 && colon == name.indexOf(':')) {
            if (!name.substring(colon + 1).equals(String.valueOf(port))) {
                return false;
            }
            name = name.substring(0, colon);
        }
        if (name.contains("/")) {
            return inNetwork(name, host);
        }
        name = name.replaceFirst("^\\*?\\.", "").replaceAll("[\\[\\]]", "");
        return !name.isEmpty() && (host.equals(name) || host.endsWith("." + name));
    }

    private static boolean inNetwork(String network, String host) {
        String[] parts = network.split("/", 2);
        Long base = address(parts[0]);
        Long address = address(host);
        if (base == null || address == null || !parts[1].matches("[0-9]{1,2}")) {
            return false;
        }
        int bits = Integer.parseInt(parts[1]);
        return bits <= 32 && (bits == 0 || (base ^ address) >> (32 - bits) == 0);
    }

    private static @Nullable Long address(String text) {
        if (!text.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}")) {
            return null;
        }
        long value = 0;
        for (String part : text.split("\\.")) {
            int number = Integer.parseInt(part);
            if (number > 255) {
                return null;
            }
            value = value << 8 | number;
        }
        return value;
    }

    /** Does nothing: there is no other proxy to try. */
    @Override
    public void connectFailed(URI uri, SocketAddress proxy, IOException failure) {}

    @Override
    public String toString() {
        return "proxies " + proxies + " but not for " + direct;
    }
}
