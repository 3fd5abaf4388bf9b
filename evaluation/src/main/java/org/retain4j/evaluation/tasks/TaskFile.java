package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A task of one's own, in YAML with the keys of lm-evaluation-harness.
 *
 * <p>Known are {@code task, output_type, doc_to_text, doc_to_target, doc_to_choice, description,
 * target_delimiter, fewshot_delimiter, num_fewshot, fewshot_config, generation_kwargs, filter_list,
 * metric_list, metadata} and {@code dataset_kwargs.data_files}; names of data sets and splits are
 * read and not used. What would need Python ({@code !function}) is refused, as is every other key.
 *
 * @param task the task
 * @param data the file with the rows to evaluate that {@code data_files} names
 * @param shots the file with the rows for examples that it names
 */
public record TaskFile(Task task, Optional<Path> data, Optional<Path> shots) {

    private static final ObjectMapper YAML =
            new YAMLMapper(
                    YAMLFactory.builder()
                            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                            .build());

    private static final long LIMIT = 4 << 20;

    private static final Set<String> USED =
            Set.of(
                    "task",
                    "output_type",
                    "doc_to_text",
                    "doc_to_target",
                    "doc_to_choice",
                    "description",
                    "target_delimiter",
                    "fewshot_delimiter",
                    "num_fewshot",
                    "fewshot_config",
                    "generation_kwargs",
                    "filter_list",
                    "metric_list",
                    "metadata",
                    "dataset_kwargs");

    private static final Set<String> UNUSED =
            Set.of(
                    "tag",
                    "group",
                    "task_alias",
                    "dataset_path",
                    "dataset_name",
                    "training_split",
                    "validation_split",
                    "test_split",
                    "fewshot_split",
                    "repeats",
                    "should_decontaminate",
                    "doc_to_decontamination_query");

