package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.compare.Comparison;
import org.retain4j.cli.compare.ComparisonOptions;
import org.retain4j.cli.compare.ComparisonProgress;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.recipe.Recipe;
import org.retain4j.cli.recipe.RecipeResult;
import org.retain4j.cli.recipe.RecipeRun;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.Pretrained;
import org.retain4j.evaluation.report.ComparisonResult;
import org.retain4j.evaluation.report.PlotUnavailableException;
import org.retain4j.evaluation.report.TextTable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Compares mitigation methods at one budget and writes tables and plots. */
@Command(
        name = "compare",
        description = {
            "Fine-tunes a model on new text with every method against forgetting, at one budget and"
                    + " over several seeds, and shows what each learned and what it kept.",
            "Without options it needs no download: model and texts are embedded.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was started"},
        footer = {
            "",
            "The folder gets results.json, report.html, pareto.svg and run.json (settings, versions"
                    + " and hashes of all inputs).",
            "",
            "Examples:",
            "  retain4j compare",
            "  retain4j compare --methods plain,ewc:0.3,replay --seeds 5",
            "  retain4j compare --model SmolLM2-135M --learn law.txt --retain wiki.txt --out runs/law",
            "  retain4j compare --steps 20 --seeds 1 --json > results.json",
            "  retain4j compare recipe.yaml"
        })
final class CompareCommand implements Callable<Integer> {

    /** What is run once all arguments are known to be right. */
    @FunctionalInterface
    interface Runner {
        ComparisonResult run(ComparisonOptions options, ComparisonProgress progress)
                throws IOException;
    }

    private final Console console;
    private final Runner runner;
    private final Path defaultParent;

