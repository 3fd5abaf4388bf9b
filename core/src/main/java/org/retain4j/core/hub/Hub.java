package org.retain4j.core.hub;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A Hugging Face hub and its cache on this machine, which is the one that Python installations use.
 *
 * <pre>{@code
 * Path folder = Hub.fromEnvironment().download("HuggingFaceTB/SmolLM2-135M");
 * }</pre>
 *
 * <p>Layout, environment variables and rules for names are those of huggingface_hub, so that what
 * one has downloaded the other finds. A download goes on where an earlier one broke off; several
 * processes and threads do it once. Length and checksum of each file are checked before it gets its
 * name. Nothing downloaded is ever executed, and pickles are not taken. Proxies are those that
 * {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY} and {@code NO_PROXY} name, or those of
 * the JVM ({@code -Dhttps.proxyHost=…}) where it has any.
 *
 * <p>Immutable and safe for all threads. All errors are {@link HubException}s.
 */
public final class Hub {

    /** The revision that a repository has unless another is named: its main branch. */
    public static final String MAIN = "main";

    private final HubSettings settings;

    private Hub(HubSettings settings) {
        this.settings = settings;
    }

    /**
     * Returns the hub that the environment of this process names.
     *
     * <p>Read are {@code HF_HOME}, {@code HF_HUB_CACHE}, {@code XDG_CACHE_HOME}, {@code
     * HF_ENDPOINT}, {@code HF_TOKEN}, {@code HF_TOKEN_PATH}, {@code HF_HUB_OFFLINE}, {@code
     * HF_HUB_DISABLE_IMPLICIT_TOKEN}, {@code HF_HUB_DISABLE_SYMLINKS} and {@code
     * HF_HUB_DOWNLOAD_TIMEOUT}, {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY} and
     * {@code NO_PROXY}, with their older names; all may be unset.
     *
     * @throws HubException when one has no usable value
     */
    public static Hub fromEnvironment() throws HubException {
        return fromEnvironment(System.getenv());
    }

    /** Returns the hub that the given variables name; otherwise as {@link #fromEnvironment()}. */
    public static Hub fromEnvironment(Map<String, String> environment) throws HubException {
        return new Hub(HubSettings.of(environment));
    }

    /**
     * Returns whether a text can be the name of a repository, by the rules of huggingface_hub.
     *
     * <p>A name or {@code owner/name}, each of 1 to 96 ASCII letters, digits, {@code _}, {@code -}
     * and {@code .}, not starting or ending with the latter two, without {@code --} and {@code ..},
     * not ending in {@code .git}. Relative paths of one or two parts look the same; let an existing
     * path win.
     */
    public static boolean isRepoId(String text) {
        return RepoNames.isRepoId(text);
    }

    /** Returns this hub with another folder for the cache. */
    public Hub withCache(Path cache) {
        return new Hub(
                new HubSettings(
                        cache,
                        settings.endpoint(),
                        settings.token(),
                        settings.tokenFile(),
                        settings.offline(),
                        settings.symlinks(),
                        settings.connectTimeout(),
                        settings.stallTimeout(),
                        settings.proxies(),
                        settings.pauses()));
    }

    /**
     * Returns this hub at another address, such as a mirror.
     *
     * @throws HubException when it is no http or https address
     */
    public Hub withEndpoint(String endpoint) throws HubException {
        return new Hub(
                new HubSettings(
                        settings.cache(),
                        HubSettings.endpoint(endpoint),
                        settings.token(),
                        settings.tokenFile(),
                        settings.offline(),
                        settings.symlinks(),
                        settings.connectTimeout(),
                        settings.stallTimeout(),
                        settings.proxies(),
                        settings.pauses()));
    }

    /**
     * Returns this hub with another token, or none if null; a token file is not read then.
     *
     * @throws HubException when it is not one word of printable ASCII
     */
    public Hub withToken(@Nullable String token) throws HubException {
        return new Hub(
                new HubSettings(
                        settings.cache(),
                        settings.endpoint(),
                        token == null ? null : HubSettings.requireToken(token, "The token"),
                        null,
                        settings.offline(),
                        settings.symlinks(),
                        settings.connectTimeout(),
                        settings.stallTimeout(),
                        settings.proxies(),
                        settings.pauses()));
    }

    /** Returns this hub with requests switched off, so that only the cache is used, or on. */
    public Hub withOffline(boolean offline) {
        return new Hub(
                new HubSettings(
                        settings.cache(),
                        settings.endpoint(),
                        settings.token(),
                        settings.tokenFile(),
                        offline,
                        settings.symlinks(),
                        settings.connectTimeout(),
                        settings.stallTimeout(),
                        settings.proxies(),
                        settings.pauses()));
    }

    /**
     * Returns this hub with other limits on waiting: for a connection, and for the next bytes.
     *
     * @throws IllegalArgumentException when one is not above zero
     */
    public Hub withTimeouts(Duration connect, Duration stall) {
        if (connect.toMillis() <= 0 || stall.toMillis() <= 0) {
            throw new IllegalArgumentException(
                    "timeouts are " + connect + " and " + stall + "; expected at least 1 ms");
        }
        return new Hub(
                new HubSettings(
                        settings.cache(),
                        settings.endpoint(),
                        settings.token(),
                        settings.tokenFile(),
                        settings.offline(),
                        settings.symlinks(),
                        connect,
                        stall,
                        settings.proxies(),
                        settings.pauses()));
    }

    /** Returns this hub with another way to wait between attempts, so that tests need not wait. */
    Hub withPauses(HubSettings.Pauses pauses) {
        return new Hub(
                new HubSettings(
                        settings.cache(),
                        settings.endpoint(),
                        settings.token(),
                        settings.tokenFile(),
                        settings.offline(),
                        settings.symlinks(),
                        settings.connectTimeout(),
                        settings.stallTimeout(),
                        settings.proxies(),
                        pauses));
    }

    /** Returns the folder of the cache. */
    public Path cache() {
        return settings.cache();
    }

    /** Downloads the main revision of a model without telling anyone; see the longer form. */
    public Path download(String repoId) throws HubException {
        return download(repoId, MAIN, DownloadListener.NONE);
    }

    /**
     * Returns a folder with the files that a model or adapter is loaded from.
     *
     * <p>These are configuration, tokenizer and chat templates, {@code model.safetensors} or its
     * index and shards, {@code adapter_model.safetensors}, licence and readme. What is cached is
     * not fetched again. If the revision is a commit and complete in the cache, no request is made;
     * offline or without a network, the commit that a branch or tag was last time is used.
     *
     * @param repoId {@code owner/name}, or a name alone
     * @param revision a branch, a tag, or a commit of 40 hexadecimal digits
     * @throws HubException when the repository, revision or a file is not there or not accessible,
     *     the weights are pickles or GGUF files, the network or disk fails, or content is not what
     *     the hub promised
     */
    public Path download(String repoId, String revision, DownloadListener listener)
            throws HubException {
        return new RepoDownload(settings, repoId, revision, listener).model();
    }

    /**
     * Returns one file of a repository, for example a GGUF file.
     *
     * @param path path in the repository, parts separated by slashes
     * @throws HubException as for {@link #download(String, String, DownloadListener)}
     */
    public Path downloadFile(String repoId, String revision, String path, DownloadListener listener)
            throws HubException {
        return new RepoDownload(settings, repoId, revision, listener).file(path);
    }

    /** Returns address and cache; never the token. */
    @Override
    public String toString() {
        return settings.toString();
    }
}
