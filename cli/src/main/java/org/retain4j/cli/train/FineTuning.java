package org.retain4j.cli.train;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.ByteSize;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.evaluation.report.SampleChange;
import org.retain4j.evaluation.report.TrainingReport;
import org.retain4j.evaluation.report.TrainingSummary;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.Evaluation;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainResult;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.monitor.EarlyStopping;
import org.retain4j.finetune.monitor.HeldOutLoss;
import org.retain4j.finetune.monitor.MetricsLog;
import org.retain4j.finetune.monitor.RunHistory;
import org.retain4j.finetune.monitor.StopAbove;
import org.retain4j.finetune.monitor.TimingsLog;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.lora.LoraMerge;

/**
 * One run of {@code finetune}: trains a model and leaves model, metrics and report in a folder.
 *
 * <p>The folder gets {@code model/}, {@code metrics.jsonl}, {@code timings.jsonl}, {@code
 * report.html}, {@code run.json} and checkpoints. Used once, by one thread.
 */
public final class FineTuning {

    /** What one sees of a run while it goes. */
    public interface Display {
        /** Hears of the progress in steps. */
        void update(long done, long total, String what);

        /** Shows a line. */
        void note(String line);
    }

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final long SHARD = ByteSize.parse("5GB");
    private static final List<String> DATA_OPTIONS =
            List.of(
                    "train",
                    "eval_split",
                    "max_length",
                    "truncation",
                    "packing",
                    "group_by_length",
                    "shuffle",
                    "completion_only_loss",
                    "append_eos",
                    "chat_template_kwargs",
                    "seed",
                    "data_seed",
                    "lora_init_data",
                    "replay");

    private final RunConfig config;
    private final BaseModel base;
    private final TrainingData data;
    private final TrainingData.Encoding encoding;
    private final TrainingPlan plan;
    private final Path folder;
    private final Display display;
    private final List<Evaluation> evaluations = new ArrayList<>();
    private final Map<String, String> files;
    private final RetentionMonitor monitor;
    private final TrainingOverlap overlap;
    private @Nullable Finished finished;

    /** Prepares a run, and reads its data files once for their hashes. */
    FineTuning(
            RunConfig config,
            BaseModel base,
            TrainingData data,
            TrainingData.Encoding encoding,
            TrainingPlan plan,
            Path folder,
            Display display)
            throws IOException {
        this.config = config;
        this.base = base;
        this.data = data;
        this.encoding = encoding;
        this.plan = plan;
        this.folder = folder;
        this.display = display;
        this.files = hashes();
        this.monitor = RetentionMonitor.of(config);
        this.overlap =
                monitor.overlap(
                        files.keySet().stream()
                                .filter(file -> file.matches("(?i).*\\.(jsonl?|txt|md)(\\.gz)?"))
                                .map(Path::of)
                                .toList());
    }

    /** Measures a trained model. */
    @FunctionalInterface
    public interface Finished {
        /**
         * Takes the model at the end of its run; it is closed afterwards.
         *
         * @param lora its adapters; null when the weights themselves were trained
         * @param result tokens and steps of the run
         * @param measured losses on eval and retain
         */
        void measure(
                CausalLm model,
                @Nullable Lora lora,
                TrainResult result,
                Map<String, Double> measured)
                throws IOException;
    }

    /** Hands the trained model over in place of saving it; an adapter is saved all the same. */
    FineTuning measuredBy(Finished value) {
        finished = value;
        return this;
    }

    /** Returns the folder of the final model of a run. */
    static Path modelFolder(Path folder) {
        return folder.resolve("model");
    }

    /**
     * Trains.
     *
     * @param checkpoint where to go on; null to start
     * @param provenance what run.json tells besides
     * @return sentences on what came out
     */
    List<String> run(@Nullable Path checkpoint, Map<String, Object> provenance) throws IOException {
        long started = System.nanoTime();
        Samples samples = Samples.of(config, base, data);
        LoraConfig wanted = Adapter.config(config);
        try (CausalLm model = base.load(plan.device(), plan.precision());
                Lora lora = wanted == null ? null : attach(model, wanted)) {
            List<String> before = before(samples, model, lora);
            Trainer trainer = trainer(model);
            if (lora != null) {
                trainer.remember("lora", lora.config(Lora.DEFAULT).toString());
            }
            TrainResult result;
            Map<String, Double> measured;
            List<String> notes;
            try (Methods methods =
                    Methods.attach(
                            config,
                            encoding,
                            model,
                            lora,
                            trainer,
                            monitor,
                            trained(model),
                            rows(),
                            display)) {
                notes = methods.notes();
                result = checkpoint == null ? trainer.run() : trainer.resume(checkpoint);
                measured = new LinkedHashMap<>(result.evaluation());
                if (methods.finish(model) || moved(result)) {
                    for (Evaluation evaluation : evaluations) {
                        measured.putAll(evaluation.evaluate(model, result.steps()));
                    }
                }
                methods.leave(model, trained(model), data.source(), config.seed, folder);
            }
            List<String> after = samples.answers(model);
            List<SampleChange> changes = new ArrayList<>();
            for (int i = 0; i < after.size(); i++) {
                changes.add(
                        new SampleChange(
                                samples.prompts().get(i).shown(), before.get(i), after.get(i)));
            }
            if (finished == null) {
                save(model, lora);
            } else {
                if (lora != null) {
                    lora.save(folder.resolve("adapter"));
                }
                finished.measure(model, lora, result, measured);
            }
            List<String> results = results(result, measured, (System.nanoTime() - started) / 1e9);
            write(results, notes, result, measured, changes, provenance);
            for (SampleChange change : changes) {
                display.note(
                        "\n> "
                                + change.prompt()
                                + "\nbefore: "
                                + change.before().strip()
                                + "\nafter:  "
                                + change.after().strip());
            }
            return results;
        }
    }

