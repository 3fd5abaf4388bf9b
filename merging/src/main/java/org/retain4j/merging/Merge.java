package org.retain4j.merging;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.Draws;

/**
 * Merges models as a plan says, tensor by tensor and part by part, into a new model folder.
 *
 * <pre>{@code
 * Merge.of(MergePlan.read(Path.of("merge.yml"))).run(out);
 * }</pre>
 *
 * <p>Names, shapes, types, layers and parameters are checked before any weight is read. Arithmetic
 * is float32 with one rounding to the type of the output. Memory is a few megabytes for each thread
 * and some hundred kilobytes for each model, whatever the size of the models. The result does not
 * depend on the number of threads. The weights appear when all are written, {@code merge.json}
 * last; after an interruption the same merge into the same folder takes over the weight files that
 * were finished. Immutable.
 */
public final class Merge {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_SHARD = 5_000_000_000L;
    private static final int MAX_WARNINGS = 100;
    private static final int FEW = 3;
    private static final Pattern NUMBER = Pattern.compile("-?[0-9][0-9.eE-]*");
    private static final long MEMORY = 512_000_000L;

    private final MergePlan plan;
    private final Path root;
    private final Map<String, Path> named;
    private final long maxShardBytes;
    private final long memory;
    private final int threads;
    private final boolean report;
    private final TensorCopy.Progress progress;

    /** Replaces the random numbers of a tensor, given its name. */
    private final BiFunction<String, Draws, Draws> draws;

    private Merge(
            MergePlan plan,
            Path root,
            Map<String, Path> named,
            long maxShardBytes,
            long memory,
            int threads,
            boolean report,
            TensorCopy.Progress progress,
            BiFunction<String, Draws, Draws> draws) {
        this.plan = plan;
        this.root = root;
        this.named = named;
        this.maxShardBytes = maxShardBytes;
        this.memory = memory;
        this.threads = threads;
        this.report = report;
        this.progress = progress;
        this.draws = draws;
    }

    /** Merges as a plan says; relative paths in it start from the working folder. */
    public static Merge of(MergePlan plan) {
        return new Merge(
                plan,
                Path.of(""),
                Map.of(),
                MAX_SHARD,
                MEMORY,
                Runtime.getRuntime().availableProcessors(),
                true,
                (done, total) -> {},
                (name, own) -> own);
    }

    /** Starts relative paths of the plan from a folder. */
    public Merge root(Path value) {
        return new Merge(
                plan, value, named, maxShardBytes, memory, threads, report, progress, draws);
    }

    /** Takes models of these names from folders. */
    Merge named(Map<String, Path> value) {
        return new Merge(
                plan,
                root,
                Map.copyOf(value),
                maxShardBytes,
                memory,
                threads,
                report,
                progress,
                draws);
    }

    /** Starts a new file after this many bytes of weights. */
    public Merge maxShardBytes(long value) {
        return new Merge(plan, root, named, value, memory, threads, report, progress, draws);
    }

    /**
     * Sets how many bytes the parts of tensors that are worked on may take, 512 MB if not set;
     * where they do not suffice for all threads, fewer work.
     */
    public Merge memory(long bytes) {
        return new Merge(plan, root, named, maxShardBytes, bytes, threads, report, progress, draws);
    }

    /** Sets how many tensors are worked on at once, at least 1; all processors if not set. */
    public Merge threads(int value) {
        return new Merge(
                plan,
                root,
                named,
                maxShardBytes,
                memory,
                Math.max(1, value),
                report,
                progress,
                draws);
    }

    /**
     * Sets whether {@code report.html} and {@code report.json} say where the models and the result
     * differ, which they do if not set; the numbers are summed while the weights are written.
     */
    public Merge report(boolean value) {
        return new Merge(plan, root, named, maxShardBytes, memory, threads, value, progress, draws);
    }

    /** Tells of the bytes of the models that are hashed and of the weights that are written. */
    public Merge progress(TensorCopy.Progress value) {
        return new Merge(plan, root, named, maxShardBytes, memory, threads, report, value, draws);
    }

