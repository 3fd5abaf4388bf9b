package org.retain4j.core.hub;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a repository holds at one commit.
 *
 * @param commit 40 hexadecimal digits
 * @param files paths of all files in it, none of which leads out of a folder
 */
record Listing(String commit, Set<String> files) {

    static final int MAX_BYTES = 32 << 20;
    private static final int MAX_FILES = 100_000;
    private static final long MAX_INDEX_BYTES = 100_000_000;
    private static final int MAX_SHARDS = 10_000;
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(200)
                                    .maxStringLength(4 << 20)
                                    .maxNameLength(10_000)
                                    .build())
                    .build();

    /**
     * Reads the hub's answer about a repository: {@code {"sha":…,"siblings":[{"rfilename":…}]}}.
     */
    static Listing parse(String origin, byte[] json) throws HubException {
        String commit = null;
        Set<String> files = new LinkedHashSet<>();
        try (JsonParser parser = JSON.createParser(new ByteArrayInputStream(json))) {
            requireStart(origin, parser);
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                JsonToken value = parser.nextToken();
                if (key.equals("sha") && value == JsonToken.VALUE_STRING) {
                    commit = parser.getText();
                } else if (key.equals("siblings") && value == JsonToken.START_ARRAY) {
                    readSiblings(origin, parser, files);
                } else {
                    parser.skipChildren();
                }
            }
        } catch (HubException e) {
            throw e;
        } catch (IOException e) {
            throw notJson(origin, e);
        }
        if (commit == null || !RepoNames.isCommit(commit)) {
            throw new HubException(
                    origin
                            + " names no commit (sha of 40 hexadecimal digits); check that"
                            + " HF_ENDPOINT is a hub");
        }
        return new Listing(commit, Collections.unmodifiableSet(files));
    }

    private static void readSiblings(String origin, JsonParser parser, Set<String> files)
            throws IOException {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            String file = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean name = parser.currentName().equals("rfilename");
                if (parser.nextToken() == JsonToken.VALUE_STRING && name) {
                    file = parser.getText();
                } else {
                    parser.skipChildren();
                }
            }
            if (file == null || files.size() == MAX_FILES) {
                throw new HubException(
                        origin
                                + " has a sibling without rfilename, or more than "
                                + MAX_FILES
                                + " files");
            }
            RepoNames.requireInside(file, origin);
            files.add(file);
        }
        if (parser.currentToken() != JsonToken.END_ARRAY) {
            throw new HubException(origin + " has siblings that are not objects");
        }
    }

    /** Reads the shard names of {@code model.safetensors.index.json}; plain safetensors names. */
    static Set<String> shards(String origin, Path index) throws HubException {
        Set<String> shards = new LinkedHashSet<>();
        try {
            if (Files.size(index) > MAX_INDEX_BYTES) {
                throw new HubException(
                        origin + " is longer than " + MAX_INDEX_BYTES + " bytes; it is no index");
            }
            try (JsonParser parser = JSON.createParser(index.toFile())) {
                requireStart(origin, parser);
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    boolean map = parser.currentName().equals("weight_map");
                    if (parser.nextToken() == JsonToken.START_OBJECT && map) {
                        readWeightMap(origin, parser, shards);
                    } else {
                        parser.skipChildren();
                    }
                }
            }
        } catch (HubException e) {
            throw e;
        } catch (IOException e) {
            throw notJson(origin, e);
        }
        if (shards.isEmpty()) {
            throw new HubException(
                    origin + " names no shards; expected an object weight_map of file names");
        }
        return shards;
    }

    private static void readWeightMap(String origin, JsonParser parser, Set<String> shards)
            throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String shard = parser.nextToken() == JsonToken.VALUE_STRING ? parser.getText() : null;
            if (shard == null || shards.size() == MAX_SHARDS) {
                throw new HubException(
                        origin
                                + " has a weight_map entry that is not a file name, or more than "
                                + MAX_SHARDS
                                + " shards");
            }
            if (shards.add(shard)) {
                RepoNames.requirePortable(shard, origin);
                if (shard.indexOf('/') >= 0
                        || shard.startsWith(".")
                        || !shard.endsWith(".safetensors")) {
                    throw new HubException(
                            origin
                                    + " names the shard "
                                    + RepoNames.quote(shard)
                                    + "; expected a safetensors file beside the index");
                }
            }
        }
    }

    private static void requireStart(String origin, JsonParser parser) throws IOException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw notJson(origin, null);
        }
    }

    private static HubException notJson(String origin, @Nullable Throwable cause) {
        return new HubException(
                origin
                        + " is not a whole JSON object of the expected kind"
                        + (cause == null
                                ? ""
                                : ": " + RepoNames.quote(String.valueOf(cause.getMessage())))
                        + "; check HF_ENDPOINT and proxies, and remove the file if it is cached",
                cause);
    }
}