    /**
     * Reads a file.
     *
     * @throws TaskException if it is missing, larger than 4 MiB, not YAML, or says what is not
     *     known; the message names the key
     */
    public static TaskFile read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new TaskException(file + " does not exist or is not a file");
        }
        if (Files.size(file) > LIMIT) {
            throw new TaskException(file + " is larger than 4 MiB, which no task file is");
        }
        JsonNode root;
        try {
            String text = Files.readString(file, StandardCharsets.UTF_8);
            if (text.contains("!function")) {
                throw new TaskException(
                        file
                                + " calls Python with !function, which cannot be run; write the"
                                + " text as a template, or prepare the rows beforehand");
            }
            root = YAML.readTree(text);
        } catch (CharacterCodingException e) {
            throw new TaskException(file + " is not text in UTF-8", e);
        } catch (JsonProcessingException e) {
            long line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
            throw new TaskException(
                    file + ", line " + line + " is not YAML: " + e.getOriginalMessage(), e);
        }
        if (root == null || !root.isObject()) {
            throw new TaskException(file + " must hold keys and values, such as task: my_task");
        }
        return new TaskFileReader(root, file).read();
    }

    static void requireKnown(JsonNode root, Path file) throws TaskException {
        for (var names = root.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!USED.contains(name) && !UNUSED.contains(name)) {
                throw new TaskException(
                        file
                                + ": the key \""
                                + name
                                + "\" is not known; known are "
                                + String.join(", ", new TreeSet<>(USED)));
            }
        }
    }

    /** Makes a task of the keys. */
    private static final class TaskFileReader {

        private final JsonNode root;
        private final Path file;

        TaskFileReader(JsonNode root, Path file) {
            this.root = root;
            this.file = file;
        }

        TaskFile read() throws TaskException {
            requireKnown(root, file);
            String name = text(root, "task");
            if (!name.matches("[A-Za-z0-9_.-]{1,100}")) {
                throw wrong("task", "must be letters, digits, _, - and ., is \"" + name + "\"");
            }
            OutputType output = output();
            Task.Builder builder =
                    Task.of(
                            name,
                            root.path("metadata").path("version").asDouble(0),
                            output,
                            reader(output));
            builder.delimiters(
                    root.path("target_delimiter").asText(" "),
                    root.path("fewshot_delimiter").asText("\n\n"));
            if (root.hasNonNull("num_fewshot")) {
                builder.shots(natural(root, "num_fewshot"));
            }
            if (output == OutputType.GENERATE_UNTIL) {
                builder.decoding(decoding());
                filters(builder);
            }
            metrics(builder, output);
            shots(builder, reader(output));
            return new TaskFile(builder.build(), split("test", "validation"), split("train"));
        }

        private OutputType output() throws TaskException {
            String name = root.path("output_type").asText("generate_until");
            for (OutputType type : OutputType.values()) {
                if (type.toString().equals(name)) {
                    return type;
                }
            }
            throw wrong("output_type", "is \"" + name + "\"; known are " + outputs());
        }

        private static String outputs() {
            List<String> names = new ArrayList<>();
            for (OutputType type : OutputType.values()) {
                names.add(type.toString());
            }
            return String.join(", ", names);
        }

        private Task.Reader reader(OutputType output) throws TaskException {
            RowTemplate target = template("doc_to_target");
            String description = root.path("description").asText("");
            RowTemplate opening = new RowTemplate(description, file + ", description");
            if (output == OutputType.LOGLIKELIHOOD_ROLLING) {
                return row -> {
                    String text = target.render(row);
                    return new Item.Document(
                            "",
                            text,
                            PythonText.words(text),
                            text.getBytes(StandardCharsets.UTF_8).length);
                };
            }
            RowTemplate question = template("doc_to_text");
            return switch (output) {
                case MULTIPLE_CHOICE -> {
                    Choices choices = choices();
                    yield row -> {
                        List<String> answers = choices.of(row);
                        return new Item.Choice(
                                "",
                                opening.render(row),
                                List.of(question.render(row)),
                                answers,
                                gold(row, target.render(row), answers));
                    };
                }
                case LOGLIKELIHOOD ->
                        row ->
                                new Item.Continuation(
                                        "",
                                        opening.render(row),
                                        question.render(row),
                                        target.render(row));
                default ->
                        row ->
                                new Item.Generation(
                                        "",
                                        opening.render(row),
                                        question.render(row),
                                        target.render(row),
                                        row);
            };
        }

        /** Gives the answers of a row. */
        private interface Choices {
            List<String> of(Row row) throws TaskException;
        }

        private Choices choices() throws TaskException {
            JsonNode node = root.get("doc_to_choice");
            if (node != null && node.isArray()) {
                List<String> fixed = new ArrayList<>();
                node.forEach(choice -> fixed.add(choice.asText()));
                return row -> fixed;
            }
            return template("doc_to_choice")::list;
        }

        private int gold(Row row, String target, List<String> answers) throws TaskException {
            if (target.matches("\\d{1,9}")) {
                return Integer.parseInt(target);
            }
            int gold = answers.indexOf(target);
            if (gold < 0) {
                throw new TaskException(
                        row.where()
                                + ": doc_to_target gives \""
                                + target
                                + "\", which is neither a number nor one of "
                                + answers);
            }
            return gold;
        }

        private Decoding decoding() throws TaskException {
            JsonNode node = root.path("generation_kwargs");
            for (var names = node.fieldNames(); names.hasNext(); ) {
                String name = names.next();
                if (!Set.of("until", "max_gen_toks", "do_sample", "temperature").contains(name)) {
                    throw wrong(
                            "generation_kwargs." + name,
                            "is not known; known are until, max_gen_toks, do_sample, temperature");
                }
            }
            if (node.path("do_sample").asBoolean() || node.path("temperature").asDouble() > 0) {
                throw wrong("generation_kwargs", "samples, but answers are decoded greedily");
            }
            List<String> until = new ArrayList<>();
            JsonNode stops = node.path("until");
            if (stops.isTextual()) {
                until.add(stops.asText());
            }
            stops.forEach(stop -> until.add(stop.asText()));
            int tokens =
                    node.hasNonNull("max_gen_toks")
                            ? natural(node, "max_gen_toks")
                            : Decoding.DEFAULT_TOKENS;
            try {
                return new Decoding(until, tokens);
            } catch (IllegalArgumentException e) {
                throw wrong("generation_kwargs", "is wrong: " + e.getMessage());
            }
        }

        private void filters(Task.Builder builder) throws TaskException {
            for (JsonNode filter : list("filter_list")) {
                List<AnswerFilter.Step> steps = new ArrayList<>();
                for (JsonNode step : filter.path("filter")) {
                    steps.add(step(step));
                }
                builder.filter(new AnswerFilter(text(filter, "name"), steps));
            }
        }

        private AnswerFilter.Step step(JsonNode step) throws TaskException {
            String function = text(step, "function");
            if (function.equals("regex")) {
                return AnswerFilter.regex(
                        step.path("regex_pattern").asText("#### (\\-?[0-9\\.\\,]+)"),
                        step.path("group_select").asInt(0),
                        step.path("fallback").asText(AnswerFilter.INVALID),
                        file + ", filter_list");
            }
            AnswerFilter.Step named = AnswerFilter.named(function);
            if (named == null) {
                throw wrong(
                        "filter_list",
                        "has the function \""
                                + function
                                + "\"; known are regex, take_first, lowercase, uppercase,"
                                + " remove_whitespace");
            }
            return named;
        }

        private void metrics(Task.Builder builder, OutputType output) throws TaskException {
            List<String> known =
                    switch (output) {
                        case MULTIPLE_CHOICE -> List.of("acc", "acc_norm", "acc_bytes");
                        case LOGLIKELIHOOD -> List.of("perplexity", "acc");
                        case LOGLIKELIHOOD_ROLLING ->
                                List.of("word_perplexity", "byte_perplexity", "bits_per_byte");
                        case GENERATE_UNTIL -> List.of(ExactMatch.NAME);
                    };
            List<String> wanted = new ArrayList<>();
            for (JsonNode metric : list("metric_list")) {
                String name = text(metric, "metric");
                if (!known.contains(name)) {
                    throw wrong(
                            "metric_list",
                            "has \"%s\"; a task of the type %s knows %s"
                                    .formatted(name, output, String.join(", ", known)));
                }
                wanted.add(name);
                if (output == OutputType.GENERATE_UNTIL) {
                    builder.score(exactMatch(metric));
                }
            }
            if (output == OutputType.GENERATE_UNTIL) {
                if (wanted.isEmpty()) {
                    builder.score(exactMatch(root.path("metadata")));
                }
            } else {
                builder.metrics((wanted.isEmpty() ? known : wanted).toArray(String[]::new));
            }
        }

        private AnswerMetric exactMatch(JsonNode metric) throws TaskException {
            List<String> regexes = new ArrayList<>();
            metric.path("regexes_to_ignore").forEach(regex -> regexes.add(regex.asText()));
            return ExactMatch.of(
                            regexes,
                            metric.path("ignore_case").asBoolean(false),
                            metric.path("ignore_punctuation").asBoolean(false),
                            file + ", metric_list")
                    .metric();
        }

        private void shots(Task.Builder builder, Task.Reader reader) throws TaskException {
            JsonNode config = root.path("fewshot_config");
            String sampler = config.path("sampler").asText("default");
            if (sampler.equals("first_n")) {
                builder.firstShots();
            } else if (!sampler.equals("default")) {
                throw wrong(
                        "fewshot_config.sampler",
                        "is \"" + sampler + "\"; known are default and first_n");
            }
            List<Item> examples = new ArrayList<>();
            for (JsonNode sample : config.path("samples")) {
                String where = file + ", fewshot_config.samples " + (examples.size() + 1);
                try {
                    examples.add(reader.read(new Row(sample, where)));
                } catch (IllegalArgumentException e) {
                    throw new TaskException(where + ": " + e.getMessage(), e);
                }
            }
            builder.fixedShots(examples);
        }

        private Optional<Path> split(String... names) {
            JsonNode files = root.path("dataset_kwargs").path("data_files");
            if (files.isTextual() && names[0].equals("test")) {
                return Optional.of(file.resolveSibling(files.asText()));
            }
            for (String name : names) {
                if (files.path(name).isTextual()) {
                    return Optional.of(file.resolveSibling(files.get(name).asText()));
                }
            }
            return Optional.empty();
        }

        private RowTemplate template(String key) throws TaskException {
            JsonNode node = root.get(key);
            if (node == null || node.isNull() || node.isContainerNode()) {
                throw wrong(key, "is missing; expected a column or a template");
            }
            return new RowTemplate(node.asText(), file + ", " + key);
        }

        private Iterable<JsonNode> list(String key) throws TaskException {
            JsonNode node = root.get(key);
            if (node == null || node.isNull()) {
                return List.of();
            }
            if (!node.isArray()) {
                throw wrong(key, "must be a list");
            }
            return node;
        }

        private String text(JsonNode node, String key) throws TaskException {
            @Nullable JsonNode value = node.get(key);
            if (value == null || value.isNull() || value.isContainerNode()) {
                throw wrong(key, "is missing; expected a text");
            }
            return value.asText();
        }

        private int natural(JsonNode node, String key) throws TaskException {
            JsonNode value = node.get(key);
            if (value == null || !value.canConvertToInt() || value.asInt() < 0) {
                throw wrong(
                        key,
                        String.format(
                                Locale.ROOT, "must be a whole number from 0 on, is %s", value));
            }
            return value.asInt();
        }

        private TaskException wrong(String key, String what) {
            return new TaskException(file + ": \"" + key + "\" " + what);
        }
    }
}
