package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What is asked of a model and how the answers are scored, under the name that the harness uses.
 *
 * <p>Published tasks come from {@link Tasks}, own ones from {@link TaskFile}. Immutable, safe for
 * all threads.
 */
public final class Task {

    /** Makes an item of a row. */
    interface Reader {
        /**
         * @throws TaskException if the row has not the keys of the task
         * @throws IllegalArgumentException if what it says is no item; the caller names the row
         */
        Item read(Row row) throws TaskException;
    }

    private final String name;
    private final double version;
    private final OutputType output;
    private final Reader reader;
    private final List<String> metrics;
    private final List<AnswerFilter> filters;
    private final List<AnswerMetric> answerMetrics;
    private final int defaultShots;
    private final boolean firstShots;
    private final List<Item> fixedShots;
    private final String delimiter;
    private final String shotDelimiter;
    private final Decoding decoding;
    private final List<String> evaluated;
    private final List<String> shots;
    private final boolean grouped;
    private final boolean chatByDefault;
    private final Map<String, Object> config;

    private Task(Builder from) {
        name = from.name;
        version = from.version;
        output = from.output;
        reader = from.reader;
        metrics = List.copyOf(from.metrics);
        filters = List.copyOf(from.filters);
        answerMetrics = List.copyOf(from.answerMetrics);
        defaultShots = from.defaultShots;
        firstShots = from.firstShots;
        fixedShots = List.copyOf(from.fixedShots);
        delimiter = from.delimiter;
        shotDelimiter = from.shotDelimiter;
        decoding = from.decoding;
        evaluated = List.copyOf(from.evaluated);
        shots = List.copyOf(from.shots);
        grouped = from.grouped;
        chatByDefault = from.chatByDefault;
        config = Collections.unmodifiableMap(new LinkedHashMap<>(from.config));
    }

    /** Starts a task with the usual settings: no examples, a space before an answer. */
    static Builder of(String name, double version, OutputType output, Reader reader) {
        return new Builder(name, version, output, reader);
    }

    /** Returns the name, such as {@code arc_easy}. */
    public String name() {
        return name;
    }

    /** Returns the version, which changes whenever scores do. */
    public double version() {
        return version;
    }

    /** Returns how answers are got. */
    public OutputType output() {
        return output;
    }

    /** Returns how many examples a prompt has unless told otherwise. */
    public int defaultShots() {
        return defaultShots;
    }

    /** Returns whether the task makes sense only in the chat template. */
    public boolean chatByDefault() {
        return chatByDefault;
    }

    /** Returns the names of the scores, such as {@code acc_norm}. */
    public List<String> metrics() {
        if (output != OutputType.GENERATE_UNTIL) {
            return metrics;
        }
        return answerMetrics.stream().map(AnswerMetric::name).toList();
    }

    /** Returns whether a larger score is better, for each of the {@link #metrics()}. */
    public Map<String, Boolean> higherIsBetter() {
        Map<String, Boolean> better = new TreeMap<>();
        metrics.forEach(
                m -> better.put(m, !m.endsWith("perplexity") && !m.equals("bits_per_byte")));
        answerMetrics.forEach(m -> better.put(m.name(), m.higherIsBetter()));
        return better;
    }

    /** Returns the settings as the harness lists them under {@code configs}. */
    public Map<String, Object> config() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("task", name);
        all.put("output_type", output.toString());
        all.put("target_delimiter", delimiter);
        all.put("fewshot_delimiter", shotDelimiter);
        all.put("num_fewshot", defaultShots);
        if (output == OutputType.GENERATE_UNTIL) {
            Map<String, Object> generation = new LinkedHashMap<>();
            generation.put("until", decoding.until());
            generation.put("max_gen_toks", decoding.maxTokens());
            generation.put("do_sample", false);
            all.put("generation_kwargs", generation);
            all.put("filter_list", filters.stream().map(AnswerFilter::name).toList());
        }
        all.put("metric_list", metrics());
        all.putAll(config);
        all.put("metadata", Map.of("version", version));
        return all;
    }

    /**
     * Makes an item of a row.
     *
     * @throws TaskException if the row is not one of this task, with its file and line
     */
    public Item item(Row row) throws TaskException {
        try {
            return reader.read(row);
        } catch (IllegalArgumentException e) {
            throw new TaskException(
                    row.where() + ": this is no item of " + name + ": " + e.getMessage(), e);
        }
    }

    List<AnswerFilter> filters() {
        return filters;
    }

    List<AnswerMetric> answerMetrics() {
        return answerMetrics;
    }

    boolean firstShots() {
        return firstShots;
    }

    List<Item> fixedShots() {
        return fixedShots;
    }

    String delimiter() {
        return delimiter;
    }

    String shotDelimiter() {
        return shotDelimiter;
    }

    Decoding decoding() {
        return decoding;
    }

    /** Returns the splits that are evaluated, the first that is there being taken. */
    public List<String> evaluatedSplits() {
        return evaluated;
    }

    /** Returns the splits that examples come from, the first that is there being taken. */
    public List<String> shotSplits() {
        return shots;
    }

    /** Returns whether the groups of the items are tasks of their own, with their own examples. */
    public boolean isGrouped() {
        return grouped;
    }

    @Override
    public String toString() {
        return name;
    }

    /** Collects the settings of a task. */
    static final class Builder {

        private final String name;
        private final double version;
        private final OutputType output;
        private final Reader reader;
        private List<String> metrics = List.of();
        private final List<AnswerFilter> filters = new ArrayList<>();
        private final List<AnswerMetric> answerMetrics = new ArrayList<>();
        private int defaultShots;
        private boolean firstShots;
        private List<Item> fixedShots = List.of();
        private String delimiter = " ";
        private String shotDelimiter = "\n\n";
        private Decoding decoding = Decoding.stoppingAt();
        private List<String> evaluated = List.of("test", "validation", "val", "dev");
        private List<String> shots = List.of("train", "validation", "val", "dev");
        private boolean grouped;
        private boolean chatByDefault;
        private final Map<String, Object> config = new LinkedHashMap<>();

        private Builder(String name, double version, OutputType output, Reader reader) {
            this.name = name;
            this.version = version;
            this.output = output;
            this.reader = reader;
        }

        Builder metrics(String... names) {
            metrics = List.of(names);
            return this;
        }

        Builder filter(AnswerFilter filter) {
            filters.add(filter);
            return this;
        }

        Builder score(AnswerMetric metric) {
            answerMetrics.add(metric);
            return this;
        }

        Builder shots(int number) {
            defaultShots = number;
            return this;
        }

        /** Takes the first rows as examples instead of random ones. */
        Builder firstShots() {
            firstShots = true;
            return this;
        }

        Builder fixedShots(List<? extends Item> examples) {
            fixedShots = List.copyOf(examples);
            return this;
        }

        Builder delimiters(String beforeAnswer, String betweenShots) {
            delimiter = beforeAnswer;
            shotDelimiter = betweenShots;
            return this;
        }

        Builder decoding(Decoding value) {
            decoding = value;
            return this;
        }

        Builder splits(List<String> forEvaluation, List<String> forShots) {
            evaluated = forEvaluation;
            shots = forShots;
            return this;
        }

        Builder grouped() {
            grouped = true;
            return this;
        }

        Builder chatByDefault() {
            chatByDefault = true;
            return this;
        }

        Builder config(String key, Object value) {
            config.put(key, value);
            return this;
        }

        Task build() {
            if (output == OutputType.GENERATE_UNTIL && filters.isEmpty()) {
                filters.add(AnswerFilter.NONE);
            }
            return new Task(this);
        }
    }
}
