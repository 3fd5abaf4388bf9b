package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.retain4j.merging.Alignment;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Parameters;

/** Brings the neurons and heads of a model into the order of another. */
@Command(
        name = "align",
        description = {
            "Brings the neurons and heads of a model of another initialisation into the order of BASE,"
                    + " so that both can be merged. What the model computes does not change.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {"", "Example:", "  retain4j merge align model-a model-b model-b-aligned"})
final class MergeAlignCommand implements Callable<Integer> {

    private final Console console;

    @Parameters(index = "0", paramLabel = "BASE", description = "Folder of the model that stays.")
    private String base = "";

    @Parameters(index = "1", paramLabel = "OTHER", description = "Folder of the model to align.")
    private String other = "";

    @Parameters(index = "2", paramLabel = "OUT", description = "New or empty folder.")
    private String out = "";

    MergeAlignCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        Path target = WeightOptions.emptyFolder("OUT", out);
        Path first = LoraCommand.folder(console, "BASE", base);
        Path second = LoraCommand.folder(console, "OTHER", other);
        List<Alignment.Block> blocks;
        try (ProgressDisplay progress = ProgressDisplay.start(console)) {
            blocks =
                    Alignment.align(
                            first,
                            second,
                            target,
                            (done, total) -> progress.update(done, total, "aligning " + target));
        }
        StringBuilder table = new StringBuilder("layer  neurons moved  heads moved  cosine\n");
        for (Alignment.Block block : blocks) {
            table.append(
                    String.format(
                            Locale.ROOT,
                            "%5d  %13d  %11d  %.4f -> %.4f%n",
                            block.layer(),
                            block.movedNeurons(),
                            block.movedHeads(),
                            block.before(),
                            block.after()));
        }
        console.result(table + "wrote " + target + "\n");
        return ExitCode.OK;
    }
}
