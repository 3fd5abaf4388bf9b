package org.retain4j.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.ModelSource;
import org.retain4j.lora.AdapterInfo;
import org.retain4j.lora.IntruderDimensions;
import org.retain4j.lora.LoraCombine;
import org.retain4j.lora.LoraExtract;
import org.retain4j.lora.LoraMerge;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Merges, extracts, combines and describes LoRA adapters. */
@Command(
        name = "lora",
        description = {
            "Works on LoRA adapters in PEFT folders: puts them into weights, takes them out, combines"
                    + " and describes them.",
            ""
        },
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        optionListHeading = "Options:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "Examples:",
            "  retain4j lora merge SmolLM2-135M adapter SmolLM2-tuned",
            "  retain4j lora extract SmolLM2-135M SmolLM2-tuned adapter --rank 16",
            "  retain4j lora combine SmolLM2-135M both --adapter a=0.7 --adapter b=0.3 --type linear",
            "  retain4j lora info adapter"
        })
final class LoraCommand implements Runnable {

    @Override
    public void run() {
        throw new UsageException("no command given, try merge, extract, combine, info, intruders");
    }

    static Path folder(Console console, String label, String text) throws IOException {
        Path path = ModelOptions.locate(console, text);
        if (!Files.isDirectory(path)) {
            throw new UsageException(
                    label + ": " + path + " is no model folder; convert a GGUF file first");
        }
        return path;
    }

    /** Puts an adapter into the weights of its base. */
    @Command(
            name = "merge",
            description = "Puts an adapter into the weights of its base, tensor by tensor.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Merge implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
        private String base = "";

        @Parameters(index = "1", paramLabel = "ADAPTER", description = "PEFT folder or hub name.")
        private String adapter = "";

        @Parameters(index = "2", paramLabel = "OUT", description = "New or empty folder.")
        private String out = "";

        @Option(
                names = "--dtype",
                paramLabel = "NAME",
                description = "Type of the weights: f32, f16 or bf16. Default: that of the base.")
        private @Nullable String dtype;

        @Option(
                names = "--max-shard-size",
                paramLabel = "SIZE",
                defaultValue = "5GB",
                description = "Largest weight file. Default: ${DEFAULT-VALUE}")
        private String maxShardSize = "5GB";

        @Option(
                names = "--any-base",
                description = "Take a base of another name than the adapter was trained on.")
        private boolean anyBase;

        Merge(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            Path target = WeightOptions.emptyFolder("OUT", out);
            LoraMerge merge =
                    LoraMerge.of(
                                    folder(console, "BASE", base),
                                    ModelOptions.locateAdapter(console, "ADAPTER", adapter))
                            .maxShardBytes(WeightOptions.shardSize(maxShardSize));
            merge = dtype == null ? merge : merge.type(WeightOptions.dtype(dtype));
            merge = anyBase ? merge.anyBase() : merge;
            try (ProgressDisplay progress = ProgressDisplay.start(console)) {
                merge.progress((done, total) -> progress.update(done, total, "writing " + target))
                        .run(target);
            }
            console.result("wrote " + target + "\n");
            return ExitCode.OK;
        }
    }

    /** Makes an adapter of the difference of two models. */
    @Command(
            name = "extract",
            description =
                    "Makes an adapter of the difference of two models by singular value"
                            + " decomposition, and says how much of it the adapter holds.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Extract implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
        private String base = "";

        @Parameters(index = "1", paramLabel = "TUNED", description = "Model folder or hub name.")
        private String tuned = "";

        @Parameters(index = "2", paramLabel = "OUT", description = "New or empty folder.")
        private String out = "";

        @Option(
                names = "--rank",
                paramLabel = "R",
                defaultValue = "16",
                description = "Rank of the adapter. Default: ${DEFAULT-VALUE}")
        private int rank = 16;

        @Option(
                names = "--with-others",
                description =
                        "Store embeddings, output head and norms that differ as a whole"
                                + " (modules_to_save).")
        private boolean withOthers;

        Extract(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            if (rank < 1) {
                throw new UsageException("--rank must be at least 1, is " + rank);
            }
            Path target = WeightOptions.emptyFolder("OUT", out);
            LoraExtract extract =
                    LoraExtract.of(folder(console, "BASE", base), folder(console, "TUNED", tuned))
                            .rank(rank);
            LoraExtract.Report report = (withOthers ? extract.withOthers() : extract).run(target);
            for (LoraExtract.Extracted module : report.modules()) {
                console.result(
                        String.format(
                                Locale.ROOT,
                                "%-50s rank %3d, residual %.4f%n",
                                module.module(),
                                module.rank(),
                                module.residual()));
            }
            console.result(
                    String.format(
                            Locale.ROOT,
                            "wrote %s: %d modules, residual %.4f of the difference%n",
                            target,
                            report.modules().size(),
                            report.residual()));
            if (!report.others().isEmpty() && !report.stored()) {
                console.note(
                        "not in the adapter, though they differ (--with-others stores them): "
                                + String.join(", ", report.others()));
            }
            return ExitCode.OK;
        }
    }

