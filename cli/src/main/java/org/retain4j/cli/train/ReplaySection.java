package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.replay.ExperienceReplay;

/** Old data mixed into the new: files, or texts that the base model writes itself. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class ReplaySection {

    @JsonPropertyDescription("Old data, as train.")
    List<DataSpec> data = List.of();

    @JsonPropertyDescription("Share of old rows, in [0, 1).")
    double ratio = ExperienceReplay.DEFAULT_RATIO;

    @JsonPropertyDescription("Lets the base model write the old data, instead of data.")
    @Nullable SelfGeneratedSection selfGenerated;

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
