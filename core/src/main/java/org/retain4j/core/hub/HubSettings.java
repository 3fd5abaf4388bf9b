package org.retain4j.core.hub;

import java.io.File;
import java.io.IOException;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where the hub and its cache are and how to talk to it.
 *
 * @param cache folder of the cache, {@code hub} in {@code HF_HOME}
 * @param endpoint address of the hub without a slash at its end
 * @param token secret of the user, or null
 * @param tokenFile file to read the token from when there is none, or null
 * @param symlinks whether snapshots may be symbolic links into the blobs
 * @param connectTimeout longest wait for a connection
 * @param stallTimeout longest time in which a server may send nothing
 * @param proxies which proxy to use for an address, or null for those of the JVM
 * @param pauses how to wait between attempts
 */
record HubSettings(
        Path cache,
        URI endpoint,
        @Nullable String token,
        @Nullable Path tokenFile,
        boolean offline,
        boolean symlinks,
        Duration connectTimeout,
        Duration stallTimeout,
        @Nullable ProxySelector proxies,
        Pauses pauses) {

    /** Waits between attempts. */
    @FunctionalInterface
    interface Pauses {
        void pause(Duration duration) throws InterruptedException;
    }

    private static final String ENDPOINT = "https://huggingface.co";
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final Duration STALL = Duration.ofSeconds(30);
    private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
    private static final Pattern VARIABLE =
            Pattern.compile("\\$(?:\\{([A-Za-z_][A-Za-z0-9_]*)\\}|([A-Za-z_][A-Za-z0-9_]*))");

    static HubSettings of(Map<String, String> environment) throws HubException {
        String home = first(environment, "HOME");
        if (home == null || File.separatorChar == '\\') {
            home = System.getProperty("user.home", ".");
        }
        String own = first(environment, "HF_HOME");
        String shared = first(environment, "XDG_CACHE_HOME");
        Path base =
                own != null
                        ? path(environment, home, "HF_HOME", own)
                        : path(
                                        environment,
                                        home,
                                        "XDG_CACHE_HOME",
                                        shared == null ? home + "/.cache" : shared)
                                .resolve("huggingface");
        String cache = first(environment, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
        String tokenFile = first(environment, "HF_TOKEN_PATH");
        String address = first(environment, "HF_ENDPOINT");
        boolean anonymous = isTrue(environment, "HF_HUB_DISABLE_IMPLICIT_TOKEN");
        String token = first(environment, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
        String offline = first(environment, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE");
        return new HubSettings(
                cache == null
                        ? base.resolve("hub")
                        : path(environment, home, "HF_HUB_CACHE", cache),
                endpoint(address == null ? ENDPOINT : address),
                anonymous || token == null ? null : requireToken(token, "HF_TOKEN"),
                anonymous
                        ? null
                        : tokenFile == null
                                ? base.resolve("token")
                                : path(environment, home, "HF_TOKEN_PATH", tokenFile),
                offline != null && TRUE.contains(offline.toUpperCase(Locale.ROOT)),
                !isTrue(environment, "HF_HUB_DISABLE_SYMLINKS"),
                TIMEOUT,
                stall(environment),
                proxies(environment),
                duration -> Thread.sleep(duration.toMillis()));
    }

    private static @Nullable String first(Map<String, String> environment, String... names) {
        for (String name : names) {
            String value = environment.get(name);
            if (value != null && !value.isBlank()) {
                return value.strip();
            }
        }
        return null;
    }

    private static boolean isTrue(Map<String, String> environment, String name) {
        String value = first(environment, name);
        return value != null && TRUE.contains(value.toUpperCase(Locale.ROOT));
    }

    /** Options of the JVM are more deliberate than variables, so they win. */
    private static @Nullable ProxySelector proxies(Map<String, String> environment)
            throws HubException {
        boolean chosen =
                System.getProperty("https.proxyHost") != null
                        || System.getProperty("http.proxyHost") != null;
        return chosen ? null : EnvironmentProxies.of(environment);
    }

    private static Duration stall(Map<String, String> environment) throws HubException {
        String seconds = first(environment, "HF_HUB_DOWNLOAD_TIMEOUT");
        if (seconds == null) {
            return STALL;
        }
        if (!seconds.matches("[0-9]{1,6}") || Integer.parseInt(seconds) == 0) {
            throw new HubException(
                    "HF_HUB_DOWNLOAD_TIMEOUT is "
                            + RepoNames.quote(seconds)
                            + "; expected whole seconds from 1");
        }
        return Duration.ofSeconds(Integer.parseInt(seconds));
    }

    private static Path path(
            Map<String, String> environment, String home, String variable, String text)
            throws HubException {
        String expanded =
                text.equals("~") || text.startsWith("~/") ? home + text.substring(1) : text;
        Matcher matcher = VARIABLE.matcher(expanded);
        expanded =
                matcher.replaceAll(
                        match -> {
                            String name = match.group(1) == null ? match.group(2) : match.group(1);
                            String value = environment.get(name);
                            return Matcher.quoteReplacement(value == null ? match.group() : value);
                        });
        try {
            return Path.of(expanded);
        } catch (InvalidPathException e) {
            throw new HubException(
                    variable + " is " + RepoNames.quote(text) + "; expected the path of a folder",
                    e);
        }
    }

    static URI endpoint(String address) throws HubException {
        String trimmed = address.replaceAll("/+$", "");
        try {
            URI uri = new URI(trimmed);
            String scheme = uri.getScheme();
            if (("http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme))
                    && uri.getHost() != null
                    && uri.getRawUserInfo() == null
                    && uri.getRawQuery() == null
                    && uri.getRawFragment() == null) {
                return uri;
            }
        } catch (URISyntaxException e) {
            throw badEndpoint(trimmed, e);
        }
        throw badEndpoint(trimmed, null);
    }

    private static HubException badEndpoint(String address, @Nullable Throwable cause) {
        return new HubException(
                "HF_ENDPOINT is "
                        + RepoNames.quote(address)
                        + "; expected an address such as "
                        + ENDPOINT
                        + ", without user, query and fragment",
                cause);
    }

    static String requireToken(String token, String origin) throws HubException {
        String clean = token.strip();
        if (clean.length() > 4096 || !clean.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
            // The token is a secret, so the message must not show it.
            throw new HubException(
                    origin
                            + " does not hold a token; expected one word of printable ASCII, as in"
                            + " hf_…; get one at "
                            + ENDPOINT
                            + "/settings/tokens");
        }
        return clean;
    }

    /** Returns the token to send, read from its file if need be, or null when there is none. */
    @Nullable String currentToken() throws HubException {
        if (token != null || tokenFile == null || !Files.isRegularFile(tokenFile)) {
            return token;
        }
        try {
            if (Files.size(tokenFile) > 4096) {
                throw new HubException(
                        "The token file "
                                + tokenFile
                                + " is longer than 4096 bytes; expected one line with a token");
            }
            String text = Files.readString(tokenFile);
            return text.isBlank() ? null : requireToken(text, "The token file " + tokenFile);
        } catch (HubException e) {
            throw e;
        } catch (IOException e) {
            throw new HubException(
                    "The token file "
                            + tokenFile
                            + " cannot be read; correct or remove it, or set HF_TOKEN",
                    e);
        }
    }

    @Override
    public String toString() {
        return endpoint + " cached in " + cache + (offline ? " (offline)" : "");
    }
}
