package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.Draws;
import org.retain4j.merging.method.FloatSink;
import org.retain4j.merging.method.FloatSource;
import org.retain4j.merging.method.TensorMerge;

/**
 * Merges models as a plan says, tensor by tensor and part by part, into a new model folder.
 *
 * <pre>{@code
 * Merge.of(MergePlan.read(Path.of("merge.yml"))).run(out);
 * }</pre>
 *
 * <p>Names, shapes, types, layers and parameters are checked before any weight is read. Arithmetic
 * is float32 with one rounding to the type of the output. Memory is a few megabytes and a few
 * hundred kilobytes for each model, whatever the size of the models. The weights appear when all
 * are written, {@code merge.json} last; after an interruption the same merge into the same folder
 * takes over the weight files that were finished. Immutable.
 */
public final class Merge {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_SHARD = 5_000_000_000L;
    private static final int MAX_WARNINGS = 100;
    private static final String RECORD = "merge.json";

    private final MergePlan plan;
    private final Path root;
    private final long maxShardBytes;
    private final TensorCopy.Progress progress;

    /** Replaces the random numbers of a tensor, given its name. */
    private final BiFunction<String, Draws, Draws> draws;

    private Merge(
            MergePlan plan,
            Path root,
            long maxShardBytes,
            TensorCopy.Progress progress,
            BiFunction<String, Draws, Draws> draws) {
        this.plan = plan;
        this.root = root;
        this.maxShardBytes = maxShardBytes;
        this.progress = progress;
        this.draws = draws;
    }

    /** Merges as a plan says; relative paths in it start from the working folder. */
    public static Merge of(MergePlan plan) {
        return new Merge(plan, Path.of(""), MAX_SHARD, (done, total) -> {}, (name, own) -> own);
    }

    /** Starts relative paths of the plan from a folder. */
    public Merge root(Path value) {
        return new Merge(plan, value, maxShardBytes, progress, draws);
    }

    /** Starts a new file after this many bytes of weights. */
    public Merge maxShardBytes(long value) {
        return new Merge(plan, root, value, progress, draws);
    }

    /** Tells of the bytes written. */
    public Merge progress(TensorCopy.Progress value) {
        return new Merge(plan, root, maxShardBytes, value, draws);
    }

    Merge draws(BiFunction<String, Draws, Draws> value) {
        return new Merge(plan, root, maxShardBytes, progress, value);
    }

    /**
     * Writes the merged model.
     *
     * @param out folder, made if missing; not one of the models
     * @return warnings, each one sentence, at most a hundred
     * @throws MergeException if the plan does not fit the models
     * @throws IOException if a file cannot be read or written
     */
    public List<String> run(Path out) throws IOException {
        Set<String> warnings = new TreeSet<>();
        try (MergeInputs inputs = MergeInputs.open(plan, root)) {
            for (Weights model : inputs.all().values()) {
                ModelFolder.requireOther(model.path(), out);
            }
            MergeTokenizer tokenizer = MergeTokenizer.of(plan, inputs);
            List<MergeJob> jobs = MergeJob.plan(plan, inputs, warnings::add);
            List<TensorSpec> specs = jobs.stream().map(MergeJob::output).toList();
            ObjectNode config = config(inputs.all().values().iterator().next().path(), specs);
            Map<String, String> hashes = new LinkedHashMap<>();
            for (Map.Entry<ModelReference, Weights> model : inputs.all().entrySet()) {
                hashes.put(model.getKey().toString(), model.getValue().hash());
            }
            Files.createDirectories(out);
            StagedShards shards = StagedShards.open(out, key(hashes), specs, maxShardBytes);
            write(jobs, shards, warnings);
            Files.deleteIfExists(out.resolve(RECORD));
            shards.publish();
            tokenizer.copyTo(out);
            AtomicFile.write(
                    out.resolve("config.json"),
                    JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(config));
            AtomicFile.write(out.resolve("mergekit_config.yml"), plan.text);
            List<String> kept = warnings.stream().limit(MAX_WARNINGS).toList();
            record(hashes, out, kept);
            return kept;
        }
    }

    /** Returns a name for the work that the plan and the models make out. */
    private String key(Map<String, String> hashes) {
        String work = plan.text + '\n' + hashes + '\n' + maxShardBytes;
        return Sha256.of(work.getBytes(StandardCharsets.UTF_8)).substring(0, 32);
    }

