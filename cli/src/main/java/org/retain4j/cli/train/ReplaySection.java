package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.StoredScores;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.dark.TopScores;
import org.retain4j.replay.generation.ExampleFilter;
import org.retain4j.replay.generation.ExampleFilters;
import org.retain4j.replay.generation.Lamol;
import org.retain4j.replay.generation.Magpie;
import org.retain4j.replay.generation.SelfSynthesizedRehearsal;

/** Old data mixed into the new: files, or texts that the base model writes itself. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class ReplaySection {

    private static final double SCRIPT = 0.9;

    @JsonPropertyDescription("Old data, as train.")
    List<DataSpec> data = List.of();

    @JsonPropertyDescription("Share of old rows, in [0, 1).")
    double ratio = ExperienceReplay.DEFAULT_RATIO;

    @JsonPropertyDescription("How the share goes over the run; ratio is its largest value.")
    ReplayCourse course = ReplayCourse.CONSTANT;

    @JsonPropertyDescription("Adds old rows on top of each step, instead of ratio.")
    @Nullable AddedSection added;

    @JsonPropertyDescription(
            "Adds old rows that only have to keep the base model's scores, instead of ratio.")
    @Nullable DarkSection dark;

    @JsonPropertyDescription("Lets the base model write the old data, instead of data.")
    @Nullable SelfGeneratedSection selfGenerated;

    @JsonPropertyDescription(
            "Lets an instruction model write the instructions that it was tuned on, and answer them,"
                    + " instead of data (Magpie).")
    @Nullable MagpieSection magpie;

    @JsonPropertyDescription(
            "Lets the model write more of the kind of a few old examples, instead of data"
                    + " (self-synthesized rehearsal).")
    @Nullable SsrSection ssr;

    @JsonPropertyDescription(
            "Trains rows that LAMOL has prepared as answers and as texts; set by lamol of a sequence"
                    + " of tasks.")
    @Nullable LamolSection lamol;

    @JsonPropertyDescription(
            "Folder for what models write, so that it is not written again. Default: generated in"
                    + " output_dir.")
    @Nullable String generationCache;

    /** Returns how many of the ways to old rows are named. */
    int sources() {
        return (data.isEmpty() ? 0 : 1)
                + (selfGenerated == null ? 0 : 1)
                + (magpie == null ? 0 : 1)
                + (ssr == null ? 0 : 1)
                + (lamol == null ? 0 : 1);
    }

    /** How the share of old rows goes over the run. */
    enum ReplayCourse {
        CONSTANT,
        DECAYING,
        RISING,
        END_LOADED
    }

    /** Settings of {@link org.retain4j.replay.LossWeightReplay}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class AddedSection {
        @JsonPropertyDescription("Old rows a step.")
        int rows = 1;

        @JsonPropertyDescription("Weight of their mean loss beside that of the new rows.")
        double weight = 1;
    }

    /** Settings of {@link org.retain4j.replay.dark.DarkReplay}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class DarkSection {
        @JsonPropertyDescription("Old rows a step.")
        int rows = 1;

        @JsonPropertyDescription("Different old rows whose scores are taken down before the run.")
        int examples = 256;

        @JsonPropertyDescription("Strength of the loss towards the scores, 0 or more.")
        double alpha = 0.3;

        @JsonPropertyDescription("Most likely tokens that are kept of each position.")
        int k = TopScores.DEFAULT_K;

        @JsonPropertyDescription("How the difference is measured.")
        StoredScores.Loss loss = StoredScores.Loss.KL;
    }

    /** Settings of {@link org.retain4j.replay.SelfGenerated}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class SelfGeneratedSection {
        @JsonPropertyDescription("Number of texts.")
        int samples = 64;

        @JsonPropertyDescription("Tokens of a text.")
        int length = 128;
    }

    /** Settings of {@link Magpie}, and bounds of the filters after it. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class MagpieSection {
        @JsonPropertyDescription("Instructions to write, before the filters.")
        int samples = 64;

        @JsonPropertyDescription("Temperature of instructions.")
        double temperature = 1;

        @JsonPropertyDescription("Share of the probability that instructions are drawn from.")
        double topP = 1;

        @JsonPropertyDescription("Temperature of the first token of an instruction.")
        double firstTemperature = 1;

        @JsonPropertyDescription("Most tokens of an instruction; longer ones are dropped.")
        int promptTokens = 128;

        @JsonPropertyDescription("Most tokens of an answer; longer ones are dropped.")
        int answerTokens = 256;

        @JsonPropertyDescription("System message that steers the topics. Default: the template's.")
        @Nullable String system;

        @JsonPropertyDescription("Whether an instruction ends with its first line.")
        boolean firstLine = true;

        @JsonPropertyDescription("Texts that are written at once.")
        int batchSize = 32;

        @JsonPropertyDescription("Least perplexity of an instruction under the base model.")
        double minPerplexity = 2;

        @JsonPropertyDescription("Largest perplexity of an instruction under the base model.")
        double maxPerplexity = 300;

        @JsonPropertyDescription(
                "Share of repeated runs of four words in a text, from which on it is dropped.")
        double repetition = 0.2;

        @JsonPropertyDescription(
                "Likeness to an earlier instruction (Jaccard), from which on one is dropped.")
        double duplicate = 0.7;

        @JsonPropertyDescription("Script that most letters are of, such as latin. Default: any.")
        @Nullable String script;

        Magpie generator(long seed) {
            return new Magpie(
                    samples,
                    new Sampling(temperature, 0, topP),
                    firstTemperature,
                    promptTokens,
                    answerTokens,
                    system,
                    firstLine,
                    batchSize,
                    seed);
        }

        Character.@Nullable UnicodeScript script() {
            try {
                return script == null ? null : Character.UnicodeScript.forName(script);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "magpie.script: " + script + " is no script of Unicode, such as latin", e);
            }
        }

        List<ExampleFilter> filters(CausalLm model) {
            List<ExampleFilter> filters = new ArrayList<>();
            filters.add(ExampleFilters.length(8));
            filters.add(ExampleFilters.complete());
            filters.add(ExampleFilters.refusal());
            Character.UnicodeScript wanted = script();
            if (wanted != null) {
                filters.add(ExampleFilters.script(wanted, SCRIPT));
            }
            filters.add(ExampleFilters.repetition(repetition));
            filters.add(ExampleFilters.perplexity(model, minPerplexity, maxPerplexity));
            filters.add(ExampleFilters.nearDuplicates(duplicate));
            return filters;
        }
    }

    /** Settings of {@link SelfSynthesizedRehearsal}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class SsrSection {
        @JsonPropertyDescription("A few old examples to start from, as train.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Texts to write for each task, before anything is dropped.")
        int samples = 400;

        @JsonPropertyDescription("Examples shown before each.")
        int shots = 2;

        @JsonPropertyDescription("Temperature of the texts.")
        double temperature = 1;

        @JsonPropertyDescription("Repetition penalty of the texts.")
        double repetitionPenalty = 1.2;

        @JsonPropertyDescription("Clusters of each task.")
        int clusters = 20;

        @JsonPropertyDescription("Most examples that are taken of each task.")
        int quota = 200;

        @JsonPropertyDescription("Most tokens of definition and input together.")
        int definitionTokens = 500;

        @JsonPropertyDescription("Most tokens of an input.")
        int inputTokens = 800;

        @JsonPropertyDescription("Most tokens of an answer.")
        int outputTokens = 128;

        @JsonPropertyDescription("Texts that are written at once.")
        int batchSize = 32;

        @JsonPropertyDescription(
                "Folder of the model that writes, best one that was not tuned. Default: model, which"
                        + " answers in any case.")
        @Nullable String writer;

        SelfSynthesizedRehearsal generator(long seed) {
            return new SelfSynthesizedRehearsal(
                    samples,
                    shots,
                    Sampling.temperature(temperature).withRepetitionPenalty(repetitionPenalty),
                    clusters,
                    quota,
                    definitionTokens,
                    inputTokens,
                    outputTokens,
                    batchSize,
                    seed);
        }
    }

    /** Settings of {@link org.retain4j.replay.generation.LamolLosses}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class LamolSection {
        @JsonPropertyDescription("Weight of the loss of examples as texts, 0 or more.")
        double lambda = Lamol.DEFAULT_LAMBDA;

        @JsonPropertyDescription("Tasks with start tokens of their own. Default: one for all.")
        List<String> tasks = List.of();
    }
}