    /** Makes one adapter of several. */
    @Command(
            name = "combine",
            description = "Makes one adapter of several, as PEFT's add_weighted_adapter.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Combine implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
        private String base = "";

        @Parameters(index = "1", paramLabel = "OUT", description = "New or empty folder.")
        private String out = "";

        @Option(
                names = "--adapter",
                paramLabel = "DIR=WEIGHT",
                required = true,
                description = "PEFT folder and its weight, 1 if left out; may be repeated.")
        private List<String> adapters = List.of();

        @Option(
                names = "--type",
                paramLabel = "NAME",
                defaultValue = "linear",
                description =
                        "linear, cat, svd, ties, dare_linear, dare_ties, magnitude_prune, and the"
                                + " last four with _svd. Default: ${DEFAULT-VALUE}")
        private String type = "linear";

        @Option(names = "--svd-rank", paramLabel = "R", description = "Rank of svd types.")
        private @Nullable Integer svdRank;

        @Option(
                names = "--density",
                paramLabel = "D",
                description = "Share of entries that stay, for types that drop some.")
        private @Nullable Double density;

        @Option(
                names = "--majority-sign-method",
                paramLabel = "NAME",
                defaultValue = "total",
                description = "total or frequency, for ties. Default: ${DEFAULT-VALUE}")
        private String majority = "total";

        @Option(names = "--seed", paramLabel = "N", description = "Seed of what dare drops.")
        private long seed;

        Combine(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            LoraCombine combine = settings();
            Path target = WeightOptions.emptyFolder("OUT", out);
            Path model = folder(console, "BASE", base);
            for (String text : adapters) {
                int equals = text.lastIndexOf('=');
                String name = equals < 0 ? text : text.substring(0, equals);
                double weight = equals < 0 ? 1 : weight(text, text.substring(equals + 1));
                Path adapter = ModelOptions.locateAdapter(console, "--adapter", name);
                requireFits(model, adapter);
                combine = combine.add(adapter, weight);
            }
            int rank = combine.run(target);
            console.result("wrote " + target + ", rank " + rank + "\n");
            return ExitCode.OK;
        }

        private LoraCombine settings() {
            try {
                LoraCombine combine = LoraCombine.as(LoraCombine.Type.parse(type)).seed(seed);
                combine = svdRank == null ? combine : combine.svdRank(svdRank);
                combine = density == null ? combine : combine.density(density);
                return switch (majority) {
                    case "total" -> combine;
                    case "frequency" -> combine.majorityByFrequency();
                    default ->
                            throw new UsageException(
                                    "--majority-sign-method must be total or frequency, is "
                                            + majority);
                };
            } catch (IllegalArgumentException e) {
                throw new UsageException(String.valueOf(e.getMessage()));
            }
        }

        private static double weight(String text, String number) {
            try {
                return Double.parseDouble(number);
            } catch (NumberFormatException e) {
                throw new UsageException(
                        "--adapter needs DIR=WEIGHT with a number, is \"" + text + "\"");
            }
        }

        private static void requireFits(Path base, Path adapter) throws IOException {
            try (ModelSource source = ModelSource.open(base)) {
                for (AdapterInfo.AdaptedModule module : AdapterInfo.read(adapter).modules()) {
                    TensorInfo weight = source.tensors().tensors().get(module.name() + ".weight");
                    List<Long> shape = weight == null ? List.of() : weight.shape();
                    if (!shape.equals(List.of(module.out(), module.in()))
                            && !shape.equals(List.of(module.in(), module.out()))) {
                        throw new IOException(
                                adapter
                                        + " does not fit "
                                        + base
                                        + ": "
                                        + module.name()
                                        + " is "
                                        + module.out()
                                        + " x "
                                        + module.in()
                                        + " there and "
                                        + (weight == null ? "missing" : shape)
                                        + " in the base");
                    }
                }
            }
        }
    }

