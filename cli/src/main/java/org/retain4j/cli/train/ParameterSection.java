package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which parameters are trained; names are patterns such as {@code model.layers.3} or {@code *}. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class ParameterSection {

    @JsonPropertyDescription(
            "Names of the parameters to train: model.layers.3, *.mlp.*, regex:…. Default: all.")
    List<String> trainable = List.of();

    @JsonPropertyDescription("Names of the parameters to freeze.")
    List<String> frozen = List.of();

    @JsonPropertyDescription("Parameters with a learning rate or decay of their own; first wins.")
    List<Group> groups = List.of();

    /** Some parameters and what is special about them. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class Group {

        @JsonProperty(required = true)
        @JsonPropertyDescription("Name or pattern.")
        String pattern = "";

        @JsonPropertyDescription("Learning rate of the group.")
        @Nullable Double learningRate;

        @JsonPropertyDescription("What the learning rate of the run is multiplied by.")
        @Nullable Double learningRateFactor;

        @JsonPropertyDescription("Weight decay of the group.")
        @Nullable Double weightDecay;
    }
}
