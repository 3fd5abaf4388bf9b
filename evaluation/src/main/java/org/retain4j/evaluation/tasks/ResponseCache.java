package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.Sha256;

/**
 * Answers of one model on disk, so that an evaluation that was killed goes on where it was.
 *
 * <p>A file holds one JSON object a line, appended after each batch and found again by the SHA-256
 * of the request; a last line that was not written to its end is cut off. One process at a time may
 * have a file open. For one thread.
 */
public final class ResponseCache implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_LINE = 4 << 20;

    private final Path file;
    private final FileChannel channel;
    private final Map<String, Response> known = new HashMap<>();

    private ResponseCache(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Opens the answers of a model, or starts them.
     *
     * @param folder where the files of all models lie; created when missing
     * @param model what tells the model from all others: a hash of its weights and of everything
     *     else that changes an answer, such as the precision
     * @throws TaskException if another process has it open, or the file is not one of these
     */
    public static ResponseCache open(Path folder, String model) throws IOException {
        Files.createDirectories(folder);
        String name = Sha256.of(model.getBytes(StandardCharsets.UTF_8)).substring(0, 32);
        Path file = folder.resolve(name + ".jsonl");
        FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        try {
            lock(channel, file);
            ResponseCache cache = new ResponseCache(file, channel);
            cache.read();
            return cache;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static void lock(FileChannel channel, Path file) throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            throw new TaskException(
                    file + " is in use by another evaluation of the same model; wait for it");
        }
    }

    private void read() throws IOException {
        long good = 0;
        BufferedReader reader =
                new BufferedReader(
                        new InputStreamReader(
                                Channels.newInputStream(channel), StandardCharsets.UTF_8));
        StringBuilder line = new StringBuilder();
        long number = 1;
        for (int c = reader.read(); c >= 0; c = reader.read()) {
            if (c != '\n') {
                line.append((char) c);
                if (line.length() > MAX_LINE) {
                    throw damaged(number, null);
                }
                continue;
            }
            String text = line.toString();
            take(text, number++);
            good += text.getBytes(StandardCharsets.UTF_8).length + 1L;
            line.setLength(0);
        }
        channel.truncate(good);
        channel.position(good);
    }

    private void take(String line, long number) throws IOException {
        try {
            JsonNode node = JSON.readTree(line);
            JsonNode key = node.get("k");
            if (key == null || !node.has("ll") && !node.has("t")) {
                throw damaged(number, null);
            }
            known.put(
                    key.asText(),
                    new Response(
                            node.path("ll").asDouble(),
                            node.path("g").asBoolean(),
                            node.path("t").asText(""),
                            node.path("c").asBoolean(),
                            null));
        } catch (JsonProcessingException e) {
            throw damaged(number, e);
        }
    }

    private TaskException damaged(long line, @Nullable Exception cause) {
        String message =
                file + ", line " + line + " is not an answer of an evaluation; delete the file";
        return cause == null ? new TaskException(message) : new TaskException(message, cause);
    }

    /** Returns the answer to a request, if it is known. */
    Optional<Response> find(String key) {
        return Optional.ofNullable(known.get(key));
    }

    /** Returns how many answers are known. */
    public int size() {
        return known.size();
    }

    /** Keeps answers; they are on disk when this returns. */
    void put(List<Map.Entry<String, Response>> answers) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (Map.Entry<String, Response> answer : answers) {
            Response response = answer.getValue();
            ObjectNode node = JSON.createObjectNode().put("k", answer.getKey());
            if (response.text().isEmpty()) {
                node.put("ll", response.logLikelihood()).put("g", response.greedy());
            } else {
                node.put("t", response.text());
            }
            if (response.truncated()) {
                node.put("c", true);
            }
            lines.append(JSON.writeValueAsString(node)).append('\n');
            known.put(answer.getKey(), response);
        }
        ByteBuffer bytes = ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        channel.force(false);
    }

    /** Closes the file. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
