package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A prompt for samples; a text alone is what suits the model. */
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class SamplePrompt {

    @JsonPropertyDescription("A user's message, put into the chat template.")
    @Nullable String user;

    @JsonPropertyDescription("A text that the model goes on from.")
    @Nullable String text;

    @JsonIgnore @Nullable String either;

    SamplePrompt() {}

    /** Reads the short form. */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    static SamplePrompt of(String text) {
        SamplePrompt prompt = new SamplePrompt();
        prompt.either = text;
        return prompt;
    }

    /** Returns the form that it was read from. */
    @JsonValue
    Object written() {
        return either != null
                ? either
                : user != null ? Map.of("user", user) : Map.of("text", String.valueOf(text));
    }
}
