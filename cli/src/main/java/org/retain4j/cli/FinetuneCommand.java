package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.Pretrained;
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
            "  retain4j finetune run.yaml --resume"
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
        FinetuneRun run = FinetuneRun.read(Inputs.path("RUN.yaml", file), changes);
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

    private FinetuneRun.Prepared prepare(FinetuneRun run) throws IOException {
        String model = run.model();
        Path path = model.equals(Pretrained.EMBEDDED) ? null : ModelOptions.locate(console, model);
        return run.prepare(path, console::note);
    }

    private List<String> commandLine() {
        return spec == null ? List.of() : spec.root().commandLine().getParseResult().originalArgs();
    }
}
