package org.retain4j.cli.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.Example;
import org.retain4j.finetune.data.ExampleReader;
import org.retain4j.finetune.data.Problem;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;

/** A fine-tuning run as a YAML file describes it, with all settings checked. */
public final class FinetuneRun {

    private static final String SCHEMA = "finetune.schema.json";

    private final RunConfig config;
    private final Path folder;

    private FinetuneRun(RunConfig config, Path folder) {
        this.config = config;
        this.folder = folder;
    }

    /**
     * Reads a file.
     *
     * @param changes {@code key=value} each, in place of what the file says
     * @throws UsageException on every mistake that can be seen without model and data
     */
    public static FinetuneRun read(Path file, List<String> changes) throws IOException {
        return of(RunFile.read(file, changes));
    }

    /**
     * Takes the keys of a run from memory; otherwise as {@link #read}.
     *
     * @param origin what messages name as their place
     */
    public static FinetuneRun of(String origin, ObjectNode keys) {
        return of(RunFile.of(origin, keys));
    }

    private static FinetuneRun of(RunConfig config) {
        TrainingPlan.check(config);
        try {
            return new FinetuneRun(config, Path.of(config.outputDir));
        } catch (InvalidPathException e) {
            throw new UsageException("output_dir: " + config.outputDir + " is no path");
        }
    }