    private void write(List<MergeJob> jobs, StagedShards shards, Set<String> warnings)
            throws IOException {
        Map<String, MergeJob> byName = new HashMap<>();
        long total = 0;
        for (MergeJob job : jobs) {
            byName.put(job.output().name(), job);
            total += job.output().byteCount();
        }
        long done = 0;
        RoundingSink rounding = new RoundingSink();
        for (Map.Entry<String, List<TensorSpec>> shard : shards.files().entrySet()) {
            List<TensorSpec> specs = shard.getValue();
            if (shards.isFinished(shard.getKey())) {
                done += specs.stream().mapToLong(TensorSpec::byteCount).sum();
                progress.at(done, total);
                continue;
            }
            Path file = shards.path(shard.getKey());
            try (SafetensorsWriter writer =
                    SafetensorsWriter.create(file, specs, Map.of("format", "pt"))) {
                for (TensorSpec spec : specs) {
                    MergeJob job = Objects.requireNonNull(byName.get(spec.name()));
                    write(job, writer, rounding, warnings);
                    done += spec.byteCount();
                    progress.at(done, total);
                }
                writer.commit();
            }
        }
    }

    private void write(
            MergeJob job, SafetensorsWriter writer, RoundingSink rounding, Set<String> warnings)
            throws IOException {
        String name = job.output().name();
        MergeJob.Input reference = job.base() != null ? job.base() : job.models().get(0);
        if (!reference.info().dtype().isFloatingPoint()) {
            TaskVector.copy(reference.weights(), reference.info(), writer::write);
            return;
        }
        FloatSink sink = rounding.to(job.output().dtype(), bytes -> writer.write(name, bytes));
        List<FloatSource> models = new ArrayList<>();
        for (MergeJob.Input input : job.models()) {
            models.add(source(input));
        }
        FloatSource base = job.base() == null ? null : source(job.base());
        TensorMerge merge =
                new TensorMerge(name, job.output().shape(), base, models, sink)
                        .parity(plan.parity)
                        .bfloat(plan.parity && computedIn(reference) == DType.BFLOAT16)
                        .draws(draws.apply(name, Draws.of(plan.seed, name)))
                        .warnings(sentence -> warnings.add(name + ": " + sentence));
        job.settings().forEach(merge::set);
        for (int i = 0; i < models.size(); i++) {
            int model = i;
            job.own().get(i).forEach((key, value) -> merge.set(model, key, value));
        }
        try {
            plan.method.merge(merge);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new MergeException(plan.file + ": at " + name + ", " + e.getMessage(), e);
        }
    }

    private DType computedIn(MergeJob.Input reference) {
        return plan.dtype == null ? reference.info().dtype() : plan.dtype;
    }

    private FloatSource source(MergeJob.Input input) throws MergeException {
        FloatSource stored = input.weights().floats(input.info());
        DType type = plan.dtype;
        if (!plan.parity || type == null || type == DType.FLOAT32 || type == input.info().dtype()) {
            return stored;
        }
        return RoundingSink.rounded(stored, type);
    }

    private ObjectNode config(Path from, List<TensorSpec> specs) throws IOException {
        ObjectNode config = MergeInputs.config(from);
        int layers = 0;
        boolean head = false;
        for (TensorSpec spec : specs) {
            layers = Math.max(layers, Layers.of(spec.name()).orElse(-1) + 1);
            head |= Layers.isHead(spec.name());
            if (Layers.hasTokenRows(spec.name()) && !Layers.isHead(spec.name())) {
                config.put("vocab_size", spec.shape().get(0));
            }
        }
        config.put(config.has("n_layer") ? "n_layer" : "num_hidden_layers", layers);
        if (head && config.path("tie_word_embeddings").asBoolean(true)) {
            config.put("tie_word_embeddings", false);
        }
        DType type = plan.outDtype != null ? plan.outDtype : plan.dtype;
        if (type != null) {
            config.put(config.has("dtype") ? "dtype" : "torch_dtype", type.toString());
        }
        return config;
    }

    private void record(Map<String, String> hashes, Path out, List<String> warnings)
            throws IOException {
        ObjectNode record = JSON.createObjectNode();
        record.put("version", 1);
        record.put("method", plan.method.info().name());
        record.put("plan", plan.text);
        record.put("plan_sha256", Sha256.of(plan.text.getBytes(StandardCharsets.UTF_8)));
        record.put("parity", plan.parity);
        record.put("seed", plan.seed);
        ObjectNode models = record.putObject("models");
        hashes.forEach(models::put);
        try (Weights written = Weights.ofModel(out)) {
            record.put("weights_sha256", written.hash());
        }
        warnings.forEach(record.putArray("warnings")::add);
        AtomicFile.write(
                out.resolve(RECORD),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(record));
    }

    /**
     * Checks that a folder still holds the weights that a merge wrote.
     *
     * @throws MergeException if they are others, or the folder has no {@code merge.json}
     */
    public static void verify(Path folder) throws IOException {
        Path file = folder.resolve(RECORD);
        if (!Files.isRegularFile(file) || Files.size(file) > 64L << 20) {
            throw new MergeException(file + " is missing; expected a folder written by a merge");
        }
        String expected;
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            expected = node.path("weights_sha256").asText();
        } catch (JsonProcessingException e) {
            throw new MergeException(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
        try (Weights weights = Weights.ofModel(folder)) {
            if (!weights.hash().equals(expected)) {
                throw new MergeException(
                        folder + " holds other weights than were written; merge again");
            }
        }
    }
}
