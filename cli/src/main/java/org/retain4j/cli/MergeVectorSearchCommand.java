package org.retain4j.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.text.Documents;
import org.retain4j.evaluation.metrics.BitsPerByte;
import org.retain4j.merging.ScaleSearch;
import org.retain4j.merging.TaskVector;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Finds how much of a task vector to apply. */
@Command(
        name = "search",
        description = {
            "Measures BASE plus factors of VECTOR on two texts, in bits per byte, and names the"
                    + " largest factor at which the control text keeps its share.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"})
final class MergeVectorSearchCommand implements Callable<Integer> {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Console console;

    @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
    private String base = "";

    @Parameters(index = "1", paramLabel = "VECTOR", description = "Vector file.")
    private String vector = "";

    @Option(
            names = "--validation",
            paramLabel = "FILE",
            required = true,
            description = "Text that the vector is for; documents are separated by <|endoftext|>.")
    private String validation = "";

    @Option(
            names = "--control",
            paramLabel = "FILE",
            required = true,
            description = "Text that must not be lost. Report final numbers on neither.")
    private String control = "";

    @Option(
            names = "--keep",
            paramLabel = "SHARE",
            defaultValue = "0.95",
            description =
                    "Share of the control measure to keep: its bits per byte may grow to the first"
                            + " over this. Default: ${DEFAULT-VALUE}")
    private double keep = 0.95;

    @Option(
            names = "--to",
            paramLabel = "X",
            defaultValue = "1",
            description =
                    "Last factor, --to=-1 to unlearn. The first is 0. Default: ${DEFAULT-VALUE}")
    private double to = 1;

    @Option(
            names = "--step",
            paramLabel = "X",
            defaultValue = "0.05",
            description = "Distance of factors. Default: ${DEFAULT-VALUE}")
    private double step = 0.05;

    @Option(
            names = "--window",
            paramLabel = "N",
            defaultValue = "512",
            description = "Tokens of a forward pass. Default: ${DEFAULT-VALUE}")
    private int window = 512;

    @Option(
            names = "--scratch",
            paramLabel = "DIR",
            description =
                    "Where each model is written for as long as it is measured. Default: the folder"
                            + " for temporary files.")
    private @Nullable String scratch;

    @Option(names = "--json", paramLabel = "FILE", description = "File for all numbers.")
    private @Nullable String json;

    @Mixin private MergeVectorCommand.Factors factors = new MergeVectorCommand.Factors();

    MergeVectorSearchCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        double[] scales;
        try {
            scales = ScaleSearch.grid(to, step);
        } catch (IllegalArgumentException e) {
            throw new UsageException("--to and --step: " + e.getMessage());
        }
        if (!(keep > 0 && keep <= 1)) {
            throw new UsageException("--keep must be more than 0 and at most 1, is " + keep);
        }
        Path vectorFile = MergeVectorCommand.file("VECTOR", vector);
        List<String> texts = Documents.read(MergeVectorCommand.file("--validation", validation));
        List<String> others = Documents.read(MergeVectorCommand.file("--control", control));
        Path folder = LoraCommand.folder(console, "BASE", base);
        Path parent =
                scratch == null
                        ? Files.createTempDirectory("retain4j-search")
                        : Files.createTempDirectory(Inputs.path("--scratch", scratch), "search");
        ScaleSearch.Result result;
        try (ProgressDisplay progress = ProgressDisplay.start(console)) {
            int[] tried = {0};
            result =
                    ScaleSearch.run(
                            scales,
                            keep,
                            scale -> {
                                progress.update(tried[0]++, scales.length, "factor " + scale);
                                return measure(folder, vectorFile, parent, scale, texts, others);
                            });
        } finally {
            Folders.delete(parent);
        }
        console.result(table(result));
        if (json != null) {
            AtomicFile.write(Inputs.path("--json", json), record(result, vectorFile));
        }
        return ExitCode.OK;
    }

    private String table(ScaleSearch.Result result) {
        StringBuilder text = new StringBuilder("factor  validation  control  kept\n");
        for (ScaleSearch.Trial trial : result.trials()) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%6s  %10.4f  %7.4f  %s%n",
                            trial.scale(),
                            trial.validation(),
                            trial.control(),
                            trial.kept() ? "yes" : "no"));
        }
        text.append("largest factor that keeps ").append(keep).append(" of the control text: ");
        text.append(result.largest().scale()).append('\n');
        text.append("best of those kept on the validation text: ");
        return text.append(result.best().scale()).append('\n').toString();
    }

    private byte[] record(ScaleSearch.Result result, Path vectorFile) throws IOException {
        ObjectNode record = JSON.createObjectNode();
        record.put("base", base);
        record.put("vector", vector);
        record.put("vector_sha256", Sha256.of(vectorFile));
        record.put("validation", validation);
        record.put("validation_sha256", Sha256.of(Path.of(validation)));
        record.put("control", control);
        record.put("control_sha256", Sha256.of(Path.of(control)));
        record.put("measure", "bits per byte");
        record.put("window", window);
        record.put("keep", keep);
        record.put("largest", result.largest().scale());
        record.put("best", result.best().scale());
        for (ScaleSearch.Trial trial : result.trials()) {
            ObjectNode entry = record.withArray("trials").addObject();
            entry.put("factor", trial.scale());
            entry.put("validation", trial.validation());
            entry.put("control", trial.control());
            entry.put("kept", trial.kept());
        }
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(record);
    }

    private double[] measure(
            Path folder,
            Path vectorFile,
            Path parent,
            double scale,
            List<String> texts,
            List<String> others)
            throws IOException {
        Path changed = parent.resolve("model");
        Folders.delete(changed);
        TaskVector.Term term = new TaskVector.Term(vectorFile, factors.of(0, 1).times(scale));
        TaskVector.apply(folder, List.of(term), changed, Set.of());
        try (CausalLm model = Pretrained.load(changed)) {
            double[] losses = new double[2];
            losses[0] = score(model, texts);
            losses[1] = score(model, others);
            return losses;
        }
    }

    private double score(CausalLm model, List<String> documents) {
        return BitsPerByte.of(documents, model.tokenizer(), window).score(model).bitsPerByte();
    }
}