    /** Returns the JSON schema of the file, for editors. */
    public static String schema() throws IOException {
        try (InputStream in = FinetuneRun.class.getResourceAsStream(SCHEMA)) {
            if (in == null) {
                throw new IOException("the schema is missing, build Retain4j anew");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Returns the name of the model. */
    public String model() {
        return config.model;
    }

    /** Returns whether the run has ended and left its model. */
    public boolean hasEnded() {
        return FineTuning.hasEnded(folder);
    }

    /** Returns the folder of the model that the run leaves. */
    public Path modelFolder() {
        return FineTuning.modelFolder(folder);
    }

    /** Returns the folder of the run. */
    public Path folder() {
        return folder;
    }

    /** Returns the largest number of tokens of a row. */
    public int maxLength() {
        return config.maxLength;
    }

    /** Returns the seed of the run. */
    public long seed() {
        return config.seed;
    }

    /** Hears of examples as they were read. */
    public interface Examples {
        /** Takes the next one. */
        void take(Example example);
    }

    /** Reads the examples of the training data, without encoding them. */
    public void examples(Examples taker) throws IOException {
        for (DataSpec spec : config.train) {
            TrainingData.reader(config, "train", spec)
                    .forEach(
                            new ExampleReader.Visitor() {
                                @Override
                                public void example(Example example, Path file, long line) {
                                    taker.take(example);
                                }

                                @Override
                                public void problem(Problem problem) {}
                            });
        }
    }

    /** Returns all settings by key. */
    public ObjectNode settings() {
        return RunFile.YAML.valueToTree(config);
    }

    /** Returns what says which data the run reads, equal for runs that read the same. */
    public String dataSettings() {
        return config.model + config.chatTemplate + RunFile.YAML.valueToTree(config.dataParts());
    }

    /**
     * Loads the model as it is before training.
     *
     * @param model where it lies; null for the embedded one
     */
    public CausalLm load(@Nullable Path model) throws IOException {
        Device device = TrainingPlan.device(config);
        Precision precision = TrainingPlan.precision(config, device);
        return model == null
                ? Pretrained.load(config.model, device, precision)
                : Pretrained.load(model, device, precision);
    }

    /**
     * Returns the newest checkpoint, or null when there is none.
     *
     * @throws UsageException if the run has ended
     */
    public @Nullable Path checkpoint() throws IOException {
        return FineTuning.latest(folder);
    }

    /**
     * Opens the model, without its weights, and encodes the data.
     *
     * @param model where the model lies; null for the embedded one
     * @param note hears of rows that are skipped
     */
    public Prepared prepare(@Nullable Path model, Consumer<String> note) throws IOException {
        // its mistakes, too, are told before anything else
        RetentionMonitor.of(config);
        BaseModel base = BaseModel.open(config.model, model, config.chatTemplate);
        try {
            TrainingData.Encoding encoding = new TrainingData.Encoding(config, base, note);
            Map<String, Long> trainable = base.trainable(config, Adapter.config(config));
            TrainingPlan.of(config, base, trainable, 1);
            TrainingData data = TrainingData.encode(config, encoding);
            return new Prepared(
                    base,
                    encoding,
                    data,
                    TrainingPlan.of(config, base, trainable, data.epochRows()));
        } catch (IOException | RuntimeException e) {
            base.close();
            throw e;
        }
    }

    /**
     * The data files of a run.
     *
     * @param training what the model learns from, that of replay and other methods included
     * @param judging what trials are judged on: those of eval and retain
     */
    public record DataFiles(List<Path> training, List<Path> judging) {}

    /**
     * Finds the data files of the run, without reading them.
     *
     * @param model where the model lies; null for the embedded one
     */
    public DataFiles dataFiles(@Nullable Path model) throws IOException {
        try (BaseModel base = BaseModel.open(config.model, model, config.chatTemplate)) {
            TrainingData.Encoding encoding = new TrainingData.Encoding(config, base, line -> {});
            Set<String> training = new LinkedHashSet<>(config.dataParts().keySet());
            Set<String> judging = new LinkedHashSet<>(List.of(RunConfig.EVAL, RunConfig.RETAIN));
            training.removeAll(judging);
            if (config.evalSplit != null) {
                judging.add(RunConfig.TRAIN);
            }
            return new DataFiles(
                    TrainingData.files(config, encoding, training),
                    TrainingData.files(config, encoding, judging));
        }
    }

    /** A run whose model is known and whose data is encoded. */
    public final class Prepared implements AutoCloseable {

        private final BaseModel base;
        private final TrainingData.Encoding encoding;
        private final TrainingData data;
        private final TrainingPlan plan;

        private Prepared(
                BaseModel base,
                TrainingData.Encoding encoding,
                TrainingData data,
                TrainingPlan plan) {
            this.base = base;
            this.encoding = encoding;
            this.data = data;
            this.plan = plan;
        }

        /** Returns data, steps, memory and the first example, to be read before the run. */
        public String introduction() {
            StringBuilder text = new StringBuilder();
            data.summary().forEach(line -> text.append(line).append('\n'));
            text.append(plan.share()).append('\n');
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%,d steps of %d x %d rows, %,d rows an epoch, on %s in %s%n",
                            plan.options().steps(),
                            plan.options().accumulation(),
                            plan.options().batchSize(),
                            data.epochRows(),
                            plan.device(),
                            plan.precision()));
            text.append("memory: ").append(plan.memory()).append('\n');
            plan.warnings()
                    .forEach(warning -> text.append("warning: ").append(warning).append('\n'));
            return text.append("first example:\n").append(data.firstExample()).toString();
        }

        /**
         * Estimates how much every weight of a model matters for the training data, scaled to a
         * mean of 1.
         *
         * @param sequences rows of the data, 1 or more
         */
        public Importance importance(CausalLm model, int sequences) {
            return new Fisher(Fisher.Labels.SAMPLED, sequences, config.seed)
                    .estimate(model, data.source())
                    .normalize(Importance.Normalization.MEAN_1);
        }

        /** Returns the rows of one time over the training data. */
        public List<TrainRow> rows() {
            return data.source().rows(0, Math.toIntExact(data.epochRows()));
        }

        /** Returns a hash of all files that the run reads besides the model. */
        public String dataHash() throws IOException {
            Map<String, String> hashes =
                    TrainingData.hashes(config, encoding, config.dataParts().keySet());
            return Sha256.of(hashes.values().toString().getBytes(StandardCharsets.UTF_8));
        }

        /** Returns about how many bytes the run takes at its peak. */
        public long memoryBytes() {
            return plan.memory().total();
        }

        /**
         * Returns how many tokens the methods send through the model beside those that are trained
         * on, at most.
         *
         * @param trained tokens that were trained on
         */
        public long extraTokens(long trained) {
            return ExtraTokens.of(config, plan.options().steps(), trained);
        }

        /** Returns the resolved settings as YAML, and the {@link #introduction}. */
        public String description() throws JsonProcessingException {
            return RunFile.YAML.writeValueAsString(config) + "---\n" + introduction() + "\n";
        }

        /**
         * Trains.
         *
         * @param checkpoint where to go on; null to start
         * @param provenance what run.json tells besides
         * @return sentences on what came out
         */
        public List<String> train(
                @Nullable Path checkpoint,
                Map<String, Object> provenance,
                FineTuning.Display display)
                throws IOException {
            return new FineTuning(config, base, data, encoding, plan, folder, display)
                    .run(checkpoint, provenance);
        }

        /**
         * Trains, and lets the result be measured in place of saving it; an adapter is saved.
         *
         * @param checkpoint where to go on; null to start
         * @param finished gets the trained model
         */
        public void measure(
                @Nullable Path checkpoint,
                Map<String, Object> provenance,
                FineTuning.Display display,
                FineTuning.Finished finished)
                throws IOException {
            new FineTuning(config, base, data, encoding, plan, folder, display)
                    .measuredBy(finished)
                    .run(checkpoint, provenance);
        }

        @Override
        public void close() {
            base.close();
        }
    }
}
