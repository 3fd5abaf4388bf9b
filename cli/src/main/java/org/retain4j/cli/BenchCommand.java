package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.bench.BenchmarkModel;
import org.retain4j.cli.bench.FisherBenchmark;
import org.retain4j.cli.bench.GenerationBenchmark;
import org.retain4j.cli.bench.MethodBenchmark;
import org.retain4j.cli.bench.TrainingBenchmark;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.finetune.PhaseTimes;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures time and memory of full training steps. */
@Command(
        name = "bench",
        description = {
            "Times full training steps (forward, backward, clipping, AdamW) of a model on random"
                    + " tokens and the shares of their parts, with --methods what methods against"
                    + " forgetting add to a step, or with --generate greedy decoding, and shows the"
                    + " peak memory of the process.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "The first step is left out of the medians.",
            "",
            "Examples:",
            "  retain4j bench",
            "  retain4j bench --batch-size 1 --max-length 1024 --gradient-checkpointing",
            "  retain4j bench --model SmolLM2-135M-Instruct --steps 10",
            "  retain4j bench --methods l2sp,ewc,kl-lora,replay:0.1,agem,sam,fisher",
            "  retain4j bench --shape 1b --device cuda --batch-size 8 --max-length 1024",
            "  retain4j bench --generate 64 --max-length 32 --batch-size 1",
            "  retain4j bench --config SmolLM2-135M/config.json --json"
        })
final class BenchCommand implements Callable<Integer> {

    private static final JsonMapper JSON = new JsonMapper();

    /** In the order of a step. */
    private static final Map<PhaseTimes.Phase, String> PARTS = new LinkedHashMap<>();

    static {
        PARTS.put(PhaseTimes.Phase.DATA, "data");
        PARTS.put(PhaseTimes.Phase.FORWARD, "forward");
        PARTS.put(PhaseTimes.Phase.LOSS, "loss head");
        PARTS.put(PhaseTimes.Phase.BACKWARD, "backward");
        PARTS.put(PhaseTimes.Phase.METHODS, "clipping");
        PARTS.put(PhaseTimes.Phase.OPTIMIZER, "optimizer");
        PARTS.put(PhaseTimes.Phase.REST, "everything else");
    }

    private final Console console;

    @Option(
            names = {"-m", "--model"},
            paramLabel = ModelOptions.LABEL,
            description = "Model to measure. Default: the shape of SmolLM2-135M, random weights.")
    private @Nullable String model;

