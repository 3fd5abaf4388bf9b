package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.evaluate.ModelFingerprint;
import org.retain4j.cli.evaluate.ScoreTable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.evaluation.scoring.TokenScorer;
import org.retain4j.evaluation.tasks.CodeRunner;
import org.retain4j.evaluation.tasks.EvaluationJson;
import org.retain4j.evaluation.tasks.EvaluationOptions;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.ResponseCache;
import org.retain4j.evaluation.tasks.TaskResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs evaluation tasks on a model. */
@Command(
        name = "evaluate",
        description = {
            "Runs tasks of lm-evaluation-harness on a model: same names, prompts and scores.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was started"},
        footer = {
            "",
            "Tasks: hellaswag, arc_easy, arc_challenge, winogrande, piqa, openbookqa, boolq, copa, mmlu,",
            "  lambada_openai, wikitext, gsm8k, gsm8k_cot; also text (perplexity of any text), known_facts,",
            "  refusal (AdvBench, XSTest), json_format, humaneval (with --confirm-run-unsafe-code),",
            "  and YAML files as the harness reads them.",
            "",
            "Examples:",
            "  retain4j evaluate --model SmolLM2-135M --tasks arc_easy,piqa --data data/eval --limit 200",
            "  retain4j evaluate --model SmolLM2-135M --tasks gsm8k --data gsm8k=test.jsonl"
                    + " --data gsm8k.shots=train.jsonl --out runs/gsm8k --log-samples"
        })
final class EvaluateCommand implements Callable<Integer> {

    private static final String RESULTS = "results.json";
    private static final Duration PROGRAM_TIME = Duration.ofSeconds(10);
    private static final int PROGRAM_MEBIBYTES = 4096;

    private final Console console;

    @Spec private @Nullable CommandSpec spec;

    @Mixin private ModelOptions model = new ModelOptions();

    @Option(
            names = {"-t", "--tasks"},
            paramLabel = "NAME|FILE.yaml",
            required = true,
            split = ",",
            description = "What to run, separated by commas.")
    private List<String> tasks = new ArrayList<>();

    @Option(
            names = "--data",
            paramLabel = "[NAME=]PATH",
            description =
                    "Data of a task: a file of JSON lines (.jsonl, .json, .csv, .txt), or a folder with"
                            + " test.jsonl and so on; NAME.shots=PATH for the examples of its prompts."
                            + " Without a name, a folder with NAME.jsonl or NAME/ of many tasks.")
    private List<String> data = new ArrayList<>();

    @Option(
            names = {"-L", "--limit"},
            paramLabel = "N",
            defaultValue = "0",
            description = "Only the first N items of each task (and subject). Default: all.")
    private int limit;

    @Option(
            names = {"-f", "--num-fewshot"},
            paramLabel = "N",
            description = "Examples before each question. Default: what each task asks for.")
    private @Nullable Integer shots;

    @Option(
            names = "--apply-chat-template",
            description = "Put prompts into the model's chat template.")
    private boolean chat;

    @Option(
            names = "--fewshot-as-multiturn",
            description = "With the template, make examples turns of the conversation.")
    private boolean multiturn;

    @Option(
            names = "--system-instruction",
            paramLabel = "TEXT",
            defaultValue = "",
            description = "With the template, what the system message says.")
    private String system = "";

