package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.merging.Merge;
import org.retain4j.merging.MergePlan;
import org.retain4j.merging.MergeSequence;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a model from a merge plan. */
@Command(
        name = "merge",
        description = {
            "Writes a model from a merge plan in mergekit's YAML, tensor by tensor.",
            "A merge that was interrupted goes on at the first weight file that is not finished.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "Examples:",
            "  retain4j merge plan.yaml merged --max-shard-size 500MB",
            "  retain4j merge --verify merged"
        })
final class MergeCommand implements Callable<Integer> {

    private final Console console;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "PLAN.yaml",
            description = "The plan; paths in it start in --root.")
    private @Nullable String plan;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "OUT",
            description = "Folder of the merged model.")
    private @Nullable String out;

    @Option(
            names = "--root",
            paramLabel = "DIR",
            description = "Where the paths of models in the plan start. Default: this folder.")
    private @Nullable String root;

    @Option(
            names = "--max-shard-size",
            paramLabel = "SIZE",
            defaultValue = "5GB",
            description =
                    "Largest weight file, and how much is done again after an interruption."
                            + " Default: ${DEFAULT-VALUE}")
    private String maxShardSize = "5GB";

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "512MB",
            description =
                    "Most memory for the parts of tensors that are worked on, whatever the size of"
                            + " the models. Default: ${DEFAULT-VALUE}")
    private String memory = "512MB";

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Tensors that are merged at once. Default: the number of processors.")
    private @Nullable Integer threads;

    @Option(
            names = "--no-report",
            description =
                    "Leave out report.html and report.json, which say where the models and the"
                            + " result differ; saves a tenth of the time.")
    private boolean noReport;

    @Option(
            names = "--verify",
            paramLabel = "DIR",
            description = "Check the files of a merged model against its merge.json instead.")
    private @Nullable String verify;

    MergeCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (verify != null) {
            Path folder = Inputs.path("--verify", verify);
            Merge.verify(folder);
            console.result(folder + " is as its merge.json says\n");
            return ExitCode.OK;
        }
        if (plan == null || out == null) {
            throw new UsageException("PLAN.yaml and OUT are needed, or --verify DIR");
        }
        Path file = Inputs.path("PLAN.yaml", plan);
        if (!Files.isRegularFile(file)) {
            throw new UsageException("PLAN.yaml: " + file + " does not exist or is no file");
        }
        long shard = WeightOptions.size("--max-shard-size", maxShardSize);
        long budget = WeightOptions.size("--memory", memory);
        if (threads != null && threads < 1) {
            throw new UsageException("--threads must be at least 1, is " + threads);
        }
        Path target = Inputs.path("OUT", out);
        Path start = root == null ? Path.of("") : Inputs.path("--root", root);
        int workers = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
        List<String> warnings;
        try (ProgressDisplay progress = ProgressDisplay.start(console)) {
            UnaryOperator<Merge> settings =
                    merge ->
                            merge.root(start)
                                    .maxShardBytes(shard)
                                    .memory(budget)
                                    .threads(workers)
                                    .report(!noReport)
                                    .progress(
                                            (done, total) ->
                                                    progress.update(
                                                            done, total, label(done, total)));
            warnings = MergeSequence.of(MergePlan.readAll(file), settings).run(target);
        }
        warnings.forEach(warning -> console.note("warning: " + warning));
        console.result("wrote " + target + "\n");
        return ExitCode.OK;
    }

    private static String label(long done, long total) {
        return "%,d of %,d MB hashed and written".formatted(done / 1_000_000, total / 1_000_000);
    }
}
