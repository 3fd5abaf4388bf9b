package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.Sha256;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.ChatFormat;
import org.retain4j.finetune.data.DataException;
import org.retain4j.finetune.data.DatasetSource;
import org.retain4j.finetune.data.EncodedDataset;
import org.retain4j.finetune.data.EncodingOptions;
import org.retain4j.finetune.data.ExampleEncoder;
import org.retain4j.finetune.data.ExampleReader;
import org.retain4j.finetune.data.Mixture;
import org.retain4j.finetune.data.Problem;
import org.retain4j.finetune.data.SourceOptions;

/**
 * The data of a run, encoded.
 *
 * @param source rows to train on, without end
 * @param epochRows rows of one time over all data
 * @param eval rows of the task to measure on; empty for none
 * @param retain rows of old knowledge to measure on; empty for none
 * @param first the first rows of the data, not shuffled and not packed
 * @param firstExample the first row as text with its mask
 * @param files files of the training data
 * @param summary what became of the data, a line each
 * @param skipped rows with a problem that were left out
 */
record TrainingData(
        BatchSource source,
        long epochRows,
        List<TrainRow> eval,
        List<TrainRow> retain,
        List<TrainRow> first,
        String firstExample,
        List<Path> files,
        List<String> summary,
        long skipped) {

    private static final List<DataSpec> NO_DATA = List.of();
    private static final int FIRST = 3;
    private static final int TOLD = 10;

    /** Encodes data for one run: the same tokenizer, template and options for all of it. */
    static final class Encoding {

        private final RunConfig config;
        private final ExampleEncoder encoder;
        private final Consumer<String> note;
        private final @Nullable ChatFormat chat;
        private int told;

        Encoding(RunConfig config, BaseModel base, Consumer<String> note) {
            this.config = config;
            this.note = note;
            this.chat = base.chat();
            EncodingOptions options =
                    EncodingOptions.defaults()
                            .withMaxLength(config.maxLength)
                            .withTruncation(config.truncation)
                            .withLossOnAll(!config.completionOnlyLoss)
                            .withAppendEos(config.appendEos)
                            .withVariables(config.chatTemplateKwargs);
            encoder = ExampleEncoder.of(base.tokenizer(), base.chat(), options);
        }

        ExampleEncoder encoder() {
            return encoder;
        }

        /** Returns how conversations are written; null when the model does not say. */
        @Nullable ChatFormat chat() {
            return chat;
        }

        EncodedDataset encode(String key, DataSpec spec) throws IOException {
            ExampleReader reader = reader(key, spec);
            Problem.Listener listener =
                    problem -> {
                        if (told++ < TOLD) {
                            note.accept("skipped: " + problem);
                        } else if (told == TOLD + 1) {
                            note.accept("more skipped rows are only counted");
                        }
                    };
            try {
                return config.datasetCache == null
                        ? EncodedDataset.encode(reader, encoder, listener)
                        : EncodedDataset.cached(
                                reader, encoder, Path.of(config.datasetCache), listener);
            } catch (DataException e) {
                throw new DataException(key + ": " + e.getMessage(), e);
            }
        }

        ExampleReader reader(String key, DataSpec spec) throws IOException {
            return TrainingData.reader(config, key, spec);
        }
    }

    /** Opens data, without encoding it. */
    static ExampleReader reader(RunConfig config, String key, DataSpec spec) throws IOException {
        if (spec.data.isEmpty()) {
            throw new UsageException(key + ": data is missing, give a file");
        }
        try {
            return ExampleReader.of(spec.data)
                    .withFormat(spec.format)
                    .withColumns(spec.columns)
                    .withTextUnit(spec.textUnit)
                    .strict(config.strict);
        } catch (DataException e) {
            throw new UsageException(key + ": " + e.getMessage());
        }
    }

    /**
     * Returns the hash of every file of some keys, by its path, and of the chat template when the
     * run has one of its own.
     */
    static Map<String, String> hashes(RunConfig config, Encoding encoding, Set<String> keys)
            throws IOException {
        Map<String, String> hashes = new LinkedHashMap<>();
        for (Map.Entry<String, List<DataSpec>> part : config.dataParts().entrySet()) {
            for (DataSpec spec : keys.contains(part.getKey()) ? part.getValue() : NO_DATA) {
                for (Path file : encoding.reader(part.getKey(), spec).files()) {
                    hashes.put(file.toString(), Sha256.of(file));
                }
            }
        }
        if (config.regularization.ewc != null && config.regularization.ewc.importanceFile != null) {
            String file = config.regularization.ewc.importanceFile;
            hashes.put(file, Sha256.of(Path.of(file)));
        }
        if (config.regularization.continual != null
                && config.regularization.continual.from != null) {
            String file = config.regularization.continual.from;
            hashes.put(file, Sha256.of(Path.of(file)));
        }
        if (config.chatTemplate != null) {
            hashes.put(config.chatTemplate, Sha256.of(Path.of(config.chatTemplate)));
        }
        return hashes;
    }

    /** Returns the files of some keys. */
    static List<Path> files(RunConfig config, Encoding encoding, Set<String> keys)
            throws IOException {
        List<Path> files = new ArrayList<>();
        for (Map.Entry<String, List<DataSpec>> part : config.dataParts().entrySet()) {
            for (DataSpec spec : keys.contains(part.getKey()) ? part.getValue() : NO_DATA) {
                files.addAll(encoding.reader(part.getKey(), spec).files());
            }
        }
        return files;
    }

    /**
     * Encodes everything that the run needs.
     *
     * @param note hears of rows that are skipped
     * @throws UsageException if a file is missing or options exclude each other
     * @throws DataException if no row can be used, or one has a problem and the run is strict
     */
    static TrainingData encode(RunConfig config, Encoding encoding) throws IOException {
        List<EncodedDataset> sets = new ArrayList<>();
        List<Double> weights = new ArrayList<>();
        List<Path> files = new ArrayList<>();
        List<String> summary = new ArrayList<>();
        List<TrainRow> eval = new ArrayList<>();
        long skipped = 0;
        List<DataSpec> specs = joined(config.train);
        for (int i = 0; i < specs.size(); i++) {
            String key = specs.size() == 1 ? "train" : "train." + i;
            files.addAll(encoding.reader(key, specs.get(i)).files());
            EncodedDataset all = encoding.encode(key, specs.get(i));
            note(summary, "train", all);
            skipped += all.report().total().skipped();
            if (config.evalSplit != null) {
                EncodedDataset.Split split = split(config.evalSplit, config.seed, all);
                rows(split.evaluation(), Integer.MAX_VALUE, eval);
                summary.add(
                        String.format(
                                Locale.ROOT,
                                "eval: %,d rows held out%s",
                                split.evaluation().size(),
                                split.removed() == 0
                                        ? ""
                                        : ", " + split.removed() + " copies of them removed"));
                all = split.training();
            }
            sets.add(all);
        }
        List<DatasetSource> sources = new ArrayList<>();
        long epochRows = 0;
        for (int i = 0; i < sets.size(); i++) {
            DatasetSource source = source(config, sets.get(i), i);
            sources.add(source);
            epochRows += source.epochRows();
            Double weight = specs.get(i).weight;
            weights.add(weight == null ? (double) source.epochRows() : weight);
        }
        eval = limited(config, eval);
        for (DataSpec spec : config.eval) {
            eval.addAll(measured(config, encoding, "eval", spec, summary));
        }
        List<TrainRow> retain = new ArrayList<>();
        for (DataSpec spec : config.retain) {
            retain.addAll(measured(config, encoding, "retain", spec, summary));
        }
        List<TrainRow> first = new ArrayList<>();
        rows(sets.get(0), FIRST, first);
        return new TrainingData(
                mixed(sources, weights),
                epochRows,
                eval,
                retain,
                first,
                encoding.encoder().describe(first.get(0)),
                files,
                summary,
                skipped);
    }

    /** Returns specs with those without a share and with equal options joined, in their order. */
    private static List<DataSpec> joined(List<DataSpec> specs) {
        List<DataSpec> joined = new ArrayList<>();
        for (DataSpec spec : specs) {
            DataSpec last = joined.isEmpty() ? null : joined.get(joined.size() - 1);
            if (last != null
                    && last.weight == null
                    && spec.weight == null
                    && last.format == spec.format
                    && last.textUnit == spec.textUnit
                    && new TreeMap<>(last.columns).equals(new TreeMap<>(spec.columns))) {
                DataSpec both = new DataSpec();
                both.data = new ArrayList<>(last.data);
                both.data.addAll(spec.data);
                both.format = spec.format;
                both.textUnit = spec.textUnit;
                both.columns = spec.columns;
                joined.set(joined.size() - 1, both);
            } else {
                joined.add(spec);
            }
        }
        return joined;
    }

    private static EncodedDataset.Split split(double share, long seed, EncodedDataset all) {
        try {
            return all.splitRandom(share, seed);
        } catch (IllegalArgumentException e) {
            throw new UsageException("eval_split: " + e.getMessage());
        }
    }

    /** Returns rows in the order and packing of a run; the number tells sources apart. */
    static DatasetSource source(RunConfig config, EncodedDataset data, int number) {
        long seed = (config.dataSeed == null ? config.seed : config.dataSeed) + number;
        SourceOptions options =
                config.shuffle ? SourceOptions.shuffled(seed) : SourceOptions.ordered();
        try {
            if (config.groupByLength) {
                options = options.groupedByLength(config.batchSize);
            }
            if (config.packing) {
                options = options.packed(config.maxLength);
            }
            return DatasetSource.of(data, options);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private static BatchSource mixed(List<DatasetSource> sources, List<Double> weights) {
        if (sources.size() == 1) {
            return sources.get(0);
        }
        try {
            return Mixture.of(sources, weights);
        } catch (IllegalArgumentException e) {
            throw new UsageException("train: " + e.getMessage());
        }
    }

    /** Encodes rows that are measured on, and their first ones where there is a limit. */
    private static List<TrainRow> measured(
            RunConfig config, Encoding encoding, String key, DataSpec spec, List<String> summary)
            throws IOException {
        EncodedDataset data = encoding.encode(key, spec);
        note(summary, key, data);
        List<TrainRow> rows = new ArrayList<>();
        rows(data, config.maxEvalSamples == null ? data.size() : config.maxEvalSamples, rows);
        if (rows.size() < data.size()) {
            summary.add(key + ": the first " + rows.size() + " rows are used (max_eval_samples)");
        }
        return rows;
    }

    /** Encodes data for a method, a source an entry. */
    static List<BatchSource> apart(
            RunConfig config, Encoding encoding, String key, List<DataSpec> specs)
            throws IOException {
        List<BatchSource> sources = new ArrayList<>();
        for (DataSpec spec : specs) {
            sources.add(forMethod(config, encoding, key, List.of(spec)));
        }
        return sources;
    }

    /** Encodes data for a method, which may not be what the run is measured on. */
    static BatchSource forMethod(
            RunConfig config, Encoding encoding, String key, List<DataSpec> specs)
            throws IOException {
        List<DatasetSource> sources = new ArrayList<>();
        List<Double> weights = new ArrayList<>();
        for (DataSpec spec : joined(specs)) {
            DatasetSource source = source(config, encoding.encode(key, spec), sources.size());
            sources.add(source);
            weights.add(spec.weight == null ? (double) source.epochRows() : spec.weight);
        }
        return mixed(sources, weights);
    }

    private static List<TrainRow> limited(RunConfig config, List<TrainRow> rows) {
        Integer limit = config.maxEvalSamples;
        return limit == null || limit >= rows.size()
                ? rows
                : new ArrayList<>(rows.subList(0, limit));
    }

    private static void rows(EncodedDataset data, int limit, List<TrainRow> into) {
        for (int row = 0; row < Math.min(limit, data.size()); row++) {
            into.add(data.row(row));
        }
    }

    private static void note(List<String> summary, String key, EncodedDataset data) {
        data.report().summary().lines().forEach(line -> summary.add(key + ": " + line));
        if (!data.note().isEmpty()) {
            summary.add(key + ": " + data.note());
        }
    }
}
