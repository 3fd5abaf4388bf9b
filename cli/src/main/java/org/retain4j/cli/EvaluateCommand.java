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
import org.retain4j.cli.bench.PeakMemory;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.evaluate.Measured;
import org.retain4j.cli.evaluate.ModelFingerprint;
import org.retain4j.cli.evaluate.ReportParts;
import org.retain4j.cli.evaluate.ScoreTable;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.text.Documents;
import org.retain4j.evaluation.metrics.KlDrift;
import org.retain4j.evaluation.report.EvaluationReport;
import org.retain4j.evaluation.report.EvaluationSummary;
import org.retain4j.evaluation.report.RunCost;
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
                    + " --data gsm8k.shots=train.jsonl --out runs/gsm8k --log-samples",
            "  retain4j evaluate --model tuned --baseline base --tasks piqa --data data/eval --out report",
            "  retain4j evaluate --model runs/after --baseline runs/before --out report"
        })
final class EvaluateCommand implements Callable<Integer> {

    private static final String RESULTS = "results.json";
    private static final String REPORT = "report.html";
    private static final int KL_WINDOW = 512;
    private static final Duration PROGRAM_TIME = Duration.ofSeconds(10);
    private static final int PROGRAM_MEBIBYTES = 4096;

    private final Console console;

    @Spec private @Nullable CommandSpec spec;

    @Mixin private ModelOptions model = new ModelOptions();

