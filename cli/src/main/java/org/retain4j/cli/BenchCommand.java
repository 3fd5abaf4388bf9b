package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.bench.GenerationBenchmark;
import org.retain4j.cli.bench.TrainingBenchmark;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Measures time and memory of full training steps. */
@Command(
        name = "bench",
        description = {
            "Times full training steps (forward, backward, clipping, AdamW) of a model with random"
                    + " weights on random tokens, or with --generate greedy decoding, and shows"
                    + " the peak memory of the process.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "The first step is left out of the medians. Set RETAIN4J_JAVA_OPTS=-Dretain4j.device=NAME"
                    + " for another device.",
            "",
            "Examples:",
            "  retain4j bench",
            "  retain4j bench --batch-size 1 --max-length 1024 --gradient-checkpointing",
            "  retain4j bench --generate 64 --max-length 32 --batch-size 1",
            "  retain4j bench --config SmolLM2-135M/config.json --json"
        })
final class BenchCommand implements Callable<Integer> {

    private static final JsonMapper JSON = new JsonMapper();

    private final Console console;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The config.json of a model. Default: the shape of SmolLM2-135M.")
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
            defaultValue = "f32",
            description =
                    "Type of matrix products: f32, bf16, or auto for what this machine does best."
                            + " Default: ${DEFAULT-VALUE}")
    private String precision = "f32";

    @Option(
            names = "--gradient-checkpointing",
            description = "Compute activations twice instead of keeping them.")
    private boolean gradientCheckpointing;

    @Option(
            names = "--generate",
            paramLabel = "N",
            description =
                    "Time greedy decoding of N new tokens after prompts of --max-length tokens"
                            + " instead of training.")
    private @Nullable Integer generate;

    @Option(names = "--json", description = "Print one line of JSON.")
    private boolean json;

    BenchCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        ModelConfig shape =
                config == null
                        ? TrainingBenchmark.smolLm2()
                        : ModelConfig.read(Inputs.path("--config", config));
        try {
            Precision with = Precision.parse(precision, TensorEngine.defaultDevice());
            if (generate != null) {
                console.result(
                        generation(
                                new GenerationBenchmark(
                                        shape, batchSize, maxLength, generate, steps, with)));
                return ExitCode.OK;
            }
            TrainingBenchmark benchmark =
                    new TrainingBenchmark(
                            shape, batchSize, maxLength, steps, gradientCheckpointing, with);
            TrainingBenchmark.Result result = benchmark.run();
            console.result(json ? line(result) : table(benchmark, result));
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
        return ExitCode.OK;
    }

    private String generation(GenerationBenchmark benchmark) throws IOException {
        GenerationBenchmark.Result result = benchmark.run();
        if (json) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("program", "retain4j libtorch " + TensorEngine.libtorchVersion());
            values.put("tokens_per_second", rounded(result.tokensPerSecond()));
            values.put("peak_megabytes", Math.round(result.peakMegabytes()));
            return JSON.writeValueAsString(values) + "\n";
        }
        return String.format(
                Locale.ROOT,
                """
                parameters            %,d
                rows                  %d, %d new tokens after %d
                precision             %s
                tokens a second       %.1f (median of %d)
                peak memory           %.0f MB
                """,
                result.parameters(),
                benchmark.batch(),
                benchmark.newTokens(),
                benchmark.promptTokens(),
                benchmark.precision(),
                result.tokensPerSecond(),
                benchmark.repeats() - 1,
                result.peakMegabytes());
    }

    private static String line(TrainingBenchmark.Result result) throws JsonProcessingException {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("program", "retain4j libtorch " + TensorEngine.libtorchVersion());
        values.put("wall_seconds", rounded(result.wallSeconds()));
        values.put("cpu_seconds", rounded(result.cpuSeconds()));
        values.put("peak_megabytes", Math.round(result.peakMegabytes()));
        values.put("loss", rounded(result.loss()));
        return JSON.writeValueAsString(values) + "\n";
    }

    private static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }

    private static String table(TrainingBenchmark benchmark, TrainingBenchmark.Result result) {
        return String.format(
                Locale.ROOT,
                """
                parameters            %,d
                rows x tokens         %d x %d
                precision             %s
                seconds a step        %.3f wall, %.3f CPU (medians of %d)
                tokens a second       %.0f
                peak memory           %.0f MB
                """,
                result.parameters(),
                benchmark.batch(),
                benchmark.tokens(),
                benchmark.precision(),
                result.wallSeconds(),
                result.cpuSeconds(),
                benchmark.steps() - 1,
                benchmark.batch() * benchmark.tokens() / result.wallSeconds(),
                result.peakMegabytes());
    }
}
