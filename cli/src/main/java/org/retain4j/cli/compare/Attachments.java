package org.retain4j.cli.compare;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.finetune.EmaWeights;
import org.retain4j.finetune.StoredScores;
import org.retain4j.finetune.Trainer;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import org.retain4j.regularization.ImportanceEstimator;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.Mas;
import org.retain4j.regularization.optimizer.Sam;
import org.retain4j.regularization.projection.AGem;
import org.retain4j.regularization.projection.Gem;
import org.retain4j.regularization.projection.Gpm;
import org.retain4j.regularization.projection.Ogd;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.LossWeightReplay;
import org.retain4j.replay.ReplayCurriculum;
import org.retain4j.replay.SelfGenerated;
import org.retain4j.replay.dark.DarkReplay;
import org.retain4j.replay.dark.TopScores;

/** How the methods of a comparison are plugged into a run. */
final class Attachments {

    private static final int SEQUENCES = 64;
    private static final int GEM_ROWS = 4;
    private static final Pattern BLOCK = Pattern.compile("layers\\.(\\d+)\\.");
    private static final int MAX_SELF_SAMPLES = 256;
    private static final int DARK_ROWS = 64;
    private static final int DARK_ROWS_A_STEP = 2;

    private Attachments() {}

    static Method.Attachment l2Sp(double lambda) {
        return (trainer, run) -> {
            run.keepCopies(1);
            trainer.penalize(run.own(new L2Sp(lambda)));
        };
    }

    static Method.Attachment weighted(double lambda, Fisher.Labels labels) {
        return (trainer, run) ->
                hold(trainer, run, lambda, new Fisher(labels, SEQUENCES, run.seed()));
    }

    static Method.Attachment mas(double lambda) {
        return (trainer, run) -> hold(trainer, run, lambda, new Mas(SEQUENCES));
    }

    private static void hold(
            Trainer trainer, Method.Run run, double lambda, ImportanceEstimator estimator) {
        Importance importance =
                run.own(estimator.estimate(run.model(), run.old()))
                        .normalize(Importance.Normalization.MEAN_1);
        run.addOverhead((long) SEQUENCES * run.length());
        run.keepCopies(2);
        trainer.penalize(run.own(new Ewc(lambda, importance)));
    }

    static Method.Attachment addedReplay(double weight) {
        return (trainer, run) -> {
            old(run, 1);
            trainer.mix(new LossWeightReplay(run.old(), 1, weight));
        };
    }

    /** Two old rows a step, which only have to keep the scores that the base has for them. */
    static Method.Attachment darkReplay(double alpha) {
        return (trainer, run) -> {
            TopScores scores = new TopScores(TopScores.DEFAULT_K, alpha, StoredScores.Loss.KL);
            run.addOverhead((long) DARK_ROWS * run.length());
            old(run, DARK_ROWS_A_STEP);
            trainer.mix(DarkReplay.of(run.base(), run.old(), DARK_ROWS, DARK_ROWS_A_STEP, scores));
        };
    }

    static Method.Attachment gpm(double share) {
        return (trainer, run) -> {
            Gpm gpm = run.own(new Gpm(run.model(), share));
            gpm.remember(run.old(), SEQUENCES);
            run.addOverhead((long) SEQUENCES * run.length());
            for (Linear layer : run.model().linears()) {
                run.keep(gpm.directions(layer.weight().name()) * layer.in() * Float.BYTES);
            }
            run.keepCopies(1);
            trainer.project(gpm);
        };
    }

    static Method.Attachment selfReplay(double ratio) {
        return (trainer, run) -> {
            long wanted = (long) Math.ceil(run.rows() * ratio);
            int samples = (int) Math.max(1, Math.min(MAX_SELF_SAMPLES, wanted));
            SelfGenerated generator = new SelfGenerated(samples, run.length(), run.seed());
            run.addOverhead((long) samples * run.length());
            trainer.mix(new ExperienceReplay(generator.write(run.base()), ratio));
        };
    }

    static Method.Attachment kl(double beta, KlToBase.Direction direction, double temperature) {
        return (trainer, run) -> {
            run.addOverhead(run.rows() * run.length());
            run.keepCopies(1);
            trainer.distill(new KlToBase(run.base(), beta, direction, temperature));
        };
    }

    static Method.Attachment replay(double ratio) {
        return (trainer, run) -> trainer.mix(new ExperienceReplay(run.old(), ratio));
    }

    static Method.Attachment decayingReplay(double ratio) {
        return (trainer, run) ->
                trainer.mix(
                        new ReplayCurriculum(
                                run.old(), ReplayCurriculum.Course.DECAYING, ratio, run.rows()));
    }

    static Method.Attachment aGem(double rows) {
        return (trainer, run) -> {
            old(run, (int) rows);
            run.keepCopies(2);
            trainer.project(run.own(new AGem(run.model(), run.old(), (int) rows, true)));
        };
    }

    static Method.Attachment gem(double margin) {
        return (trainer, run) -> {
            old(run, GEM_ROWS);
            run.keepCopies(1);
            trainer.project(new Gem(run.model(), List.of(run.old()), GEM_ROWS, margin));
        };
    }

    /** Counts old rows that every step computes beside the new ones. */
    private static void old(Method.Run run, int rows) {
        run.addOverhead(run.rows() * run.length() / Experiment.BATCH_SIZE * rows);
    }

    static Method.Attachment ogd(double directions) {
        return (trainer, run) -> {
            Ogd ogd = run.own(new Ogd(run.model(), (int) directions));
            int kept = ogd.remember(run.model().trainable(), run.old(), (int) directions);
            run.addOverhead((long) directions * run.length());
            run.keepCopies(kept + 1);
            trainer.project(ogd);
        };
    }

    static Method.Attachment sam(double rho, boolean adaptive) {
        return (trainer, run) -> {
            run.addOverhead(run.rows() * run.length());
            run.keepCopies(1);
            trainer.wrap(new Sam(rho, adaptive));
        };
    }

    static Method.Attachment ema(double decay) {
        return (trainer, run) -> {
            EmaWeights average = run.own(new EmaWeights(decay));
            run.keepCopies(1);
            trainer.average(average);
            run.whenTrained(average::apply);
        };
    }

    /** Holds embeddings and the lowest blocks. */
    static Method.Attachment freeze(double blocks) {
        return (trainer, run) -> {
            long held =
                    run.model().trainable().stream()
                            .filter(p -> block(p.name()) < blocks)
                            .mapToLong(Parameter::elements)
                            .sum();
            // neither gradients nor moments
            run.keep(-3 * held * Float.BYTES);
            trainer.trainOnly(p -> block(p.name()) >= blocks);
        };
    }

    /** Returns the block that a parameter is of; -1 for embeddings, many for what comes after. */
    private static int block(String name) {
        if (name.contains("embed_tokens")) {
            return -1;
        }
        Matcher matcher = BLOCK.matcher(name);
        return matcher.find() ? Integer.parseInt(matcher.group(1)) : Integer.MAX_VALUE;
    }
}