    @Option(
            names = {"-t", "--tasks"},
            paramLabel = "NAME|FILE.yaml",
            split = ",",
            description =
                    "What to run, separated by commas. Not needed where --model is a folder of"
                            + " results.")
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
                            + " in the layout of the harness and "
                            + REPORT
                            + ". Answers are kept in it, so that a killed run goes on where it"
                            + " was.")
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

    private KlDrift.@Nullable Result drift;

    @Option(
            names = "--baseline",
            paramLabel = "MODEL|DIR",
            description =
                    "What the report compares the model with, item by item: a model, or a folder"
                            + " of results with samples, of lm-evaluation-harness too; --model may"
                            + " be such a folder as well. Needs --out.")
    private @Nullable String baseline;

    @Option(
            names = "--training-data",
            paramLabel = "FILE",
            description =
                    "Training or replay data (.jsonl, .json, also .gz, or text) in which to look for"
                            + " the items that are evaluated; may be given several times.")
    private List<String> trainingData = new ArrayList<>();

    @Option(
            names = "--kl-from",
            paramLabel = "MODEL",
            description = "Measure how far predictions on --kl-text moved from this model's.")
    private @Nullable String klFrom;

    @Option(names = "--kl-text", paramLabel = "FILE", description = "Text for --kl-from, UTF-8.")
    private @Nullable String klText;

    @Option(names = "--json", description = "Print the results as JSON instead of a table.")
    private boolean json;

    EvaluateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        EvaluationOptions options = options();
        require(!logSamples || out != null, "--log-samples needs --out, where to put the samples");
        require(baseline == null || out != null, "--baseline needs --out, where to put the report");
        require((klFrom == null) == (klText == null), "--kl-from and --kl-text need each other");
        Path folder = out == null ? null : Inputs.path("--out", out);
        Path probe = klText == null ? null : Inputs.path("--kl-text", klText);
        List<Path> training =
                trainingData.stream().map(file -> Inputs.path("--training-data", file)).toList();
        boolean isRead = Measured.isResults(Inputs.path("--model", model.name()));
        boolean baselineIsRead =
                baseline != null && Measured.isResults(Inputs.path("--baseline", baseline));
        require(isRead || !tasks.isEmpty(), "--tasks is missing; name at least one task");
        require(
                !isRead || baseline != null && tasks.isEmpty() && klFrom == null,
                "--model is a folder of results; compare it with --baseline, without --tasks and"
                        + " --kl-from, or name a model");
        require(
                !isRead || baselineIsRead && training.isEmpty(),
                "--model is a folder of results, so --baseline must be one too, and"
                        + " --training-data does not apply");
        EvaluationPlan plan = EvaluationPlan.of(tasks, data, runner());
        TrainingOverlap overlap =
                TrainingOverlap.look(
                        plan.steps(), plan.steps().stream().map(step -> limit).toList(), training);
        overlap.lines().forEach(console::note);
        if (folder != null) {
            Files.createDirectories(folder);
        }
        Map<String, Object> settings = settings(options);
        List<String> notes = new ArrayList<>();
        Measured before =
                baseline == null
                        ? null
                        : baselineIsRead
                                ? Measured.read(title(baseline), Path.of(baseline))
                                : measure(true, baseline, plan, options, folder, null, notes);
        Measured measured =
                isRead
                        ? Measured.read(title(model.name()), Path.of(model.name()))
                        : measure(false, model.name(), plan, options, folder, probe, notes);
        if (isRead) {
            settings.clear();
        } else {
            settings.put("seconds", measured.cost().evaluationSeconds());
            settings.put("peak_bytes", measured.cost().peakBytes());
        }
        String text = EvaluationJson.of(measured.results(), settings, more(overlap));
        if (folder != null) {
            EvaluationSummary summary =
                    ReportParts.summary(before, measured, overlap, notes, settings);
            write(folder, isRead ? null : text, measured.results(), summary);
        }
        notes.forEach(console::note);
        if (!isRead) {
            console.result(json ? text : ScoreTable.render(measured.results()));
        }
        return ExitCode.OK;
    }

    private static void require(boolean isRight, String message) {
        if (!isRight) {
            throw new UsageException(message);
        }
    }

    private Map<String, Object> more(TrainingOverlap overlap) {
        Map<String, Object> more = new LinkedHashMap<>();
        if (overlap.texts() > 0) {
            more.put("contamination", overlap);
        }
        if (drift != null) {
            more.put("kl_drift", drift);
        }
        return more;
    }

    /** Returns a name for a report: the end of a path, with the adapter; none twice. */
    private String title(String place) {
        Path path = Path.of(place).toAbsolutePath().normalize();
        String name =
                Files.exists(path) && path.getFileName() != null
                        ? path.getFileName().toString()
                        : place;
        boolean isModel = place.equals(model.name()) && !place.equals(baseline);
        Object adapter = Objects.requireNonNull(spec).findOption("--adapter").getValue();
        if (isModel && adapter != null) {
            return name + " with " + title(String.valueOf(adapter));
        }
        return name;
    }

    private Measured measure(
            boolean isBaseline,
            String place,
            EvaluationPlan plan,
            EvaluationOptions options,
            @Nullable Path folder,
            @Nullable Path probe,
            List<String> notes)
            throws IOException {
        long started = System.nanoTime();
        PeakMemory.reset();
        List<TaskResult> results;
        try (ResponseCache cache =
                        folder == null
                                ? null
                                : ResponseCache.open(
                                        folder.resolve("answers"), fingerprint(place, isBaseline));
                CausalLm loaded =
                        isBaseline ? model.loadAlone(console, place) : model.load(console)) {
            results = run(loaded, plan, options, cache);
            if (probe != null && klFrom != null) {
                drift(loaded, klFrom, probe, notes);
            }
        }
        double seconds = Math.round((System.nanoTime() - started) / 1e6) / 1e3;
        Map<String, Object> settings = settings(options);
        settings.put("model", place);
        if (isBaseline) {
            settings.put("adapter", "");
        }
        long peak = PeakMemory.bytes();
        String title = title(place);
        if (!isBaseline && baseline != null && title.equals(title(baseline))) {
            title += " (after)";
        }
        return Measured.of(title, results, settings, RunCost.ofEvaluation(seconds, peak));
    }

    private void drift(CausalLm loaded, String from, Path probe, List<String> notes)
            throws IOException {
        try (CausalLm base = model.loadAlone(console, from)) {
            int window =
                    Math.min(
                            KL_WINDOW,
                            Math.min(base.spec().maxPositions(), loaded.spec().maxPositions()));
            KlDrift.Result found =
                    KlDrift.of(Documents.read(probe), loaded.tokenizer(), window)
                            .measure(base, loaded);
            drift = found;
            notes.add(
                    String.format(
                            Locale.ROOT,
                            "KL drift from %s on %s: forward %.5f, reverse %.5f nats a token, over"
                                    + " %,d tokens",
                            title(from),
                            probe.getFileName(),
                            found.forward(),
                            found.reverse(),
                            found.tokens()));
        }
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
    private String fingerprint(String place, boolean isBaseline) throws IOException {
        StringBuilder text = new StringBuilder(Versions.retain4j()).append('\n');
        text.append(place.equals(Pretrained.EMBEDDED) ? place : files(place));
        for (String option : List.of("--precision", "--device", "--adapter")) {
            Object value = Objects.requireNonNull(spec).findOption(option).getValue();
            boolean isFolder = option.equals("--adapter") && value != null;
            if (isFolder && isBaseline) {
                value = null;
                isFolder = false;
            }
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

    private void write(
            Path folder,
            @Nullable String results,
            List<TaskResult> samples,
            EvaluationSummary summary)
            throws IOException {
        if (logSamples) {
            for (TaskResult result : samples) {
                EvaluationJson.writeSamples(
                        result, folder.resolve("samples_" + result.task().name() + ".jsonl"));
            }
        }
        if (results != null) {
            AtomicFile.write(folder.resolve(RESULTS), results);
            console.note("wrote " + folder.resolve(RESULTS));
        }
        EvaluationReport.write(summary, folder.resolve(REPORT));
        console.note("wrote " + folder.resolve(REPORT));
    }
}
