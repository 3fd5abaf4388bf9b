package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.recipe.SequenceResult;
import org.retain4j.cli.recipe.SequenceRun;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.Pretrained;
import org.retain4j.evaluation.report.SequenceReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Fine-tunes a model as a YAML file says. */
@Command(
        name = "finetune",
        description = {
            "Fine-tunes a model on texts, prompts with completions or conversations, as a run.yaml"
                    + " says: full fine-tuning with any mix of methods against forgetting.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was started"},
        footer = {
            "",
            "A run.yaml needs model, output_dir and train; all keys are in docs/finetune.md. The"
                    + " folder gets model/, report.html, metrics.jsonl, run.json and checkpoints.",
            "",
            "Examples:",
            "  retain4j finetune run.yaml --dry-run",
            "  retain4j finetune run.yaml --set learning_rate=1e-4 --set output_dir=runs/b",
            "  retain4j finetune run.yaml --resume",
            "",
            "A file with run: and tasks: is a sequence of tasks, see docs/finetune.md; it goes on"
                    + " where it was when it is started again."
        })
final class FinetuneCommand implements Callable<Integer> {

    private final Console console;

    @Spec private @Nullable CommandSpec spec;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "RUN.yaml",
            description = "What to train, on what, and how.")
    private @Nullable String file;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description =
                    "Sets a key in place of what the file says, with points for sections:"
                            + " regularization.ewc.lambda=0.1. May be given several times.")
    private List<String> changes = List.of();

    @Option(
            names = "--dry-run",
            description =
                    "Show the resolved settings, trained parameters, memory, steps and the first"
                            + " example, and train nothing.")
    private boolean dryRun;

    @Option(
            names = "--resume",
            description = "Go on from the newest checkpoint in output_dir, to the same bits.")
    private boolean resume;

    @Option(names = "--schema", description = "Print the JSON schema of run.yaml and exit.")
    private boolean schema;

    FinetuneCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (schema) {
            console.result(FinetuneRun.schema());
            return ExitCode.OK;
        }
        if (file == null) {
            throw new UsageException("RUN.yaml is missing, give the file of the run");
        }
        OffsetDateTime started = OffsetDateTime.now(ZoneId.systemDefault());
        Path path = Inputs.path("RUN.yaml", file);
        if (isSequence(path)) {
            return runSequence(path, started);
        }
        FinetuneRun run = FinetuneRun.read(path, changes);
        if (dryRun) {
            try (FinetuneRun.Prepared prepared = prepare(run)) {
                console.result(prepared.description());
            }
            return ExitCode.OK;
        }
        Path checkpoint = resume ? run.checkpoint() : null;
        if (resume && checkpoint == null) {
            console.note("there is no checkpoint yet, the run starts from the beginning");
        }
        try (RunFolder folder =
                        resume && Files.isDirectory(run.folder())
                                ? null
                                : RunFolder.create("output_dir", run.folder());
                FinetuneRun.Prepared prepared = prepare(run);
                LazyProgress progress = new LazyProgress(console)) {
            console.note(prepared.introduction());
            List<String> results =
                    prepared.train(checkpoint, Provenance.of(commandLine(), started), progress);
            progress.close();
            results.forEach(line -> console.result(line + "\n"));
            console.result("wrote " + run.folder() + "\n");
        }
        return ExitCode.OK;
    }

    private static boolean isSequence(Path path) throws IOException {
        try {
            return SequenceRun.isSequence(path);
        } catch (JsonProcessingException broken) {
            // the reader of a run says what is wrong, with the line
            return false;
        }
    }

    private int runSequence(Path path, OffsetDateTime started) throws IOException {
        if (dryRun) {
            throw new UsageException("--dry-run shows a single run; this file has tasks");
        }
        SequenceRun sequence = SequenceRun.read(path, changes);
        SequenceResult result;
        try (LazyProgress progress = new LazyProgress(console)) {
            result = sequence.run(this::locate, Provenance.of(commandLine(), started), progress);
        }
        Path results = sequence.folder().resolve("results.json");
        AtomicFile.write(results, RunFolder.JSON.writeValueAsString(result) + "\n");
        Path report = sequence.folder().resolve("report.html");
        SequenceReport.write(
                result.content(
                        Versions.retain4j(), started.truncatedTo(ChronoUnit.SECONDS).toString()),
                report);
        console.result(result.table() + "\nwrote " + results + " and " + report + "\n");
        return ExitCode.OK;
    }

    private @Nullable Path locate(String model) throws IOException {
        return model.equals(Pretrained.EMBEDDED) ? null : ModelOptions.locate(console, model);
    }

    private FinetuneRun.Prepared prepare(FinetuneRun run) throws IOException {
        return run.prepare(locate(run.model()), console::note);
    }

    private List<String> commandLine() {
        return spec == null ? List.of() : spec.root().commandLine().getParseResult().originalArgs();
    }
}