    /** Describes an adapter. */
    @Command(
            name = "info",
            description = "Shows what an adapter folder holds, without loading it.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n")
    static final class Info implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "ADAPTER", description = "PEFT folder or hub name.")
        private String adapter = "";

        @Option(names = "--json", description = "Print JSON.")
        private boolean json;

        Info(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            AdapterInfo info =
                    AdapterInfo.read(ModelOptions.locateAdapter(console, "ADAPTER", adapter));
            console.result(json ? json(info) : text(info));
            return ExitCode.OK;
        }

        private static String text(AdapterInfo info) {
            StringBuilder text = new StringBuilder();
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%s%nbase         %s%nr            %d, lora_alpha %s%s%s%nparameters  "
                                    + " %,d in %s, %,d bytes%nmodules      %d%n",
                            info.folder(),
                            info.config().baseModel() == null
                                    ? "not recorded"
                                    : info.config().baseModel(),
                            info.config().r(),
                            info.config().loraAlpha(),
                            info.config().useRslora() ? ", rsLoRA" : "",
                            info.config().useDora() ? ", DoRA" : "",
                            info.parameters(),
                            String.join(", ", info.types()),
                            info.bytes(),
                            info.modules().size()));
            for (AdapterInfo.AdaptedModule module : info.modules()) {
                text.append(
                        String.format(
                                Locale.ROOT,
                                "  %-50s %d x %d, rank %d, scale %.4g%n",
                                module.name(),
                                module.out(),
                                module.in(),
                                module.rank(),
                                module.scale()));
            }
            info.wholes().forEach(name -> text.append("  ").append(name).append(", whole\n"));
            info.named().forEach(name -> text.append("further adapter ").append(name).append('\n'));
            return text.toString();
        }

        private static String json(AdapterInfo info) throws IOException {
            ObjectMapper mapper = new ObjectMapper();
            ObjectNode node = mapper.createObjectNode();
            node.put("folder", info.folder().toString());
            node.put("base_model_name_or_path", info.config().baseModel());
            node.put("r", info.config().r());
            node.put("lora_alpha", info.config().loraAlpha());
            node.put("parameters", info.parameters());
            node.put("bytes", info.bytes());
            for (AdapterInfo.AdaptedModule module : info.modules()) {
                ObjectNode one = node.withArray("modules").addObject();
                one.put("name", module.name());
                one.put("rank", module.rank());
                one.put("scale", module.scale());
                one.put("in", module.in());
                one.put("out", module.out());
            }
            List<String> wholes = new ArrayList<>(info.wholes());
            node.set("wholes", mapper.valueToTree(wholes));
            node.set("named", mapper.valueToTree(info.named()));
            return mapper.writeValueAsString(node) + "\n";
        }
    }

    /** Counts singular vectors that tuning brought in. */
    @Command(
            name = "intruders",
            description =
                    "Counts, for each matrix, leading singular vectors of the tuned model without a"
                            + " counterpart in the base (intruder dimensions, arXiv:2410.21228).",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n")
    static final class Intruders implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
        private String base = "";

        @Parameters(index = "1", paramLabel = "TUNED", description = "Model folder or hub name.")
        private String tuned = "";

        @Option(
                names = "--leading",
                paramLabel = "N",
                defaultValue = "" + IntruderDimensions.LEADING,
                description = "Vectors looked at in each matrix. Default: ${DEFAULT-VALUE}")
        private int leading = IntruderDimensions.LEADING;

        @Option(
                names = "--threshold",
                paramLabel = "C",
                defaultValue = "" + IntruderDimensions.THRESHOLD,
                description = "Largest cosine of an intruder. Default: ${DEFAULT-VALUE}")
        private double threshold = IntruderDimensions.THRESHOLD;

        Intruders(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            IntruderDimensions found;
            try {
                found =
                        IntruderDimensions.of(
                                folder(console, "BASE", base),
                                folder(console, "TUNED", tuned),
                                module -> true,
                                leading,
                                threshold);
            } catch (IllegalArgumentException e) {
                throw new UsageException(String.valueOf(e.getMessage()));
            }
            for (IntruderDimensions.Matrix matrix : found.matrices()) {
                console.result(
                        String.format(
                                Locale.ROOT,
                                "%-50s %d of %d%n",
                                matrix.module(),
                                matrix.intruders().size(),
                                matrix.cosines().size()));
            }
            console.result(
                    found.count()
                            + " intruders in "
                            + found.matrices().size()
                            + " matrices that differ\n");
            return ExitCode.OK;
        }
    }
}
