package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.ModelSource;
import org.retain4j.core.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a model as a Hugging Face folder, in another type or other shards. */
@Command(
        name = "convert",
        description = {
            "Writes a model, a GGUF file for example, as a Hugging Face folder that transformers"
                    + " opens.",
            "Weights stream from file to file; they are never all in memory.",
            ""
        },
        parameterListHeading = "Arguments:%n",
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was written"},
        footer = {
            "",
            "Examples:",
            "  retain4j convert SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2 --dtype bf16",
            "  retain4j convert HuggingFaceTB/SmolLM2-135M SmolLM2-f32 --dtype f32"
                    + " --max-shard-size 200MB"
        })
final class ConvertCommand implements Callable<Integer> {

    private final Console console;

    @Parameters(
            index = "0",
            paramLabel = "SRC",
            description = "GGUF file, model folder or name on the Hugging Face hub.")
    private String from = "";

    @Parameters(index = "1", paramLabel = "DST", description = "New or empty folder.")
    private String to = "";

    @Option(
            names = "--dtype",
            paramLabel = "NAME",
            description =
                    "Type of the weights: f32, f16 or bf16. Default: that of the source; f32 for"
                            + " quantised weights.")
    private @Nullable String dtype;

    @Option(
            names = "--max-shard-size",
            paramLabel = "SIZE",
            defaultValue = "5GB",
            description =
                    "Largest weight file, for example 500MB or 2GiB. Default: ${DEFAULT-VALUE}")
    private String maxShardSize = "5GB";

    ConvertCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        DType type = dtype == null ? null : WeightOptions.dtype(dtype);
        long shard = WeightOptions.shardSize(maxShardSize);
        Path target = WeightOptions.emptyFolder("DST", to);
        Path path = ModelOptions.locate(console, from);
        try (ModelSource source = ModelSource.open(path)) {
            try (ProgressDisplay progress = ProgressDisplay.start(console)) {
                source.convert(
                        target,
                        type,
                        shard,
                        (done, total) -> progress.update(done, total, "writing " + target));
            }
        }
        console.result("wrote " + target + "\n");
        return ExitCode.OK;
    }
}
