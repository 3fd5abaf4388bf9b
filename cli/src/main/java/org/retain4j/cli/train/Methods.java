package org.retain4j.cli.train;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.EmaWeights;
import org.retain4j.finetune.Trainer;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.WiseFt;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.SelfGenerated;

/** The methods against forgetting that a run.yaml asks for, plugged into a trainer. */
final class Methods implements AutoCloseable {

    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final @Nullable WiseFt average;
    private @Nullable CausalLm base;
    private @Nullable EmaWeights ema;

    private Methods(@Nullable WiseFt average) {
        this.average = average;
    }

    /**
     * Plugs the methods in; the model must have the weights of before training.
     *
     * @throws org.retain4j.cli.UsageException if their data is missing
     */
    static Methods attach(
            RunConfig config, TrainingData.Encoding encoding, CausalLm model, Trainer trainer)
            throws IOException {
        RegularizationSection wanted = config.regularization;
        Methods methods =
                new Methods(wanted.wiseFt == null ? null : new WiseFt(wanted.wiseFt.alpha));
        try {
            methods.attach(config, wanted, encoding, model, trainer);
            return methods;
        } catch (IOException | RuntimeException | Error e) {
            methods.close();
            throw e;
        }
    }

    private void attach(
            RunConfig config,
            RegularizationSection wanted,
            TrainingData.Encoding encoding,
            CausalLm model,
            Trainer trainer)
            throws IOException {
        if (wanted.klToBase != null || wanted.wiseFt != null) {
            base = own(model.copy());
        }
        if (wanted.klToBase != null && base != null) {
            trainer.distill(
                    new KlToBase(
                            base,
                            wanted.klToBase.beta,
                            wanted.klToBase.direction,
                            wanted.klToBase.temperature));
        }
        if (wanted.l2Sp != null) {
            trainer.penalize(own(new L2Sp(wanted.l2Sp.lambda, wanted.l2Sp.mode)));
        }
        if (wanted.ewc != null) {
            trainer.penalize(ewc(config, wanted.ewc, encoding, model));
        }
        if (config.replay != null) {
            trainer.mix(
                    new ExperienceReplay(
                            old(config, config.replay, encoding, model), config.replay.ratio));
        }
        if (config.emaDecay != null) {
            ema = own(new EmaWeights(config.emaDecay));
            trainer.average(ema);
        }
    }

    private Ewc ewc(
            RunConfig config,
            RegularizationSection.EwcSection section,
            TrainingData.Encoding encoding,
            CausalLm model)
            throws IOException {
        BatchSource data =
                TrainingData.forMethod(config, encoding, "regularization.ewc.data", section.data);
        Importance importance =
                own(
                        new Fisher(section.labels, section.sequences, config.seed)
                                .estimate(model, data));
        return own(
                new Ewc(
                        section.lambda,
                        importance.normalize(Importance.Normalization.MEAN_1),
                        section.mode));
    }

    private static BatchSource old(
            RunConfig config, ReplaySection section, TrainingData.Encoding encoding, CausalLm model)
            throws IOException {
        return section.selfGenerated == null
                ? TrainingData.forMethod(config, encoding, "replay.data", section.data)
                : new SelfGenerated(
                                section.selfGenerated.samples,
                                section.selfGenerated.length,
                                config.seed)
                        .write(model);
    }

    private <T extends AutoCloseable> T own(T part) {
        owned.push(part);
        return part;
    }

    /**
     * Puts averages in place of the trained weights.
     *
     * @return whether the weights are no longer those of the last step
     */
    boolean finish(CausalLm model) {
        if (ema != null) {
            ema.apply();
        }
        if (average != null && base != null) {
            average.apply(model, base);
        }
        return ema != null || average != null;
    }

    @Override
    public void close() {
        while (!owned.isEmpty()) {
            try {
                owned.pop().close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