    @Option(
            names = "--shape",
            paramLabel = "NAME",
            defaultValue = "135m",
            description =
                    "Shape with random weights: 135m (SmolLM2-135M) or 1b (Llama 3.2 1B). Default:"
                            + " ${DEFAULT-VALUE}")
    private String shape = "135m";

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The config.json of a model, to measure its shape with random weights.")
    private @Nullable String config;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "2",
            description = "Rows of a step. Default: ${DEFAULT-VALUE}")
    private int batchSize;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            defaultValue = "256",
            description = "Tokens of a row. Default: ${DEFAULT-VALUE}")
    private int maxLength;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "6",
            description = "Number of steps, at least 2. Default: ${DEFAULT-VALUE}")
    private int steps;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            description =
                    "Type of matrix products: f32, bf16, or auto for what this machine does best."
                            + " Default: f32 on the CPU, bf16 on CUDA.")
    private @Nullable String precision;

    @Mixin private DeviceOption device = new DeviceOption();

    @Option(
            names = "--gradient-checkpointing",
            description = "Compute activations twice instead of keeping them.")
    private boolean gradientCheckpointing;

    @Option(
            names = "--lora-rank",
            paramLabel = "R",
            description = "Train an adapter of this rank on all linear layers. Default: none")
    private int loraRank;

    @Option(
            names = "--methods",
            paramLabel = "LIST",
            split = ",",
            hideParamSyntax = true,
            description =
                    "Time steps with these methods in turn with steps without: l2sp, ewc, kl-lora,"
                            + " replay:SHARE, agem, sam, fisher (Fisher information a sequence);"
                            + " lora and plain are what they are compared with. --steps counts the"
                            + " steps of a method in a round.")
    private List<String> methods = List.of();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "3",
            description = "Rounds through all --methods. Default: ${DEFAULT-VALUE}")
    private int rounds;

    @Option(
            names = "--generate",
            paramLabel = "N",
            description =
                    "Time greedy decoding of N new tokens after prompts of --max-length tokens"
                            + " instead of training.")
    private @Nullable Integer generate;

    @Option(
            names = "--fisher",
            paramLabel = "N",
            description =
                    "Time the Fisher diagonal of N sequences of --max-length tokens instead of"
                            + " training.")
    private @Nullable Integer fisher;

    @Option(
            names = "--profile",
            paramLabel = "FILE",
            description =
                    "Write what libtorch did as a trace for chrome://tracing; slows everything"
                            + " down.")
    private @Nullable String profile;

    @Option(names = "--json", description = "Print one line of JSON.")
    private boolean json;

    BenchCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (generate != null && fisher != null) {
            throw new UsageException("--generate and --fisher measure two things; give one");
        }
        if (profile == null) {
            return measure();
        }
        Path trace = Inputs.path("--profile", profile);
        TensorEngine.startProfile(device.device());
        try {
            return measure();
        } finally {
            TensorEngine.stopProfile(trace);
        }
    }

    private int measure() throws IOException {
        try {
            Device on = device.device();
            Precision with = DeviceOption.precision(precision, on);
            BenchmarkModel measured = model(on, with);
            if (generate != null) {
                console.result(
                        generation(
                                new GenerationBenchmark(
                                        measured, batchSize, maxLength, generate, steps),
                                with));
                return ExitCode.OK;
            }
            if (!methods.isEmpty()) {
                if (loraRank != 0 || gradientCheckpointing) {
                    throw new UsageException(
                            "--methods does not go with --lora-rank and --gradient-checkpointing");
                }
                console.result(
                        methods(
                                new MethodBenchmark(
                                        measured, batchSize, maxLength, steps, rounds, methods),
                                with));
                return ExitCode.OK;
            }
            if (fisher != null) {
                console.result(
                        fisher(new FisherBenchmark(measured, maxLength, fisher).run(), with));
                return ExitCode.OK;
            }
            TrainingBenchmark benchmark =
                    new TrainingBenchmark(
                            measured, batchSize, maxLength, steps, gradientCheckpointing, loraRank);
            TrainingBenchmark.Result result = benchmark.run();
            console.result(json ? line(benchmark, result) : table(benchmark, with, result));
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        return ExitCode.OK;
    }

    private BenchmarkModel model(Device on, Precision with) throws IOException {
        if (model == null) {
            return BenchmarkModel.random(
                    config == null
                            ? BenchmarkModel.shape(shape)
                            : ModelConfig.read(Inputs.path("--config", config)),
                    on,
                    with);
        }
        if (config != null) {
            throw new UsageException("--model and --config name two models; give one of them");
        }
        if (model.equals(Pretrained.EMBEDDED)) {
            return () -> Pretrained.load(Pretrained.EMBEDDED, on, with);
        }
        Path folder = ModelOptions.locate(console, model);
        return () -> Pretrained.load(folder, on, with);
    }

    private String generation(GenerationBenchmark benchmark, Precision with) throws IOException {
        GenerationBenchmark.Result result = benchmark.run();
        if (json) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("program", "retain4j libtorch " + TensorEngine.libtorchVersion());
            values.put("tokens_per_second", rounded(result.tokensPerSecond()));
            values.put("peak_megabytes", Math.round(result.peakMegabytes()));
            values.put("device_megabytes", Math.round(result.deviceMegabytes()));
            return JSON.writeValueAsString(values) + "\n";
        }
        return String.format(
                Locale.ROOT,
                """
                trained parameters    %,d
                rows                  %d, %d new tokens after %d
                precision             %s
                tokens a second       %.1f (median of %d)
                peak memory           %.0f MB
                """,
                result.parameters(),
                benchmark.batch(),
                benchmark.newTokens(),
                benchmark.promptTokens(),
                with,
                result.tokensPerSecond(),
                benchmark.repeats() - 1,
                result.peakMegabytes());
    }

    private String methods(MethodBenchmark benchmark, Precision with) throws IOException {
        List<MethodBenchmark.Line> lines = benchmark.run();
        if (json) {
            return JSON.writeValueAsString(
                            Map.of(
                                    "program",
                                    "retain4j libtorch " + TensorEngine.libtorchVersion(),
                                    "methods",
                                    lines))
                    + "\n";
        }
        StringBuilder text =
                new StringBuilder(
                        String.format(
                                Locale.ROOT,
                                "%d x %d tokens, %s; medians, the first of %d steps left out of each"
                                        + " of %d rounds%n",
                                benchmark.batch(),
                                benchmark.tokens(),
                                with,
                                benchmark.steps(),
                                benchmark.rounds()));
        text.append(
                String.format(
                        Locale.ROOT,
                        "%-14s %10s %10s %8s  %s%n",
                        "method",
                        "CPU s",
                        "wall s",
                        "ratio",
                        "of CPU s to"));
        for (MethodBenchmark.Line line : lines) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%-14s %10.3f %10.3f %8s  %s%n",
                            line.method(),
                            line.cpuSeconds(),
                            line.wallSeconds(),
                            line.ratio() == null
                                    ? ""
                                    : String.format(Locale.ROOT, "%.3f", line.ratio()),
                            line.ratio() == null ? "" : line.reference()));
        }
        return text.toString();
    }

    private String fisher(FisherBenchmark.Result result, Precision with)
            throws JsonProcessingException {
        if (json) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("program", "retain4j libtorch " + TensorEngine.libtorchVersion());
            values.put("wall_seconds", rounded(result.wallSeconds()));
            values.put("peak_megabytes", Math.round(result.peakMegabytes()));
            values.put("device_megabytes", Math.round(result.deviceMegabytes()));
            return JSON.writeValueAsString(values) + "\n";
        }
        return String.format(
                Locale.ROOT,
                """
                parameters            %,d
                sequences x tokens    %d x %d
                precision             %s
                seconds               %.3f
                peak memory           %.0f MB
                """,
                result.parameters(),
                fisher,
                maxLength,
                with,
                result.wallSeconds(),
                result.peakMegabytes());
    }

    private static String line(TrainingBenchmark benchmark, TrainingBenchmark.Result result)
            throws JsonProcessingException {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("program", "retain4j libtorch " + TensorEngine.libtorchVersion());
        values.put("wall_seconds", rounded(result.wallSeconds()));
        values.put("cpu_seconds", rounded(result.cpuSeconds()));
        values.put("tokens_per_second", rounded(tokensPerSecond(benchmark, result)));
        values.put("peak_megabytes", Math.round(result.peakMegabytes()));
        values.put("device_megabytes", Math.round(result.deviceMegabytes()));
        values.put("loss", rounded(result.loss()));
        Map<String, Double> shares = new LinkedHashMap<>();
        PARTS.forEach((phase, name) -> shares.put(name.replace(' ', '_'), share(result, phase)));
        values.put("shares", shares);
        return JSON.writeValueAsString(values) + "\n";
    }

    private static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }

    private static String table(
            TrainingBenchmark benchmark, Precision with, TrainingBenchmark.Result result) {
        return String.format(
                        Locale.ROOT,
                        """
                trained parameters    %,d
                rows x tokens         %d x %d
                precision             %s
                seconds a step        %.3f wall, %.3f CPU (medians of %d)
                tokens a second       %.0f
                peak memory           %.0f MB
                """,
                        result.parameters(),
                        benchmark.batch(),
                        benchmark.tokens(),
                        with,
                        result.wallSeconds(),
                        result.cpuSeconds(),
                        benchmark.steps() - 1,
                        tokensPerSecond(benchmark, result),
                        result.peakMegabytes())
                + shares(result);
    }

    private static double tokensPerSecond(
            TrainingBenchmark benchmark, TrainingBenchmark.Result result) {
        return benchmark.batch() * benchmark.tokens() / result.wallSeconds();
    }

    private static String shares(TrainingBenchmark.Result result) {
        StringBuilder lines = new StringBuilder("share of the time\n");
        PARTS.forEach(
                (phase, name) ->
                        lines.append(
                                String.format(
                                        Locale.ROOT,
                                        "  %-19s %5.1f %%%n",
                                        name,
                                        100 * share(result, phase))));
        return lines.toString();
    }

    private static double share(TrainingBenchmark.Result result, PhaseTimes.Phase phase) {
        return rounded(result.shares().getOrDefault(phase, 0.0));
    }
}