    @Spec private @Nullable CommandSpec spec;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "RECIPE.yaml",
            description =
                    "A comparison on data and tasks of your own, see docs/compare.md; goes on where"
                            + " it was when it is started again. Without it, two texts are compared.")
    private @Nullable String recipe;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Sets a key of the recipe in place of what the file says.")
    private List<String> changes = List.of();

    @Option(
            names = "--model",
            paramLabel = "NAME|DIR",
            defaultValue = Pretrained.EMBEDDED,
            description = {
                "Hugging Face model folder, or the embedded model.",
                "Default: ${DEFAULT-VALUE}"
            })
    private String model = Pretrained.EMBEDDED;

    @Option(
            names = "--learn",
            paramLabel = "FILE",
            description = "Text to learn, UTF-8. Default: an embedded part of tinyshakespeare.")
    private @Nullable String learn;

    @Option(
            names = "--retain",
            paramLabel = "FILE",
            description =
                    "Text that must not be forgotten, UTF-8. Default: an embedded part of"
                            + " TinyStories.")
    private @Nullable String retain;

    @Option(
            names = "--methods",
            paramLabel = "LIST",
            split = ",",
            hideParamSyntax = true,
            description =
                    "Methods to compare, separated by commas; a strength follows a colon, as in"
                            + " ewc:0.3, lora:64. Default: seven, one of each kind. \"all\" takes all,"
                            + " \"help\" lists them.")
    private List<String> methods = List.of();

    @Option(names = "--list-methods", description = "List the methods and exit.")
    private boolean listMethods;

    @Option(
            names = "--seeds",
            paramLabel = "N",
            defaultValue = "" + ComparisonOptions.DEFAULT_SEEDS,
            description = "Number of repetitions of every method. Default: ${DEFAULT-VALUE}")
    private int seeds;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "" + ComparisonOptions.DEFAULT_STEPS,
            description = "Training steps of every run. Default: ${DEFAULT-VALUE}")
    private int steps;

    @Mixin private DeviceOption device = new DeviceOption();

    @Option(
            names = {"-t", "--tasks"},
            paramLabel = "NAME|FILE.yaml",
            split = ",",
            description =
                    "Tasks of evaluate to measure every method on besides; the results are in"
                            + " tasks.html and tasks.json. A recipe names its own.")
    private List<String> tasks = List.of();

    @Option(
            names = "--data",
            paramLabel = "[NAME=]PATH",
            description = "Data of the tasks, as in evaluate.")
    private List<String> data = List.of();

    @Option(
            names = {"-L", "--limit"},
            paramLabel = "N",
            defaultValue = "0",
            description = "Only the first N items of each task. Default: all.")
    private int limit;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "New or empty folder for the results. Default: runs/<date and time>")
    private @Nullable String out;

    @Option(names = "--json", description = "Print results.json instead of the table.")
    private boolean json;

    CompareCommand(Console console) {
        this(console, Comparison::run, Path.of("runs"));
    }

    /** Creates the command around another comparison. */
    CompareCommand(Console console, Runner runner, Path defaultParent) {
        this.console = console;
        this.runner = runner;
        this.defaultParent = defaultParent;
    }

    @Override
    public Integer call() throws IOException {
        if (listMethods || methods.equals(List.of(MethodChoice.HELP))) {
            console.result(MethodChoice.table());
            return ExitCode.OK;
        }
        OffsetDateTime started = OffsetDateTime.now(ZoneId.systemDefault());
        if (recipe != null) {
            return runRecipe(Inputs.path("RECIPE.yaml", recipe), started);
        }
        if (!changes.isEmpty()) {
            throw new UsageException("--set changes keys of a RECIPE.yaml, give its file");
        }
        List<String> chosen = MethodChoice.parse(methods);
        Path learnFile = learn == null ? null : Inputs.path("--learn", learn);
        Path retainFile = retain == null ? null : Inputs.path("--retain", retain);
        // the numbers before the files, which may take time to hash
        EvaluationPlan plan = EvaluationPlan.of(tasks, data, Optional.empty());
        options(chosen, learnFile, retainFile, plan, Path.of(""));
        Inputs inputs = Inputs.check(model, learnFile, retainFile);
        try (RunFolder folder = folder(started.toLocalDateTime())) {
            ComparisonOptions options = options(chosen, learnFile, retainFile, plan, folder.path());
            ComparisonResult result = run(options, folder);
            List<Path> files =
                    new ArrayList<>(
                            folder.write(
                                    result,
                                    Provenance.of(
                                            commandLine(), options, inputs, started, result)));
            for (String name : List.of("tasks.html", "tasks.json")) {
                if (!plan.steps().isEmpty()) {
                    files.add(folder.path().resolve(name));
                }
            }
            report(result, folder, files);
        }
        return ExitCode.OK;
    }

    private int runRecipe(Path file, OffsetDateTime started) throws IOException {
        for (String option :
                List.of(
                        "--model",
                        "--learn",
                        "--retain",
                        "--methods",
                        "--seeds",
                        "--steps",
                        "--tasks",
                        "--data",
                        "--limit",
                        "--out")) {
            if (Objects.requireNonNull(spec)
                    .commandLine()
                    .getParseResult()
                    .hasMatchedOption(option)) {
                throw new UsageException(
                        option
                                + " does not go with a recipe, which says it itself; change a key"
                                + " with --set");
            }
        }
        Recipe read = Recipe.read(file, changes);
        RecipeResult result;
        try (LazyProgress progress = new LazyProgress(console)) {
            result =
                    new RecipeRun(
                                    read,
                                    model ->
                                            model.equals(Pretrained.EMBEDDED)
                                                    ? null
                                                    : ModelOptions.locate(console, model),
                                    Provenance.of(commandLine(), started),
                                    progress)
                            .run();
        }
        Path results = read.folder().resolve("results.json");
        String text = RunFolder.JSON.writeValueAsString(result) + "\n";
        AtomicFile.write(results, text);
        String wrote =
                "wrote " + results + "\nwrote " + read.folder().resolve(RecipeRun.REPORT) + "\n";
        if (result.hasCurves()) {
            Path curves = read.folder().resolve("curves.svg");
            try {
                AtomicFile.write(curves, result.curves().svg() + "\n");
                wrote += "wrote " + curves + "\n";
            } catch (PlotUnavailableException e) {
                console.note("no curves.svg: " + e.getMessage());
            }
        }
        console.result(json ? text : result.table() + "\n" + wrote);
        return ExitCode.OK;
    }

    private ComparisonOptions options(
            List<String> chosen,
            @Nullable Path learnFile,
            @Nullable Path retainFile,
            EvaluationPlan plan,
            Path folder) {
        try {
            return new ComparisonOptions(
                    model,
                    learnFile,
                    retainFile,
                    chosen,
                    seeds,
                    steps,
                    folder,
                    plan.steps(),
                    limit,
                    device.chosen());
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private RunFolder folder(LocalDateTime time) throws IOException {
        return out == null
                ? RunFolder.create(defaultParent, time)
                : RunFolder.create("--out", Inputs.path("--out", out));
    }

    private ComparisonResult run(ComparisonOptions options, RunFolder folder) throws IOException {
        ProgressDisplay progress = ProgressDisplay.start(console);
        Thread interrupted =
                new Thread(
                        () -> {
                            progress.close();
                            try {
                                folder.close();
                            } catch (IOException e) {
                                console.error("retain4j compare", Failures.message(e), e);
                            }
                        });
        Runtime.getRuntime().addShutdownHook(interrupted);
        try (progress) {
            return runner.run(options, progress);
        } finally {
            removeHook(interrupted);
        }
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending, and the hook is running
            return;
        }
    }

    private List<String> commandLine() {
        return spec == null ? List.of() : spec.root().commandLine().getParseResult().originalArgs();
    }

    private void report(ComparisonResult result, RunFolder folder, List<Path> files)
            throws IOException {
        folder.notes().forEach(console::note);
        if (json) {
            console.result(Files.readString(folder.results()));
            files.forEach(file -> console.note("wrote " + file));
        } else {
            StringBuilder text = new StringBuilder(TextTable.render(result)).append('\n');
            files.forEach(file -> text.append("wrote ").append(file).append('\n'));
            console.result(text.toString());
        }
    }
}