    private List<Parameter> trained(CausalLm model) {
        Set<String> names = Set.copyOf(plan.trained());
        return model.trainable().stream().filter(one -> names.contains(one.name())).toList();
    }

    private long rows() {
        TrainOptions options = plan.options();
        return options.steps() * options.batchSize() * options.accumulation();
    }

    private Lora attach(CausalLm model, LoraConfig wanted) throws IOException {
        BatchSource inputs =
                config.loraInitData.isEmpty()
                        ? data.source()
                        : TrainingData.forMethod(
                                config, encoding, "lora_init_data", config.loraInitData);
        return Adapter.attach(model, wanted, config, inputs);
    }

    private static List<String> before(Samples samples, CausalLm model, @Nullable Lora lora) {
        try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
            return samples.answers(model);
        }
    }

    /** Returns whether the model has the weights of an earlier step than the last. */
    private static boolean moved(TrainResult result) {
        return result.bestStep() != 0 && result.bestStep() != result.steps();
    }

    private void save(CausalLm model, @Nullable Lora lora) throws IOException {
        if (lora == null) {
            model.save(modelFolder(folder), config.saveDtype.type(), SHARD);
            return;
        }
        Path adapter = folder.resolve("adapter");
        lora.save(adapter);
        lora.close();
        Path whole = base.path();
        Path temporary = folder.resolve(".base");
        if (whole == null || !Files.isDirectory(whole)) {
            model.save(temporary);
            whole = temporary;
        }
        LoraMerge.of(whole, adapter)
                .type(config.saveDtype.type())
                .maxShardBytes(SHARD)
                .anyBase()
                .run(modelFolder(folder));
        Folders.delete(temporary);
    }

    private Trainer trainer(CausalLm model) {
        Trainer trainer =
                Trainer.of(model, data.source())
                        .options(plan.options())
                        .objective(new CrossEntropy(config.labelSmoothingFactor))
                        .onLog(new MetricsLog(folder.resolve("metrics.jsonl")))
                        .onLog(new TimingsLog(folder.resolve("timings.jsonl")))
                        .onStep(this::show)
                        .checkpoints(checkpoints());
        if (!config.parameters.trainable.isEmpty()) {
            trainer.trainOnly(config.parameters.trainable.toArray(String[]::new));
        }
        if (!config.parameters.frozen.isEmpty()) {
            trainer.freeze(config.parameters.frozen.toArray(String[]::new));
        }
        if (!data.eval().isEmpty()) {
            evaluations.add(new HeldOutLoss(RunConfig.EVAL, data.eval(), config.evalBatchSize));
        }
        if (!data.retain().isEmpty()) {
            evaluations.add(new HeldOutLoss(RunConfig.RETAIN, data.retain(), config.evalBatchSize));
        }
        evaluations.addAll(monitor.attach(trainer));
        evaluations.forEach(trainer::evaluate);
        if (config.earlyStoppingPatience != null) {
            trainer.stopWhen(
                    new EarlyStopping(
                            config.metricForBestModel,
                            config.greaterIsBetter,
                            config.earlyStoppingPatience,
                            config.earlyStoppingThreshold));
        }
        if (config.maxRetainRise != null) {
            trainer.stopWhen(new StopAbove(RunConfig.RETAIN + "_rise", config.maxRetainRise));
        }
        return trainer;
    }

    private CheckpointOptions checkpoints() {
        CheckpointOptions options =
                CheckpointOptions.in(folder)
                        .every(config.saveSteps)
                        .keep(config.saveTotalLimit)
                        .onSaveError(config.onSaveError)
                        .data(dataHash());
        return config.loadBestModelAtEnd
                ? options.best(config.metricForBestModel, config.greaterIsBetter)
                : options;
    }

    /** Returns the hash of every file that decides the course of the run, by its path. */
    private Map<String, String> hashes() throws IOException {
        Set<String> keys = new LinkedHashSet<>(config.dataParts().keySet());
        keys.removeAll(List.of(RunConfig.EVAL, RunConfig.RETAIN));
        return TrainingData.hashes(config, encoding, keys);
    }

    /** Returns what tells the training rows from others: the files' contents and the options. */
    private String dataHash() {
        ObjectNode options = RunFile.YAML.valueToTree(config);
        options.retain(DATA_OPTIONS);
        // a file may have moved; its contents are in the hash
        options.findParents("data").forEach(node -> ((ObjectNode) node).remove("data"));
        String text = files.values() + "\n" + options;
        return Sha256.of(text.getBytes(StandardCharsets.UTF_8));
    }

    private void show(StepReport step) {
        StringBuilder what =
                new StringBuilder(
                        String.format(
                                Locale.ROOT,
                                "loss %.4f, lr %.2e, %,.0f tokens/s",
                                step.loss(),
                                step.learningRate(),
                                step.tokens() / step.seconds()));
        step.evaluation()
                .forEach(
                        (name, value) -> {
                            if (name.endsWith("_loss")) {
                                what.append(String.format(Locale.ROOT, ", %s %.4f", name, value));
                            }
                        });
        display.update(step.step(), step.steps(), what.toString());
    }

    private List<String> results(TrainResult result, Map<String, Double> measured, double seconds) {
        List<String> results = new ArrayList<>();
        results.add(
                String.format(
                        Locale.ROOT,
                        "%,d steps, %,d new and %,d replayed tokens, last loss %.4f, %.0f s.",
                        result.steps(),
                        result.newTokens(),
                        result.replayedTokens(),
                        result.finalLoss(),
                        seconds));
        if (result.bestStep() != 0) {
            results.add("The weights are those of step " + result.bestStep() + ", the best.");
        }
        if (!result.stopped().isEmpty()) {
            results.add("Stopped early: " + result.stopped() + ".");
        }
        for (String name : List.of(RunConfig.EVAL, RunConfig.RETAIN)) {
            Double loss = measured.get(name + "_loss");
            Double rise = measured.get(name + "_rise");
            if (loss != null && rise != null) {
                results.add(
                        String.format(
                                Locale.ROOT,
                                "%s: loss %.4f before, %.4f after (%+.4f nats a token%s).",
                                name.equals(RunConfig.EVAL) ? "Held-out task" : "Old knowledge",
                                loss - rise,
                                loss,
                                rise,
                                name.equals(RunConfig.RETAIN) && rise > 0 ? ", forgotten" : ""));
            }
        }
        results.addAll(monitor.results(measured));
        result.saveErrors().forEach(error -> results.add("Not saved: " + error + "."));
        return results;
    }

    private void write(
            List<String> results,
            List<String> notes,
            TrainResult result,
            Map<String, Double> measured,
            List<SampleChange> changes,
            Map<String, Object> provenance)
            throws IOException {
        Map<String, Object> run = new LinkedHashMap<>(provenance);
        run.put("status", result.stopped().isEmpty() ? "done" : "stopped: " + result.stopped());
        run.put("steps", result.steps());
        run.put("results", measured);
        run.put("data", files);
        if (overlap.texts() > 0) {
            run.put("contamination", overlap);
        }
        AtomicFile.write(folder.resolve("run.json"), JSON.writeValueAsString(run) + "\n");
        List<String> messages = new ArrayList<>(plan.warnings());
        messages.addAll(data.summary());
        messages.addAll(notes);
        messages.addAll(overlap.lines());
        messages.addAll(result.saveErrors());
        if (!result.stopped().isEmpty()) {
            messages.add("Stopped early: " + result.stopped());
        }
        TrainingReport.write(
                new TrainingSummary(
                        "Fine-tuning of " + base.name(),
                        retain4j(provenance),
                        String.valueOf(provenance.get("started")),
                        results,
                        messages,
                        RunHistory.read(
                                folder.resolve("metrics.jsonl"), folder.resolve("timings.jsonl")),
                        data.retain().isEmpty() ? List.of() : List.of(RunConfig.RETAIN),
                        changes,
                        settings(),
                        provenance),
                folder.resolve("report.html"));
    }

    private static String retain4j(Map<String, Object> provenance) {
        return provenance.get("versions") instanceof Map<?, ?> versions
                ? String.valueOf(versions.get("retain4j"))
                : "";
    }

    private Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        RunFile.YAML
                .valueToTree(config)
                .fields()
                .forEachRemaining(
                        entry -> {
                            if (!entry.getValue().isNull() && !entry.getValue().isEmpty(null)) {
                                settings.put(entry.getKey(), entry.getValue().toString());
                            }
                        });
        return settings;
    }

    /** Returns whether a run has ended and left its model. */
    static boolean hasEnded(Path folder) {
        return Files.exists(modelFolder(folder).resolve("config.json"))
                && Files.exists(folder.resolve("report.html"));
    }

    /**
     * Returns the newest checkpoint of a run folder, or null when there is none.
     *
     * @throws UsageException if the run has ended
     */
    static @Nullable Path latest(Path folder) throws IOException {
        if (hasEnded(folder)) {
            throw new UsageException(
                    folder
                            + " holds a run that has ended, with its model; there is nothing to"
                            + " resume");
        }
        return Checkpoints.latest(folder).orElse(null);
    }
}