    Merge draws(BiFunction<String, Draws, Draws> value) {
        return new Merge(
                plan, root, named, maxShardBytes, memory, threads, report, progress, value);
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
        try (MergeInputs inputs = MergeInputs.open(plan, root, named);
                MergeStatistics statistics = MergeStatistics.open(plan, inputs, root)) {
            for (Weights model : inputs.all().values()) {
                ModelFolder.requireOther(model.path(), out);
            }
            MergeTokenizer tokenizer = MergeTokenizer.of(plan, inputs, root, warnings::add);
            List<MergeJob> jobs = MergeJob.plan(plan, inputs, tokenizer, warnings::add);
            List<TensorSpec> specs = jobs.stream().map(MergeJob::output).toList();
            ObjectNode config = config(inputs.all().values().iterator().next().path(), specs);
            int workers = workers(jobs);
            Files.createDirectories(out);
            try (StagedShards shards =
                    StagedShards.open(
                            out, key(inputs, tokenizer, statistics), specs, maxShardBytes)) {
                Set<Path> files = new LinkedHashSet<>();
                inputs.all().values().forEach(model -> files.addAll(model.files().values()));
                statistics.all().values().forEach(file -> files.addAll(file.files().values()));
                MergeEngine.Result result =
                        new MergeEngine(plan, workers, draws, progress, report, statistics)
                                .run(jobs, shards, files);
                result.tensors().values().forEach(note -> warnings.addAll(note.warnings()));
                List<String> kept = joined(warnings);
                Path beside = shards.beside();
                tokenizer.copyTo(beside);
                AtomicFile.write(
                        beside.resolve("config.json"),
                        JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(config));
                AtomicFile.write(beside.resolve("mergekit_config.yml"), plan.text);
                AtomicFile.write(beside.resolve("README.md"), ModelCard.of(plan));
                if (report) {
                    Map<String, TensorStatistics> differences = new TreeMap<>();
                    result.tensors()
                            .forEach(
                                    (name, note) -> {
                                        if (note.statistics() != null) {
                                            differences.put(name, note.statistics());
                                        }
                                    });
                    new MergeReport(plan, differences, kept).write(beside);
                }
                MergeRecord.write(
                        plan, inputs, statistics, result, kept, Differences.of(plan, jobs), beside);
                shards.publish(MergeRecord.FILE);
                return kept;
            }
        }
    }

    /** Joins what is said of many tensors and differs only in numbers and names. */
    private static List<String> joined(Set<String> warnings) {
        Map<String, List<String>> alike = new LinkedHashMap<>();
        for (String warning : warnings) {
            int name = Math.max(0, warning.indexOf(": "));
            String kind = NUMBER.matcher(warning.substring(name)).replaceAll("#");
            alike.computeIfAbsent(kind, key -> new ArrayList<>()).add(warning);
        }
        List<String> joined = new ArrayList<>();
        for (List<String> group : alike.values()) {
            if (group.size() <= FEW || !group.get(0).contains(": ")) {
                joined.addAll(group);
            } else {
                joined.add(group.get(0) + " (and the same at " + (group.size() - 1) + " more)");
            }
        }
        return joined.stream().limit(MAX_WARNINGS).toList();
    }

    /** Returns a name for the work, which other plans, settings or models change. */
    String key() throws IOException {
        try (MergeInputs inputs = MergeInputs.open(plan, root, named);
                MergeStatistics statistics = MergeStatistics.open(plan, inputs, root)) {
            return key(inputs, MergeTokenizer.of(plan, inputs, root, warning -> {}), statistics);
        }
    }

    /** Returns a name for the work that the plan and the models make out. */
    private String key(MergeInputs inputs, MergeTokenizer tokenizer, MergeStatistics statistics)
            throws IOException {
        StringBuilder work = new StringBuilder(plan.text);
        work.append('\n').append(maxShardBytes).append(' ').append(report);
        work.append('\n').append(tokenizer.key());
        List<Map.Entry<ModelReference, Weights>> all = new ArrayList<>(inputs.all().entrySet());
        all.addAll(statistics.all().entrySet());
        for (Map.Entry<ModelReference, Weights> model : all) {
            work.append('\n').append(model.getValue().adapterHash());
            for (Path file : model.getValue().files().values()) {
                // The contents are hashed while the merge runs, and would have to be read twice.
                work.append('\n').append(model.getKey()).append(' ').append(file.toRealPath());
                work.append(' ').append(Files.size(file));
                work.append(' ').append(Files.getLastModifiedTime(file));
            }
        }
        return Sha256.of(work.toString().getBytes(StandardCharsets.UTF_8)).substring(0, 32);
    }

    /** Returns how many threads the memory suffices for. */
    private int workers(List<MergeJob> jobs) throws MergeException {
        long most = 0;
        String name = "";
        for (MergeJob job : jobs) {
            long needed = plan.method.memory(job.output().shape(), job.models().size());
            if (needed > most) {
                most = needed;
                name = job.output().name();
            }
        }
        if (most > memory) {
            throw new MergeException(
                    "Merging "
                            + name
                            + " takes "
                            + most
                            + " bytes of memory, and "
                            + memory
                            + " are allowed; allow more");
        }
        return (int) Math.max(1, Math.min(threads, memory / Math.max(1, most)));
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

    /**
     * Checks that a folder still holds what a merge wrote.
     *
     * @throws MergeException if a tensor or file is another, or the folder has no {@code
     *     merge.json}
     */
    public static void verify(Path folder) throws IOException {
        MergeRecord.verify(folder);
    }
}
