package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorInfo;

/** The file {@code merge.json}: what was merged, by what, and hashes of all that came out. */
final class MergeRecord {

    static final String FILE = "merge.json";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_BYTES = 256L << 20;
    private static final String POM =
            "/META-INF/maven/org.retain4j/retain4j-merging/pom.properties";

    private MergeRecord() {}

    /** Writes the record into the folder of all files but the weights, which it lists. */
    static void write(
            MergePlan plan,
            MergeInputs inputs,
            MergeStatistics statistics,
            MergeEngine.Result result,
            List<String> warnings,
            List<String> differences,
            Path beside)
            throws IOException {
        ObjectNode record = JSON.createObjectNode();
        record.put("version", 2);
        ObjectNode versions = record.putObject("versions");
        versions.put("retain4j", version());
        versions.put("java", System.getProperty("java.version"));
        record.put("method", plan.method.info().name());
        record.put("plan", plan.text);
        record.put("plan_sha256", Sha256.of(plan.text.getBytes(StandardCharsets.UTF_8)));
        record.put("parity", plan.parity);
        record.put("seed", plan.seed);
        hashes(record.putObject("models"), inputs.all(), result);
        if (!statistics.all().isEmpty()) {
            hashes(record.putObject("statistics"), statistics.all(), result);
        }
        Map<String, String> tensors = new TreeMap<>();
        result.tensors().forEach((name, note) -> tensors.put(name, note.sha256()));
        record.put("tensors_sha256", TensorHash.combined(tensors));
        warnings.forEach(record.putArray("warnings")::add);
        differences.forEach(record.putArray("differs_from_mergekit_0_1_4")::add);
        ObjectNode files = record.putObject("files");
        try (Stream<Path> all = Files.list(beside)) {
            for (Path file : all.sorted().toList()) {
                files.put(String.valueOf(file.getFileName()), Sha256.of(file));
            }
        }
        ObjectNode each = record.putObject("tensors");
        tensors.forEach(each::put);
        AtomicFile.write(
                beside.resolve(FILE),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(record));
    }

    private static void hashes(
            ObjectNode target, Map<ModelReference, Weights> models, MergeEngine.Result result)
            throws IOException {
        for (Map.Entry<ModelReference, Weights> model : models.entrySet()) {
            Map<String, String> hashes = new TreeMap<>();
            for (Map.Entry<String, Path> file : model.getValue().files().entrySet()) {
                String hash = Objects.requireNonNull(result.files().get(file.getValue()));
                hashes.put(file.getKey(), hash);
            }
            String adapter = model.getValue().adapterHash();
            String hash = Weights.hash(hashes);
            target.put(model.getKey().toString(), adapter.isEmpty() ? hash : hash + "+" + adapter);
        }
    }

    private static String version() throws IOException {
        try (InputStream in = MergeRecord.class.getResourceAsStream(POM)) {
            Properties pom = new Properties();
            if (in != null) {
                pom.load(in);
            }
            return pom.getProperty("version", "development");
        }
    }

    static void verify(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
            throw new MergeException(file + " is missing; expected a folder written by a merge");
        }
        JsonNode record;
        try {
            record = JSON.readTree(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw new MergeException(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
        List<String> changed = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : record.path("files").properties()) {
            String name = entry.getKey();
            // A name with a folder in it would make this read any file.
            boolean plain = !name.contains("/") && !name.contains("\\") && !name.equals("..");
            Path beside = plain ? folder.resolve(name) : folder;
            if (!Files.isRegularFile(beside)
                    || !Sha256.of(beside).equals(entry.getValue().asText())) {
                changed.add(name);
            }
        }
        if (!changed.isEmpty()) {
            throw new MergeException(
                    folder
                            + " holds other files than were written ("
                            + ModelFolder.list(changed)
                            + "); merge again");
        }
        try (Weights weights = Weights.ofModel(folder)) {
            Set<String> names = new TreeSet<>(weights.tensors().keySet());
            record.path("tensors").fieldNames().forEachRemaining(names::add);
            for (String name : names) {
                String expected = record.path("tensors").path(name).asText();
                TensorInfo info = weights.find(name);
                if (info == null || !TensorHash.of(weights, info).equals(expected)) {
                    throw new MergeException(
                            folder
                                    + " holds other weights than were written (first "
                                    + name
                                    + "); merge again");
                }
            }
        }
    }
}
