package org.retain4j.core.hub;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Rules for the names that users and servers give: repositories, revisions, paths, etags. */
final class RepoNames {

    private static final String NAME = "(?=.{1,96}(?:/|$))\\w(?:[\\w.-]*\\w)?";
    private static final Pattern REPO_ID = Pattern.compile("(?:" + NAME + "/)?" + NAME);
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
    private static final Pattern ETAG = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}");
    private static final Pattern RESERVED =
            Pattern.compile("(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\\..*)?");
    private static final int MAX_PATH = 1024;

    private RepoNames() {}

    static boolean isRepoId(String text) {
        return text.length() <= 193
                && REPO_ID.matcher(text).matches()
                && !text.contains("--")
                && !text.contains("..")
                && !text.endsWith(".git");
    }

    static void requireRepoId(String text) throws HubException {
        if (!isRepoId(text)) {
            throw new HubException(
                    quote(text)
                            + " is not a repository of the hub; expected name or owner/name of"
                            + " letters, digits, '-', '_' and '.', as in HuggingFaceTB/SmolLM2-135M");
        }
    }

    static boolean isCommit(String revision) {
        return COMMIT.matcher(revision).matches();
    }

    /** Returns an etag without its quotes and weakness mark, or null when there is none. */
    static @Nullable String etag(@Nullable String header) throws HubException {
        if (header == null) {
            return null;
        }
        String text = header.strip();
        text = text.startsWith("W/") ? text.substring(2) : text;
        if (text.length() > 1 && text.startsWith("\"") && text.endsWith("\"")) {
            text = text.substring(1, text.length() - 1);
        }
        if (!ETAG.matcher(text).matches()) {
            throw new HubException(
                    "The server sent the etag "
                            + quote(text)
                            + "; expected a checksum that can serve as a file name; check"
                            + " HF_ENDPOINT");
        }
        return text;
    }

    /** Refuses a path that could lead out of a folder, as no honest repository has one. */
    static void requireInside(String path, String origin) throws HubException {
        boolean inside =
                !path.isEmpty()
                        && path.length() <= MAX_PATH
                        && path.chars().noneMatch(c -> c == '\\' || Character.isISOControl(c))
                        && StandardCharsets.UTF_8.newEncoder().canEncode(path);
        if (inside) {
            for (String part : path.split("/", -1)) {
                inside &= !part.isEmpty() && !part.equals(".") && !part.equals("..");
            }
        }
        if (!inside) {
            throw new HubException(
                    origin
                            + " has the path "
                            + quote(path)
                            + "; expected a relative path of at most "
                            + MAX_PATH
                            + " characters without \"..\", backslashes and control characters");
        }
    }

    /** Refuses a path that could lead out of a folder or that some file system cannot hold. */
    static void requirePortable(String path, String origin) throws HubException {
        requireInside(path, origin);
        for (String part : path.split("/", -1)) {
            if (part.getBytes(StandardCharsets.UTF_8).length > 255
                    || part.endsWith(".")
                    || part.endsWith(" ")
                    || part.chars().anyMatch(c -> "<>:\"|?*".indexOf(c) >= 0)
                    || RESERVED.matcher(part).matches()) {
                throw new HubException(
                        origin
                                + " has the path "
                                + quote(path)
                                + ", which not every file system can hold; expected parts of at"
                                + " most 255 bytes without any of <>:\"|?*, a dot or space at"
                                + " the end, or a device name of Windows");
            }
        }
    }

    /** Returns whether files of this name are pickles, which run code when they are opened. */
    static boolean isPickle(String path) {
        String name = path.toLowerCase(Locale.ROOT);
        return name.endsWith(".bin")
                || name.endsWith(".pt")
                || name.endsWith(".pth")
                || name.endsWith(".ckpt")
                || name.endsWith(".pkl")
                || name.endsWith(".pickle")
                || name.endsWith("pytorch_model.bin.index.json");
    }

    /** Returns a text of others in quotes, shortened and without characters that act on screens. */
    static String quote(String text) {
        StringBuilder shown = new StringBuilder("\"");
        int length = Math.min(text.length(), 200);
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            boolean plain =
                    !Character.isISOControl(c)
                            && !Character.isSurrogate(c)
                            && Character.getType(c) != Character.FORMAT;
            shown.append(plain ? c : '?');
        }
        return shown.append(length < text.length() ? "…\"" : "\"").toString();
    }
}
