package org.retain4j.core.io;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The weights of a model folder in Hugging Face layout, in one file or in shards.
 *
 * <p>Reads {@code model.safetensors}, or else {@code model.safetensors.index.json} and the shards
 * that it names, which must be plain file names inside the folder (links to files elsewhere are
 * fine: the hub's cache consists of them). As in transformers, tensors that a shard has beyond the
 * index belong to the model too. Pickle files ({@code pytorch_model.bin}) are never read.
 *
 * <p>Safe for all threads.
 */
public final class SafetensorsFolder implements TensorSource {

    private final Path folder;
    private final Map<String, SafetensorsFile> files;
    private final Map<String, SafetensorsFile> owners;
    private final Map<String, TensorInfo> tensors;
    private final Map<String, String> metadata;

    private SafetensorsFolder(Path folder, Map<String, SafetensorsFile> files)
            throws SafetensorsException {
        this.folder = folder;
        this.files = files;
        Map<String, SafetensorsFile> owner = new LinkedHashMap<>();
        Map<String, TensorInfo> infos = new LinkedHashMap<>();
        Map<String, String> texts = new LinkedHashMap<>();
        for (SafetensorsFile file : files.values()) {
            file.metadata().forEach(texts::putIfAbsent);
            for (TensorInfo info : file.tensors().values()) {
                SafetensorsFile other = owner.put(info.name(), file);
                if (other != null) {
                    throw new SafetensorsException(
                            "Tensor "
                                    + SafetensorsHeader.quote(info.name())
                                    + " is both in "
                                    + other.path()
                                    + " and in "
                                    + file.path()
                                    + "; expected it in one of them");
                }
                infos.put(info.name(), info);
            }
        }
        this.owners = owner;
        this.tensors = Collections.unmodifiableMap(infos);
        this.metadata = Collections.unmodifiableMap(texts);
    }

    /**
     * Opens all weight files of a folder and checks their headers.
     *
     * @throws SafetensorsException when there are none, a shard or tensor named by the index is
     *     missing, a tensor is in two shards, or a file is not valid
     */
    public static SafetensorsFolder open(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new SafetensorsException(
                    folder + " is not a folder; expected a model folder with " + ShardPlan.SINGLE);
        }
        Map<String, SafetensorsFile> files = new LinkedHashMap<>();
        try {
            if (Files.exists(folder.resolve(ShardPlan.SINGLE))) {
                files.put(ShardPlan.SINGLE, SafetensorsFile.open(folder.resolve(ShardPlan.SINGLE)));
            } else if (Files.exists(folder.resolve(ShardPlan.INDEX))) {
                openShards(folder, files);
            } else {
                throw noWeights(folder);
            }
            return new SafetensorsFolder(folder, files);
        } catch (Throwable e) {
            closeAll(files.values(), e);
            throw e;
        }
    }

    private static SafetensorsException noWeights(Path folder) {
        boolean pickle =
                Files.exists(folder.resolve("pytorch_model.bin"))
                        || Files.exists(folder.resolve("pytorch_model.bin.index.json"));
        return new SafetensorsException(
                pickle
                        ? folder
                                + " holds its weights only as pytorch_model.bin; pickle files can"
                                + " run code and are not read; convert them in Python with"
                                + " model.save_pretrained(folder, safe_serialization=True)"
                        : folder + " has neither " + ShardPlan.SINGLE + " nor " + ShardPlan.INDEX);
    }

    private static void openShards(Path folder, Map<String, SafetensorsFile> files)
            throws IOException {
        Path index = folder.resolve(ShardPlan.INDEX);
        Map<String, String> weightMap = readIndex(index);
        for (Map.Entry<String, String> entry : weightMap.entrySet()) {
            String shard = entry.getValue();
            SafetensorsFile file = files.get(shard);
            if (file == null) {
                file = SafetensorsFile.open(shardPath(folder, index, shard));
                files.put(shard, file);
            }
            if (!file.tensors().containsKey(entry.getKey())) {
                throw new SafetensorsException(
                        file.path()
                                + " has no tensor "
                                + SafetensorsHeader.quote(entry.getKey())
                                + " although "
                                + ShardPlan.INDEX
                                + " says so; download the folder again");
            }
        }
    }

    private static Path shardPath(Path folder, Path index, String shard)
            throws SafetensorsException {
        boolean plain =
                !shard.isEmpty()
                        && !shard.startsWith(".")
                        && shard.chars().noneMatch(c -> c < ' ' || "/\\:".indexOf(c) >= 0);
        try {
            if (plain && Path.of(shard).getNameCount() == 1) {
                Path path = folder.resolve(shard);
                if (Files.isRegularFile(path)) {
                    return path;
                }
                throw new SafetensorsException(
                        path + " is missing although " + index + " names it; download it again");
            }
        } catch (InvalidPathException e) {
            plain = false;
        }
        throw new SafetensorsException(
                index
                        + " names the shard "
                        + SafetensorsHeader.quote(shard)
                        + "; expected a plain file name inside the folder");
    }

    private static Map<String, String> readIndex(Path index) throws IOException {
        if (!Files.isRegularFile(index) || Files.size(index) > SafetensorsHeader.MAX_HEADER_BYTES) {
            throw new SafetensorsException(
                    index
                            + " is not a plain file of at most "
                            + SafetensorsHeader.MAX_HEADER_BYTES
                            + " bytes");
        }
        Map<String, String> weightMap = new LinkedHashMap<>();
        try (Reader reader = Files.newBufferedReader(index);
                JsonParser parser = SafetensorsHeader.JSON.createParser(reader)) {
            boolean found = false;
            if (parser.nextToken() == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String key = parser.currentName();
                    JsonToken value = parser.nextToken();
                    if (key.equals("weight_map") && value == JsonToken.START_OBJECT) {
                        found = true;
                        readWeightMap(index, parser, weightMap);
                    } else {
                        parser.skipChildren();
                    }
                }
            }
            if (!found || parser.nextToken() != null) {
                throw new SafetensorsException(
                        index + " is not a JSON object with an object weight_map");
            }
        } catch (JsonProcessingException | CharacterCodingException e) {
            throw new SafetensorsException(
                    index + " is not valid JSON: " + SafetensorsHeader.quote("" + e.getMessage()),
                    e);
        }
        return weightMap;
    }

    private static void readWeightMap(Path index, JsonParser parser, Map<String, String> weightMap)
            throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String tensor = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING
                    || weightMap.size() == SafetensorsHeader.MAX_TENSORS) {
                throw new SafetensorsException(
                        "In "
                                + index
                                + ", weight_map of "
                                + SafetensorsHeader.quote(tensor)
                                + " is not a file name, or there are more than "
                                + SafetensorsHeader.MAX_TENSORS
                                + " entries");
            }
            weightMap.put(tensor, parser.getText());
        }
    }

    /** Returns the folder that was opened. */
    public Path path() {
        return folder;
    }

    /** Returns the opened files by name, in the order in which the index names them. */
    public Map<String, SafetensorsFile> files() {
        return Collections.unmodifiableMap(files);
    }

    /** Returns the metadata of all files together; for a key in several, that of the first. */
    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return tensors;
    }

    @Override
    public TensorInfo tensor(String name) throws SafetensorsException {
        return owner(name).tensor(name);
    }

    @Override
    public void read(String name, long offset, ByteBuffer destination) throws IOException {
        owner(name).read(name, offset, destination);
    }

    @Override
    public ByteBuffer map(String name, long offset, int length) throws IOException {
        return owner(name).map(name, offset, length);
    }

    private SafetensorsFile owner(String name) throws SafetensorsException {
        SafetensorsFile file = owners.get(name);
        if (file == null) {
            throw new SafetensorsException(
                    "The weights in "
                            + folder
                            + " have no tensor "
                            + SafetensorsHeader.quote(name));
        }
        return file;
    }

    @Override
    public void close() throws IOException {
        IOException failure = new IOException("Could not close the weights in " + folder);
        closeAll(files.values(), failure);
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }

    private static void closeAll(Iterable<SafetensorsFile> files, Throwable failure) {
        for (SafetensorsFile file : files) {
            try {
                file.close();
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
    }
}
