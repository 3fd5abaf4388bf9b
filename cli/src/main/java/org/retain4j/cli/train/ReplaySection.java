package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.StoredScores;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.dark.TopScores;

/** Old data mixed into the new: files, or texts that the base model writes itself. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class ReplaySection {

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
}
