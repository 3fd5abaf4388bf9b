package org.retain4j.cli.train;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.EmaWeights;
import org.retain4j.finetune.Trainer;
import org.retain4j.lora.Lora;
import org.retain4j.lora.MergedAnchor;
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
            RunConfig config,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora,
            Trainer trainer)
            throws IOException {
        RegularizationSection wanted = config.regularization;
        Methods methods =
                new Methods(wanted.wiseFt == null ? null : new WiseFt(wanted.wiseFt.alpha));
        try {
            methods.attach(config, wanted, encoding, model, lora, trainer);
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
            @Nullable Lora lora,
            Trainer trainer)
            throws IOException {
        if (lora == null && (wanted.klToBase != null || wanted.wiseFt != null)) {
            base = own(model.copy());
        }
        if (wanted.klToBase != null) {
            KlToBase kl =
                    new KlToBase(
                            base == null ? model : base,
                            wanted.klToBase.beta,
                            wanted.klToBase.direction,
                            wanted.klToBase.temperature);
            trainer.distill(lora == null ? kl : kl.whileTeaching(lora::disabled));
        }
        if (wanted.l2Sp != null) {
            double lambda = wanted.l2Sp.lambda;
            trainer.penalize(
                    lora == null
                            ? own(new L2Sp(lambda, wanted.l2Sp.mode))
                            : new AdapterPenalty(
                                    "L2Sp of products, lambda=" + lambda,
                                    MergedAnchor.l2(lora, Lora.DEFAULT, lambda)));
        }
        if (wanted.ewc != null) {
            Importance importance = importance(config, wanted.ewc, encoding, model, lora);
            double lambda = wanted.ewc.lambda;
            trainer.penalize(
                    lora == null
                            ? own(new Ewc(lambda, importance, wanted.ewc.mode))
                            : new AdapterPenalty(
                                    "Ewc of products, lambda=" + lambda,
                                    MergedAnchor.ewc(
                                            lora,
                                            Lora.DEFAULT,
                                            byName(model, importance),
                                            lambda)));
        }
        if (config.replay != null) {
            trainer.mix(
                    new ExperienceReplay(
                            old(config, config.replay, encoding, model, lora),
                            config.replay.ratio));
        }
        if (config.emaDecay != null) {
            ema = own(new EmaWeights(config.emaDecay));
            trainer.average(ema);
        }
    }

    private Importance importance(
            RunConfig config,
            RegularizationSection.EwcSection section,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora)
            throws IOException {
        BatchSource data =
                TrainingData.forMethod(config, encoding, "regularization.ewc.data", section.data);
        Fisher fisher = new Fisher(section.labels, section.sequences, config.seed);
        try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
            return own(fisher.estimate(model, data)).normalize(Importance.Normalization.MEAN_1);
        }
    }

    private static Map<String, Tensor> byName(CausalLm model, Importance importance) {
        Map<String, Tensor> byName = new LinkedHashMap<>();
        for (Parameter parameter : model.parameters()) {
            byName.put(parameter.name(), importance.of(parameter.name()));
        }
        return byName;
    }

    private static BatchSource old(
            RunConfig config,
            ReplaySection section,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora)
            throws IOException {
        if (section.selfGenerated == null) {
            return TrainingData.forMethod(config, encoding, "replay.data", section.data);
        }
        SelfGenerated generator =
                new SelfGenerated(
                        section.selfGenerated.samples, section.selfGenerated.length, config.seed);
        try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
            return generator.write(model);
        }
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
