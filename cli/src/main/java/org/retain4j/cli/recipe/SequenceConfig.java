package org.retain4j.cli.recipe;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.recipe.RecipeConfig.TaskSection;
import org.retain4j.lora.OLora;
import org.retain4j.regularization.Ewc;
import org.retain4j.replay.generation.Lamol;

/** What a sequence says: the keys are the fields in snake case, the values here the defaults. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class SequenceConfig {

    /** What the sequence is called. */
    String title = "Sequence of tasks";

    /** Folder of the sequence; each task has a folder in it. */
    @JsonProperty(required = true)
    String outputDir = "";

    /** What all tasks have in common, with the keys of a run.yaml. */
    @JsonProperty(required = true)
    @Nullable ObjectNode run;

    /** The tasks by name, in the order in which they are learned. */
    @JsonProperty(required = true)
    Map<String, StageSection> tasks = new LinkedHashMap<>();

    /** Data of the tests, as {@code --data} of {@code evaluate}. */
    List<String> data = List.of();

    /** Running importance of all earlier tasks. */
    @Nullable OnlineEwcSection onlineEwc;

    /** Share of rows of earlier tasks' data in each later task; 0 for none. */
    double replayRatio;

    /** Keys of replay for each later task, in place of replay_ratio; its data is filled in. */
    @Nullable ObjectNode replay;

    /** Keys of regularization for each later task; data of earlier tasks is filled in. */
    @Nullable ObjectNode regularization;

    /** Which rows of earlier tasks are kept. Default: all. */
    @Nullable BufferSection buffer;

    /** Lets the model write examples of earlier tasks. */
    @Nullable LamolSection lamol;

    /** Whether one model learns all tasks at once too, for intransigence. */
    boolean joint;

    /** Adapters of tasks keep away from those of earlier ones (O-LoRA); needs lora in run. */
    @Nullable OLoraSection oLora;

    /**
     * Whether each task trains the small singular directions alone, fewer from task to task (OSF).
     */
    boolean osf;

    /** Settings of {@link org.retain4j.lora.OLora}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class OLoraSection {
        /** Strength of the overlap with earlier adapters, 0 or more. */
        double lambda1 = OLora.LAMBDA1;

        /** Strength of the adapter's own size, 0 or more. */
        double lambda2;
    }

    /** A task: its data and its test. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class StageSection {
        /** Keys of run.yaml that are different; it needs train. */
        @JsonProperty(required = true)
        @Nullable ObjectNode set;

        /** What measures the task. */
        @JsonProperty(required = true)
        @Nullable TaskSection test;
    }

    /** A bounded memory of rows of earlier tasks. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class BufferSection {
        /** Which rows stay. */
        Policy policy = Policy.TASK_BALANCED;

        /** Most rows, or tokens with token_balanced. */
        int capacity = 256;

        /** Which rows stay in a full buffer. */
        enum Policy {
            RESERVOIR,
            RING,
            TASK_BALANCED,
            TOKEN_BALANCED,
            HERDING
        }
    }

    /** Settings of {@link org.retain4j.replay.generation.Lamol}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class LamolSection {
        /** Examples to write, as a share of the rows of the new task. */
        double gamma = Lamol.DEFAULT_GAMMA;

        /** Weight of the loss of examples as texts, 0 or more. */
        double lambda = Lamol.DEFAULT_LAMBDA;

        /** Whether every task has a start token of its own. */
        boolean taskTokens = true;

        /** Tokens that are drawn from. */
        int topK = 20;

        /** Most tokens of an example; longer ones are dropped. */
        int maxTokens = 256;

        /** Examples that are written at once. */
        int batchSize = 32;
    }

    /** Settings of {@link org.retain4j.regularization.OnlineEwc}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class OnlineEwcSection {
        /** Strength, 0 or more. */
        double lambda = Ewc.DEFAULT_LAMBDA;

        /** Share of the old importance that is kept. */
        double gamma = 1;

        /** Sequences that the importance of a task is estimated from. */
        int sequences = 64;
    }
}
