package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.Penalty;
import org.retain4j.lora.OLora;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.SynapticIntelligence;
import org.retain4j.regularization.WiseFt;
import org.retain4j.regularization.optimizer.Sam;
import org.retain4j.regularization.projection.Gem;
import org.retain4j.regularization.projection.Gpm;
import org.retain4j.regularization.projection.Ogd;

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

    @JsonPropertyDescription(
            "Share of the changes of every tensor that stay after training, the largest ones, in (0,"
                    + " 1]; all else goes back to the base.")
    @Nullable Double graft;

    @JsonPropertyDescription(
            "Takes out of gradients what would raise the loss on old data (A-GEM).")
    @Nullable AGemSection agem;

    @JsonPropertyDescription("Keeps what layers do to the inputs of old data (GPM).")
    @Nullable GpmSection gpm;

    @JsonPropertyDescription(
            "Takes out of gradients what would raise the loss on any of several old tasks (GEM).")
    @Nullable GemSection gem;

    @JsonPropertyDescription(
            "Leaves the directions in which the scores of old labels change (OGD); best with lora.")
    @Nullable OgdSection ogd;

    @JsonPropertyDescription(
            "A penalty over several runs, one a task: each leaves continual.safetensors for the"
                    + " next.")
    @Nullable ContinualSection continual;

    @JsonPropertyDescription("Steps with the gradient at the worst point near by (SAM, ASAM).")
    @Nullable SamSection sam;

    @JsonPropertyDescription("Share of the entries of every matrix that move in a step (MoFO).")
    @Nullable Double mofo;

    @JsonPropertyDescription(
            "Steps of a round of half fine-tuning, in which half of the tensors of every block stay.")
    @Nullable Long halfFineTuning;

    @JsonPropertyDescription("Lets only a few blocks move at a time (LISA).")
    @Nullable LisaSection lisa;

    @JsonPropertyDescription(
            "Trains only the small singular directions of every linear layer (OSF).")
    @Nullable OsfSection osf;

    @JsonPropertyDescription(
            "Keeps the adapter away from input directions of earlier ones (O-LoRA); needs lora.")
    @Nullable OLoraSection oLora;

    /** Settings of {@link org.retain4j.lora.Osf}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class OsfSection {
        @JsonPropertyDescription("Share of the singular directions that is frozen, in (0, 1).")
        double effectiveRank = 0.5;
    }

    /** Settings of {@link OLora}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class OLoraSection {
        @JsonPropertyDescription("Strength of the overlap with earlier adapters, 0 or more.")
        double lambda1 = OLora.LAMBDA1;

        @JsonPropertyDescription("Strength of the adapter's own size, 0 or more.")
        double lambda2;

        @JsonPropertyDescription("PEFT folders of earlier tasks, merged into the model already.")
        List<String> adapters = List.of();
    }

    /** Settings of {@link L2Sp}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class L2SpSection {
        @JsonPropertyDescription("Strength, 0 or more.")
        double lambda = L2Sp.DEFAULT_LAMBDA;

        @JsonPropertyDescription("Patterns of parameters that are not held.")
        List<String> exclude = List.of();

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

        @JsonPropertyDescription("What the importance is: Fisher information, or that of MAS.")
        ImportanceKind importance = ImportanceKind.FISHER;

        @JsonPropertyDescription(
                "File with importances of an earlier estimate, instead of data; used as it is.")
        @Nullable String importanceFile;

        @JsonPropertyDescription("Patterns of parameters that are not held.")
        List<String> exclude = List.of();

        @JsonPropertyDescription("Sequences that the importance is estimated from.")
        int sequences = Fisher.defaults().sequences();

        @JsonPropertyDescription("Which tokens the gradients are of.")
        Fisher.Labels labels = Fisher.Labels.SAMPLED;
    }

    /** Settings of {@link org.retain4j.regularization.projection.AGem}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class AGemSection {
        @JsonPropertyDescription("Old data, as train; never retain.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Rows of old data a step.")
        int rows = 4;

        @JsonPropertyDescription("Whether the optimizer's step is projected too.")
        boolean projectUpdate = true;
    }

    /** Settings of {@link org.retain4j.regularization.projection.Gpm}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class GpmSection {
        @JsonPropertyDescription("Old data, as train; never retain.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Rows of old data whose inputs are taken.")
        int rows = 64;

        @JsonPropertyDescription("Share of the inputs' energy that is protected, in (0, 1].")
        double share = Gpm.DEFAULT_SHARE;
    }

    /** Settings of {@link Gem}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class GemSection {
        @JsonPropertyDescription("Old data, an entry a task, as train; never retain.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Rows of each old task a step.")
        int rows = 4;

        @JsonPropertyDescription("Least weight of each old task once one is violated, 0 or more.")
        double margin = Gem.DEFAULT_MARGIN;
    }

    /** Settings of {@link Ogd}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class OgdSection {
        @JsonPropertyDescription("Old data, as train; never retain.")
        List<DataSpec> data = List.of();

        @JsonPropertyDescription("Rows of old data, each a direction.")
        int rows = 64;

        @JsonPropertyDescription("Most directions; each is a copy of what is trained.")
        int directions = Ogd.DEFAULT_DIRECTIONS;
    }

    /** Penalties that go on from run to run. */
    enum ContinualMethod {
        ONLINE_EWC,
        SEPARATE_EWC,
        SI,
        RWALK
    }

    /** Settings of a penalty that goes on from run to run. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class ContinualSection {
        @JsonPropertyDescription("What the importance of a weight is, and how tasks add up.")
        ContinualMethod method = ContinualMethod.ONLINE_EWC;

        @JsonPropertyDescription("Strength, 0 or more.")
        double lambda = Ewc.DEFAULT_LAMBDA;

        @JsonPropertyDescription("How the penalty enters the step.")
        Penalty.Mode mode = Penalty.Mode.GRADIENT;

        @JsonPropertyDescription("Share of the old importance that is kept, for online_ewc.")
        double gamma = 1;

        @JsonPropertyDescription("Bounds the importance of weights that hardly moved, for si.")
        double xi = SynapticIntelligence.DEFAULT_XI;

        @JsonPropertyDescription("Rows that the importance is estimated from, for the two of EWC.")
        int sequences = 64;

        @JsonPropertyDescription("continual.safetensors of the run of the task before.")
        @Nullable String from;
    }

    /** Settings of {@link org.retain4j.regularization.optimizer.Sam}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class SamSection {
        @JsonPropertyDescription("Radius, positive.")
        double rho = Sam.DEFAULT_RHO;

        @JsonPropertyDescription("Whether the radius is in units of each weight (ASAM).")
        boolean adaptive;
    }

    /** Settings of {@link org.retain4j.regularization.optimizer.Lisa}. */
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonAutoDetect(fieldVisibility = Visibility.ANY)
    static final class LisaSection {
        @JsonPropertyDescription("Blocks that move at a time.")
        int layers = 2;

        @JsonPropertyDescription("Steps from one draw of the blocks to the next.")
        long roundSteps = 20;
    }

    /** What the importance of a weight is. */
    enum ImportanceKind {
        FISHER,
        MAS
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
