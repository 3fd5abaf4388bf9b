package org.retain4j.cli;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import picocli.CommandLine.Option;

/** The options of every command that generates text. */
final class SamplingOptions {

    private static final int DEFAULT_NEW_TOKENS = 256;

    @Option(
            names = {"-n", "--max-new-tokens"},
            paramLabel = "N",
            description =
                    "Largest number of new tokens. Default: "
                            + DEFAULT_NEW_TOKENS
                            + ", or what fits into the model.")
    private @Nullable Integer maxNewTokens;

    @Option(
            names = "--temperature",
            paramLabel = "X",
            defaultValue = "0",
            description =
                    "Divisor of the scores; 0 takes the best token always. Default:"
                            + " ${DEFAULT-VALUE}")
    private double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "N",
            defaultValue = "0",
            description = "Choose among so many best tokens; 0 for all. Default: ${DEFAULT-VALUE}")
    private int topK;

    @Option(
            names = "--top-p",
            paramLabel = "X",
            defaultValue = "1",
            description =
                    "Choose among the best tokens that reach this probability together. Default:"
                            + " ${DEFAULT-VALUE}")
    private double topP;

    @Option(
            names = "--min-p",
            paramLabel = "X",
            defaultValue = "0",
            description =
                    "Leave out tokens below this share of the best one's probability. Default:"
                            + " ${DEFAULT-VALUE}")
    private double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "X",
            defaultValue = "1",
            description = "Weakens tokens that were there before; 1 for none. Default: 1")
    private double repetitionPenalty;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the draws. Default: ${DEFAULT-VALUE}")
    private long seed;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "Text that ends an answer; may be given several times.")
    private List<String> stop = List.of();

    /** Checks the options, before a model is loaded. */
    Sampling sampling() {
        try {
            if (maxNewTokens != null) {
                GenerationConfig.of(maxNewTokens);
            }
            GenerationConfig.of(0).withStopStrings(stop);
            return new Sampling(temperature, topK, topP, minP, repetitionPenalty);
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    /**
     * Returns the setting for prompts of at most this many tokens.
     *
     * @param ignoreEos whether the model's end-of-text tokens are tokens like all others
     */
    GenerationConfig config(CausalLm model, int promptTokens, boolean ignoreEos) {
        int room = Math.max(0, model.spec().maxPositions() - promptTokens);
        int count = maxNewTokens == null ? Math.min(DEFAULT_NEW_TOKENS, room) : maxNewTokens;
        return GenerationConfig.of(count)
                .withSampling(sampling())
                .withSeed(seed)
                .withStopStrings(stop)
                .withStopIds(ignoreEos ? Set.of() : Set.copyOf(model.tokenizer().eosIds()));
    }
}
