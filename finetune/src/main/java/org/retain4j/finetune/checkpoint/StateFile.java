package org.retain4j.finetune.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/** {@code state.json}, and the tensors of states beside it. */
final class StateFile {

    static final String NAME = "state.json";

    static final String ADAPTER_FILE = "adapter.safetensors";

    private static final String OPTIMIZER_FILE = "optimizer.safetensors";
    private static final String PLUGIN_FILE = "plugins.safetensors";
    private static final int FORMAT = 1;
    private static final long MAX_SIZE = 64L << 20;
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private StateFile() {}

    /** Writes tensors and {@code state.json} into a folder that holds all other files. */
    static void write(Path folder, RunState state) throws IOException {
        Map<String, Tensor> plugins = new LinkedHashMap<>();
        ObjectNode root = JSON.createObjectNode();
        root.put("format", FORMAT);
        root.put("step", state.step());
        ObjectNode settings = root.putObject("settings");
        state.settings().forEach(settings::put);
        ObjectNode parts = root.putObject("parts");
        for (Map.Entry<String, StateDict> part : state.parts().entrySet()) {
            ObjectNode numbers = parts.putObject(part.getKey());
            // maps made by Map.of have another order in every process
            new TreeMap<>(part.getValue().numbers()).forEach(numbers::put);
            if (!part.getKey().equals(RunState.OPTIMIZER)) {
                part.getValue()
                        .tensors()
                        .forEach((name, t) -> plugins.put(part.getKey() + "/" + name, t));
            }
        }
        StateTensors.write(
                folder.resolve(OPTIMIZER_FILE), state.part(RunState.OPTIMIZER).tensors());
        if (!plugins.isEmpty()) {
            StateTensors.write(folder.resolve(PLUGIN_FILE), plugins);
        }
        ObjectNode files = root.putObject("files");
        List<Path> written;
        try (Stream<Path> walk = Files.walk(folder)) {
            written = walk.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : written) {
            ObjectNode entry =
                    files.putObject(folder.relativize(file).toString().replace('\\', '/'));
            entry.put("bytes", Files.size(file));
            entry.put("sha256", Sha256.of(file));
        }
        root.put("checksum", Sha256.of(bytes(root)));
        AtomicFile.write(
                folder.resolve(NAME),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root));
    }

    private static byte[] bytes(ObjectNode root) throws JsonProcessingException {
        return JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Reads and checks everything but the weights; tensors belong to the caller's scope.
     *
     * @param expected settings of the run that wants to resume
     */
    static RunState read(Path folder, Map<String, String> expected) throws IOException {
        ObjectNode root = parse(folder);
        requireFiles(folder, root.path("files"));
        Map<String, String> settings = new LinkedHashMap<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = root.path("settings").fields();
                it.hasNext(); ) {
            Map.Entry<String, JsonNode> field = it.next();
            settings.put(field.getKey(), field.getValue().asText());
        }
        requireSame(folder, settings, expected);
        Map<String, Tensor> plugins =
                Files.exists(folder.resolve(PLUGIN_FILE))
                        ? StateTensors.read(folder.resolve(PLUGIN_FILE))
                        : Map.of();
        Map<String, StateDict> parts = new LinkedHashMap<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = root.path("parts").fields();
                it.hasNext(); ) {
            Map.Entry<String, JsonNode> part = it.next();
            Map<String, Long> numbers = new LinkedHashMap<>();
            for (Iterator<Map.Entry<String, JsonNode>> n = part.getValue().fields();
                    n.hasNext(); ) {
                Map.Entry<String, JsonNode> number = n.next();
                numbers.put(number.getKey(), number.getValue().asLong());
            }
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            String prefix = part.getKey() + "/";
            if (part.getKey().equals(RunState.OPTIMIZER)) {
                tensors.putAll(StateTensors.read(folder.resolve(OPTIMIZER_FILE)));
            } else {
                plugins.forEach(
                        (name, tensor) -> {
                            if (name.startsWith(prefix)) {
                                tensors.put(name.substring(prefix.length()), tensor);
                            }
                        });
            }
            parts.put(part.getKey(), new StateDict(tensors, numbers));
        }
        return new RunState(root.path("step").asLong(), settings, parts);
    }

    private static ObjectNode parse(Path folder) throws IOException {
        Path file = folder.resolve(NAME);
        if (!Files.isDirectory(folder)) {
            throw new CheckpointException(
                    folder + " is not a folder; expected a checkpoint-STEP folder of a run");
        }
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(
                    folder + " has no " + NAME + ", so it is no checkpoint of this library");
        }
        if (Files.size(file) > MAX_SIZE) {
            throw damaged(file, "it is larger than " + MAX_SIZE + " bytes", null);
        }
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            if (!(node instanceof ObjectNode root)) {
                throw damaged(file, "it is no JSON object", null);
            }
            int format = root.path("format").asInt(-1);
            if (format != FORMAT) {
                throw new CheckpointException(
                        file
                                + " has format "
                                + format
                                + "; this version reads format "
                                + FORMAT
                                + ", use the version that wrote it");
            }
            JsonNode checksum = root.remove("checksum");
            if (checksum == null || !checksum.asText().equals(Sha256.of(bytes(root)))) {
                throw damaged(file, "its checksum does not fit", null);
            }
            return root;
        } catch (JsonProcessingException e) {
            throw damaged(file, "it is no JSON (" + e.getOriginalMessage() + ")", e);
        }
    }

    private static CheckpointException damaged(Path file, String how, @Nullable Throwable cause) {
        return new CheckpointException(
                file + " is damaged: " + how + "; resume from an earlier checkpoint", cause);
    }

    private static void requireFiles(Path folder, JsonNode files) throws IOException {
        Path root = folder.toAbsolutePath().normalize();
        for (Iterator<Map.Entry<String, JsonNode>> it = files.fields(); it.hasNext(); ) {
            Map.Entry<String, JsonNode> entry = it.next();
            Path file = root.resolve(entry.getKey()).normalize();
            if (!file.startsWith(root)) {
                throw damaged(folder.resolve(NAME), "it names a file outside its folder", null);
            }
            if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                throw new CheckpointException(
                        file + " is missing; resume from an earlier checkpoint");
            }
            long expected = entry.getValue().path("bytes").asLong(-1);
            if (Files.size(file) != expected) {
                throw damaged(
                        file, "it has " + Files.size(file) + " bytes instead of " + expected, null);
            }
            if (!Sha256.of(file).equals(entry.getValue().path("sha256").asText())) {
                throw damaged(file, "its SHA-256 is not the one in " + NAME, null);
            }
        }
        String weights = files.has(ADAPTER_FILE) ? ADAPTER_FILE : "config.json";
        for (String needed : List.of(OPTIMIZER_FILE, weights)) {
            if (!files.has(needed)) {
                throw damaged(folder.resolve(NAME), "it does not list " + needed, null);
            }
        }
    }

    private static void requireSame(
            Path folder, Map<String, String> saved, Map<String, String> wanted)
            throws CheckpointException {
        List<String> differences = new ArrayList<>();
        TreeSet<String> names = new TreeSet<>(saved.keySet());
        names.addAll(wanted.keySet());
        for (String name : names) {
            String before = saved.get(name);
            String now = wanted.get(name);
            if (before == null || !before.equals(now)) {
                differences.add(
                        name
                                + " was "
                                + (before == null ? "not set" : before)
                                + " and is "
                                + (now == null ? "not set" : now));
            }
        }
        if (!differences.isEmpty()) {
            throw new CheckpointException(
                    "Cannot resume from "
                            + folder
                            + ", because the run is another one: "
                            + String.join("; ", differences)
                            + "; set these back, or start a new run from the checkpoint's weights");
        }
    }
}
