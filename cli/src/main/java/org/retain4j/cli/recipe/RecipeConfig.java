package org.retain4j.cli.recipe;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a recipe says: the keys are the fields in snake case, the values here the defaults. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class RecipeConfig {

    /** What the report is called. */
    String title = "Comparison";

    /** Folder of the comparison; each run has a folder in it. */
    @JsonProperty(required = true)
    String outputDir = "";

    /** Seeds of the runs of every method. */
    List<Long> seeds = List.of(1L, 2L, 3L);

    /** What all runs have in common, with the keys of a run.yaml. */
    @JsonProperty(required = true)
    @Nullable ObjectNode run;

    /** The methods by name; the first is the one that the others are compared with. */
    @JsonProperty(required = true)
    Map<String, MethodSection> methods = new LinkedHashMap<>();

    /** Tasks that tell what was learned; the first is the axis of the plot. */
    @JsonProperty(required = true)
    List<TaskSection> learned = List.of();

    /** Tasks that tell what was kept; the first is the axis of the plot. */
    @JsonProperty(required = true)
    List<TaskSection> retained = List.of();

    /** Data of the tasks, as {@code --data} of {@code evaluate}. */
    List<String> data = List.of();

    /** How one of the values that a method tries is chosen. */
    ChooseSection choose = new ChooseSection();

    /** A method: what is different in its runs. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class MethodSection {
        /** Name in tables. */
        @Nullable String title;

        /** Keys of run.yaml that are different; null removes one. */
        @Nullable ObjectNode set;

        /** Sets of keys, of which the trials choose one. */
        @JsonProperty("try")
        List<Map<String, JsonNode>> trials = List.of();

        /** Keys and the values they take: a method for every combination, a line in curves.svg. */
        Map<String, List<JsonNode>> sweep = new LinkedHashMap<>();

        /** Name of a method whose trained models are averaged with the base. */
        @Nullable String averageOf;

        /** Share of the tuned model in that average. */
        double alpha = 0.5;
    }

    /** A task and how it is asked. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class TaskSection {
        /** Name of a task, or a YAML file. */
        @JsonProperty(required = true)
        String task = "";

        /** Metric with filter, as {@code acc,none}. Default: the first that items have. */
        @Nullable String metric;

        /** Only the first items; 0 for all. */
        int limit;

        /** Examples before each question. Default: what the task asks for. */
        @Nullable Integer numFewshot;

        /** Whether prompts are put into the model's chat template. */
        boolean applyChatTemplate;

        TaskSection() {}

        /** Reads the short form. */
        @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
        static TaskSection of(String name) {
            TaskSection section = new TaskSection();
            section.task = name;
            return section;
        }
    }

    /** How values are chosen: short runs, judged by eval and retain of the run. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class ChooseSection {
        /** Steps of a trial. */
        long maxSteps = 50;

        /** Seed of the trials. */
        long seed;

        /** Share of the best trial's gain on eval that a value may cost. */
        double tolerance = 0.1;
    }
}
