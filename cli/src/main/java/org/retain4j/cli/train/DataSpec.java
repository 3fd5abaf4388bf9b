package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.data.ExampleFormat;
import org.retain4j.finetune.data.TextUnit;

/** Some data files and how they are read; a path alone stands for its file with the defaults. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class DataSpec {

    @JsonProperty(required = true)
    @JsonPropertyDescription("Files, folders and globs: JSON lines, JSON arrays, texts, each .gz.")
    List<String> data = List.of();

    @JsonPropertyDescription("Format of the rows. Default: told by their keys.")
    @Nullable ExampleFormat format;

    @JsonPropertyDescription("The key in the data by the key that is meant, as prompt: question.")
    Map<String, String> columns = new LinkedHashMap<>();

    @JsonPropertyDescription("What of a plain text is one example.")
    TextUnit textUnit = TextUnit.DOCUMENT;

    @JsonPropertyDescription("Share in a mixture. Default: its number of rows.")
    @Nullable Double weight;

    DataSpec() {}

    /** Reads the short form. */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    static DataSpec of(String path) {
        DataSpec spec = new DataSpec();
        spec.data = List.of(path);
        return spec;
    }
}
