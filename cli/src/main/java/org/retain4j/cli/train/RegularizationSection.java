package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.Penalty;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.WiseFt;

/** Methods that keep the model near its base; those that are named are on, several may be. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class RegularizationSection {

    @JsonPropertyDescription("L2 distance to the weights before training.")
    @Nullable L2SpSection l2Sp;

    @JsonPropertyDescription("Elastic weight consolidation; needs old data.")
    @Nullable EwcSection ewc;

    @JsonPropertyDescription("Distillation to the base model on the training tokens.")
    @Nullable KlSection klToBase;

    @JsonPropertyDescription("Averages the final weights with those before training.")
    @Nullable WiseFtSection wiseFt;

    /** Settings of {@link L2Sp}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class L2SpSection {
        @JsonPropertyDescription("Strength, 0 or more.")
        double lambda = L2Sp.DEFAULT_LAMBDA;

        @JsonPropertyDescription("How the penalty enters the step.")
        Penalty.Mode mode = Penalty.Mode.GRADIENT;
    }

    /** Settings of {@link Ewc}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class EwcSection {
        @JsonPropertyDescription("Strength, 0 or more.")
        double lambda = Ewc.DEFAULT_LAMBDA;

        @JsonPropertyDescription("How the penalty enters the step.")
        Penalty.Mode mode = Penalty.Mode.GRADIENT;

        @JsonPropertyDescription("Old data that the importance is of, as train; never retain.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Sequences that the importance is estimated from.")
        int sequences = Fisher.defaults().sequences();

        @JsonPropertyDescription("Which tokens the gradients are of.")
        Fisher.Labels labels = Fisher.Labels.SAMPLED;
    }

    /** Settings of {@link KlToBase}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class KlSection {
        @JsonPropertyDescription("Strength, 0 or more.")
        double beta = KlToBase.DEFAULT_BETA;

        @JsonPropertyDescription("Which side weighs the difference.")
        KlToBase.Direction direction = KlToBase.Direction.FORWARD;

        @JsonPropertyDescription("Softens both sides, positive.")
        double temperature = 1;
    }

    /** Settings of {@link WiseFt}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class WiseFtSection {
        @JsonPropertyDescription("Share of the tuned model, in [0, 1].")
        double alpha = WiseFt.DEFAULT_ALPHA;
    }
}
