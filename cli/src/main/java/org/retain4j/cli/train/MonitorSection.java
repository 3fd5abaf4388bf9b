package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Tasks that are measured before, during and after a run, and what a low score leads to. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class MonitorSection {

    @JsonPropertyDescription("Names of tasks of evaluate, or YAML files of own ones.")
    List<String> tasks = List.of();

    @JsonPropertyDescription("Data of the tasks, as --data of evaluate: NAME=PATH, or a folder.")
    List<String> data = List.of();

    @JsonPropertyDescription("Items of each task, drawn once by the seed of the run; 0 for all.")
    int limit = 50;

    @JsonPropertyDescription("Whether prompts are put into the model's chat template.")
    boolean applyChatTemplate;

    @JsonPropertyDescription(
            "Worst score of a task that is still well, by its name; a largest value for"
                    + " bits_per_byte and perplexity.")
    Map<String, Double> floor = new LinkedHashMap<>();

    @JsonPropertyDescription("What happens when a score is worse than its floor.")
    OnFloor onFloor = OnFloor.STOP;

    @JsonPropertyDescription(
            "What raise_penalty multiplies the strength of l2_sp and ewc by, each time.")
    double factor = 2;

    /** What a low score leads to. */
    enum OnFloor {
        STOP,
        RAISE_PENALTY
    }
}