    @Option(
            names = {"-b", "--batch-size"},
            paramLabel = "N",
            defaultValue = "" + TokenScorer.DEFAULT_BATCH_ROWS,
            description = "Rows of a batch at most. Default: ${DEFAULT-VALUE}")
    private int batchSize;

    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            defaultValue = "" + TokenScorer.DEFAULT_BATCH_TOKENS,
            description = "Tokens of a batch: rows times the longest. Default: ${DEFAULT-VALUE}")
    private int batchTokens;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            description = "Most tokens read at a time. Default: the model's positions.")
    private @Nullable Integer maxLength;

    @Option(
            names = "--bootstrap-iters",
            paramLabel = "N",
            defaultValue = "100000",
            description =
                    "Samples for the standard errors of perplexities, 0 for none. Default:"
                            + " ${DEFAULT-VALUE}")
    private int bootstraps;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1234",
            description = "Seed of the examples of prompts. Default: ${DEFAULT-VALUE}")
    private long seed;

    @Option(
            names = {"-o", "--out"},
            paramLabel = "DIR",
            description =
                    "Folder for "
                            + RESULTS
                            + " in the layout of the harness. Answers are kept in it, so that a"
                            + " killed run goes on where it was.")
    private @Nullable String out;

    @Option(
            names = {"-s", "--log-samples"},
            description = "Also write samples_TASK.jsonl with every item; needs --out.")
    private boolean logSamples;

    @Option(
            names = "--confirm-run-unsafe-code",
            description =
                    "Run the programs that the model writes for humaneval on this machine, bounded"
                            + " in time and memory but not kept from files and network.")
    private boolean runCode;

    @Option(
            names = "--python",
            paramLabel = "PATH",
            defaultValue = "python3",
            description = "What runs these programs. Default: ${DEFAULT-VALUE}")
    private String python = "";

    @Option(names = "--json", description = "Print the results as JSON instead of a table.")
    private boolean json;

    EvaluateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        EvaluationOptions options = options();
        if (logSamples && out == null) {
            throw new UsageException("--log-samples needs --out, where to put the samples");
        }
        Path folder = out == null ? null : Inputs.path("--out", out);
        EvaluationPlan plan = EvaluationPlan.of(tasks, data, runner());
        if (folder != null) {
            Files.createDirectories(folder);
        }
        long started = System.nanoTime();
        List<TaskResult> results;
        try (ResponseCache cache =
                        folder == null
                                ? null
                                : ResponseCache.open(folder.resolve("answers"), fingerprint());
                CausalLm loaded = model.load(console)) {
            results = run(loaded, plan, options, cache);
        }
        Map<String, Object> settings = settings(options);
        settings.put("seconds", Math.round((System.nanoTime() - started) / 1e6) / 1e3);
        String text = EvaluationJson.of(results, settings);
        if (folder != null) {
            write(folder, results, text);
        }
        console.result(json ? text : ScoreTable.render(results));
        return ExitCode.OK;
    }

    private EvaluationOptions options() {
        if (!chat && (multiturn || !system.isEmpty())) {
            throw new UsageException(
                    "--fewshot-as-multiturn and --system-instruction need --apply-chat-template");
        }
        requireFrom(0, "--limit", limit);
        requireFrom(0, "--num-fewshot", shots == null ? 0 : shots);
        requireFrom(1, "--batch-size", batchSize);
        requireFrom(1, "--batch-tokens", batchTokens);
        requireFrom(1, "--max-length", maxLength == null ? 1 : maxLength);
        requireFrom(0, "--bootstrap-iters", bootstraps);
        EvaluationOptions options =
                EvaluationOptions.defaults()
                        .withLimit(limit)
                        .withChat(chat, multiturn, system)
                        .withBatch(batchTokens, batchSize)
                        .withBootstraps(bootstraps)
                        .withSeed(seed);
        if (shots != null) {
            options = options.withShots(shots);
        }
        return maxLength == null ? options : options.withMaxLength(maxLength);
    }

    private Optional<CodeRunner> runner() {
        return runCode
                ? Optional.of(CodeRunner.python(python, PROGRAM_TIME, PROGRAM_MEBIBYTES))
                : Optional.empty();
    }

    private static void requireFrom(int least, String option, int value) {
        if (value < least) {
            throw new UsageException(option + " must be at least " + least + ", is " + value);
        }
    }

    /** Returns what an answer depends on besides the request. */
    private String fingerprint() throws IOException {
        StringBuilder text = new StringBuilder(Versions.retain4j()).append('\n');
        text.append(model.name().equals(Pretrained.EMBEDDED) ? model.name() : files(model.name()));
        for (String option : List.of("--precision", "--device", "--adapter")) {
            Object value = Objects.requireNonNull(spec).findOption(option).getValue();
            boolean isFolder = option.equals("--adapter") && value != null;
            text.append(option)
                    .append(' ')
                    .append(isFolder ? files(String.valueOf(value)) : String.valueOf(value))
                    .append('\n');
        }
        return text.toString();
    }

    private String files(String place) throws IOException {
        Path path = Path.of(place);
        return ModelFingerprint.of(Files.exists(path) ? path : ModelOptions.locate(console, place));
    }

    private List<TaskResult> run(
            CausalLm loaded,
            EvaluationPlan plan,
            EvaluationOptions options,
            @Nullable ResponseCache cache)
            throws IOException {
        List<TaskResult> results = new ArrayList<>();
        if (cache != null && cache.size() > 0) {
            console.note(String.format(Locale.ROOT, "%,d answers are known already", cache.size()));
        }
        try (ProgressDisplay progress = ProgressDisplay.start(console)) {
            int steps = plan.steps().size();
            for (EvaluationPlan.Step step : plan.steps()) {
                String name =
                        "%s (%d of %d)".formatted(step.task().name(), results.size() + 1, steps);
                Evaluator evaluator =
                        Evaluator.of(loaded, options)
                                .withListener(
                                        (task, done, total) -> progress.update(done, total, name));
                results.add(
                        (cache == null ? evaluator : evaluator.withCache(cache))
                                .run(step.task(), step.data()));
            }
        }
        return results;
    }

    private Map<String, Object> settings(EvaluationOptions options) {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("model", model.name());
        for (String option : List.of("--precision", "--device", "--adapter")) {
            Object value = Objects.requireNonNull(spec).findOption(option).getValue();
            settings.put(option.substring(2), value == null ? "" : String.valueOf(value));
        }
        settings.put("limit", limit);
        settings.put("batch_size", batchSize);
        settings.put("batch_tokens", batchTokens);
        settings.put("bootstrap_iters", bootstraps);
        settings.put("fewshot_seed", seed);
        settings.put("apply_chat_template", options.chat());
        settings.put("fewshot_as_multiturn", options.multiturn());
        settings.put("system_instruction", options.system());
        settings.put("retain4j_version", Versions.retain4j());
        return settings;
    }

    private void write(Path folder, List<TaskResult> results, String text) throws IOException {
        if (logSamples) {
            for (TaskResult result : results) {
                EvaluationJson.writeSamples(
                        result, folder.resolve("samples_" + result.task().name() + ".jsonl"));
            }
        }
        AtomicFile.write(folder.resolve(RESULTS), text);
        console.note("wrote " + folder.resolve(RESULTS));
    }
}
