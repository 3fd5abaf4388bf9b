package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.EmaWeights;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.Trainer;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraException;
import org.retain4j.lora.MergedAnchor;
import org.retain4j.lora.OLora;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import org.retain4j.regularization.ImportanceEstimator;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.Mas;
import org.retain4j.regularization.WiseFt;
import org.retain4j.regularization.optimizer.HalfFineTuning;
import org.retain4j.regularization.optimizer.Lisa;
import org.retain4j.regularization.optimizer.MoFo;
import org.retain4j.regularization.optimizer.Sam;
import org.retain4j.regularization.projection.AGem;
import org.retain4j.regularization.projection.Gem;
import org.retain4j.regularization.projection.Gpm;
import org.retain4j.regularization.projection.Ogd;
import org.retain4j.regularization.weights.ModelSoup;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.LossWeightReplay;
import org.retain4j.replay.ReplayCurriculum;
import org.retain4j.replay.dark.DarkReplay;
import org.retain4j.replay.dark.TopScores;
import org.retain4j.replay.generation.LamolFormat;
import org.retain4j.replay.generation.LamolLosses;

/** The methods against forgetting that a run.yaml asks for, plugged into a trainer. */
final class Methods implements AutoCloseable {

    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final List<String> notes = new ArrayList<>();
    private final @Nullable WiseFt average;
    private final @Nullable Double graft;
    private @Nullable CausalLm base;
    private @Nullable EmaWeights ema;
    private @Nullable OsfProjection osf;
    private @Nullable ContinualPenalty continual;

    private Methods(@Nullable WiseFt average, @Nullable Double graft) {
        this.average = average;
        this.graft = graft;
    }

    /**
     * Checks the numbers of methods that need neither model nor data.
     *
     * @throws UsageException if one is out of range
     */
    static void check(RunConfig config) {
        RegularizationSection wanted = config.regularization;
        for (Map.Entry<String, Boolean> section :
                Map.of(
                                "agem", wanted.agem != null && wanted.agem.data.isEmpty(),
                                "gem", wanted.gem != null && wanted.gem.data.isEmpty(),
                                "gpm", wanted.gpm != null && wanted.gpm.data.isEmpty(),
                                "ogd", wanted.ogd != null && wanted.ogd.data.isEmpty())
                        .entrySet()) {
            if (section.getValue()) {
                throw new UsageException(
                        "regularization." + section.getKey() + " needs data, old data to protect");
            }
        }
        try {
            wrappers(config).clear();
            if (wanted.graft != null && !(wanted.graft > 0 && wanted.graft <= 1)) {
                throw new IllegalArgumentException("graft must be in (0, 1], is " + wanted.graft);
            }
            if (wanted.osf != null
                    && !(wanted.osf.effectiveRank > 0 && wanted.osf.effectiveRank < 1)) {
                throw new IllegalArgumentException(
                        "osf.effective_rank must be in (0, 1), is " + wanted.osf.effectiveRank);
            }
            if (wanted.oLora != null && !(wanted.oLora.lambda1 >= 0 && wanted.oLora.lambda2 >= 0)) {
                throw new IllegalArgumentException(
                        "o_lora.lambda1 and o_lora.lambda2 must be 0 or more");
            }
            if (wanted.agem != null && wanted.agem.rows < 1) {
                throw new IllegalArgumentException("agem.rows must be 1 or more");
            }
            if (wanted.gpm != null
                    && (wanted.gpm.rows < 1 || !(wanted.gpm.share > 0 && wanted.gpm.share <= 1))) {
                throw new IllegalArgumentException(
                        "gpm.rows must be 1 or more and gpm.share in (0, 1]");
            }
            if (wanted.gem != null
                    && (wanted.gem.rows < 1
                            || !(wanted.gem.margin >= 0)
                            || wanted.gem.data.size() > Gem.MOST_TASKS)) {
                throw new IllegalArgumentException(
                        "gem needs a row or more, a margin from 0 on and at most "
                                + Gem.MOST_TASKS
                                + " tasks");
            }
            if (wanted.ogd != null && (wanted.ogd.rows < 1 || wanted.ogd.directions < 1)) {
                throw new IllegalArgumentException("ogd needs a row and a direction or more");
            }
            if (wanted.continual != null) {
                ContinualPenalty.of(wanted.continual).close();
                if (wanted.continual.sequences < 1) {
                    throw new IllegalArgumentException("continual.sequences must be 1 or more");
                }
            }
        } catch (IllegalArgumentException e) {
            throw new UsageException("regularization: " + e.getMessage());
        }
        ReplaySection replay = config.replay;
        if (replay != null) {
            try {
                BatchSource none = (first, count) -> List.of();
                if (replay.magpie != null) {
                    replay.magpie.generator(config.seed);
                    replay.magpie.script();
                } else if (replay.ssr != null) {
                    replay.ssr.generator(config.seed);
                } else if (replay.lamol != null && !(replay.lamol.lambda >= 0)) {
                    throw new IllegalArgumentException("lamol.lambda must be 0 or more");
                }
                if (replay.added != null) {
                    new LossWeightReplay(none, replay.added.rows, replay.added.weight).mix(none);
                } else if (replay.dark == null) {
                    new ExperienceReplay(none, replay.ratio).mix(none);
                } else if (replay.dark.examples < 1 || replay.dark.rows < 1) {
                    throw new IllegalArgumentException("dark.rows and examples must be 1 or more");
                } else {
                    scores(replay.dark).k();
                }
            } catch (IllegalArgumentException e) {
                throw new UsageException("replay: " + e.getMessage());
            }
        }
    }

    private static TopScores scores(ReplaySection.DarkSection dark) {
        return new TopScores(dark.k, dark.alpha, dark.loss);
    }

    /** Returns what changes the optimizer, the outermost last. */
    private static List<OptimizerWrapper> wrappers(RunConfig config) {
        RegularizationSection wanted = config.regularization;
        List<OptimizerWrapper> wrappers = new ArrayList<>();
        if (wanted.lisa != null) {
            wrappers.add(new Lisa(wanted.lisa.layers, wanted.lisa.roundSteps, config.seed));
        }
        if (wanted.halfFineTuning != null) {
            wrappers.add(new HalfFineTuning(wanted.halfFineTuning, config.seed));
        }
        if (wanted.mofo != null) {
            wrappers.add(new MoFo(wanted.mofo));
        }
        if (wanted.sam != null) {
            wrappers.add(new Sam(wanted.sam.rho, wanted.sam.adaptive));
        }
        return wrappers;
    }

    /**
     * Plugs the methods in; the model must have the weights of before training.
     *
     * @param trained the parameters of the run, in the order of the model
     * @param rows rows of new data of the whole run
     * @throws UsageException if their data is missing
     */
    static Methods attach(
            RunConfig config,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora,
            Trainer trainer,
            RetentionMonitor monitor,
            List<Parameter> trained,
            long rows,
            FineTuning.Display display)
            throws IOException {
        RegularizationSection wanted = config.regularization;
        Methods methods =
                new Methods(
                        wanted.wiseFt == null ? null : new WiseFt(wanted.wiseFt.alpha),
                        wanted.graft);
        try {
            methods.attach(
                    config, wanted, encoding, model, lora, trainer, monitor, trained, rows,
                    display);
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
            Trainer trainer,
            RetentionMonitor monitor,
            List<Parameter> trained,
            long rows,
            FineTuning.Display display)
            throws IOException {
        boolean changesWeights = wanted.wiseFt != null || wanted.graft != null;
        if (lora == null && (wanted.klToBase != null || changesWeights)) {
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
            L2Sp l2Sp = own(new L2Sp(lambda, wanted.l2Sp.mode));
            l2Sp.exclude(wanted.l2Sp.exclude.toArray(String[]::new));
            trainer.penalize(
                    monitor.scaled(
                            lora == null
                                    ? l2Sp
                                    : AdapterPenalty.of(
                                            "L2Sp of products, lambda=" + lambda,
                                            MergedAnchor.l2(lora, Lora.DEFAULT, lambda))));
        }
        if (wanted.ewc != null) {
            Importance importance = importance(config, wanted.ewc, encoding, model, lora);
            double lambda = wanted.ewc.lambda;
            Ewc ewc = own(new Ewc(lambda, importance, wanted.ewc.mode));
            ewc.exclude(wanted.ewc.exclude.toArray(String[]::new));
            trainer.penalize(
                    monitor.scaled(
                            lora == null
                                    ? ewc
                                    : AdapterPenalty.of(
                                            "Ewc of products, lambda=" + lambda,
                                            MergedAnchor.ewc(
                                                    lora,
                                                    Lora.DEFAULT,
                                                    byName(model, importance),
                                                    lambda))));
        }
        if (wanted.oLora != null && lora != null) {
            trainer.penalize(monitor.scaled(orthogonal(wanted.oLora, lora)));
        }
        if (wanted.osf != null) {
            osf = OsfProjection.attach(model, wanted.osf.effectiveRank);
            own(osf.osf());
            trainer.project(osf);
        }
        if (wanted.agem != null) {
            BatchSource old =
                    TrainingData.forMethod(
                            config, encoding, "regularization.agem.data", wanted.agem.data);
            trainer.project(own(new AGem(model, old, wanted.agem.rows, wanted.agem.projectUpdate)));
        }
        if (wanted.gpm != null) {
            Gpm gpm = own(new Gpm(model, wanted.gpm.share));
            gpm.remember(
                    TrainingData.forMethod(
                            config, encoding, "regularization.gpm.data", wanted.gpm.data),
                    wanted.gpm.rows);
            trainer.project(gpm);
        }
        if (wanted.gem != null) {
            trainer.project(
                    new Gem(
                            model,
                            TrainingData.apart(
                                    config, encoding, "regularization.gem.data", wanted.gem.data),
                            wanted.gem.rows,
                            wanted.gem.margin));
        }
        if (wanted.ogd != null) {
            Ogd ogd = own(new Ogd(model, wanted.ogd.directions));
            ogd.remember(
                    trained,
                    TrainingData.forMethod(
                            config, encoding, "regularization.ogd.data", wanted.ogd.data),
                    wanted.ogd.rows);
            trainer.project(ogd);
        }
        if (wanted.continual != null) {
            continual = own(ContinualPenalty.of(wanted.continual));
            continual.load();
            trainer.penalize(continual.penalty());
        }
        wrappers(config).forEach(trainer::wrap);
        if (config.replay != null && config.replay.lamol != null) {
            trainer.mix(lamol(config.replay.lamol, model));
        } else if (config.replay != null) {
            BatchSource old = old(config, config.replay, encoding, model, lora, display);
            trainer.mix(replay(config.replay, old, model, lora, rows));
        }
        if (config.emaDecay != null) {
            ema = own(new EmaWeights(config.emaDecay));
            trainer.average(ema);
        }
    }

    private AdapterPenalty orthogonal(RegularizationSection.OLoraSection section, Lora lora)
            throws LoraException {
        List<Path> adapters = section.adapters.stream().map(Path::of).toList();
        OLora penalty =
                own(OLora.of(lora, Lora.DEFAULT, adapters, section.lambda1, section.lambda2));
        return AdapterPenalty.of(
                "OLora of %d earlier, lambda1=%s, lambda2=%s"
                        .formatted(adapters.size(), section.lambda1, section.lambda2),
                penalty);
    }

    private static BatchMixer replay(
            ReplaySection section,
            BatchSource old,
            CausalLm model,
            @Nullable Lora lora,
            long rows) {
        if (section.added != null) {
            return new LossWeightReplay(old, section.added.rows, section.added.weight);
        }
        if (section.dark != null) {
            try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
                return DarkReplay.of(
                        model, old, section.dark.examples, section.dark.rows, scores(section.dark));
            }
        }
        return section.course == ReplaySection.ReplayCourse.CONSTANT
                ? new ExperienceReplay(old, section.ratio)
                : new ReplayCurriculum(
                        old,
                        ReplayCurriculum.Course.valueOf(section.course.name()),
                        section.ratio,
                        rows);
    }

    private Importance importance(
            RunConfig config,
            RegularizationSection.EwcSection section,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora)
            throws IOException {
        if (section.importanceFile != null) {
            return own(Importance.load(Path.of(section.importanceFile)));
        }
        BatchSource data =
                TrainingData.forMethod(config, encoding, "regularization.ewc.data", section.data);
        ImportanceEstimator estimator =
                section.importance == RegularizationSection.ImportanceKind.MAS
                        ? new Mas(section.sequences)
                        : new Fisher(section.labels, section.sequences, config.seed);
        try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
            return own(estimator.estimate(model, data)).normalize(Importance.Normalization.MEAN_1);
        }
    }

    private static Map<String, Tensor> byName(CausalLm model, Importance importance) {
        Map<String, Tensor> byName = new LinkedHashMap<>();
        for (Parameter parameter : model.parameters()) {
            byName.put(parameter.name(), importance.of(parameter.name()));
        }
        return byName;
    }

    private static LamolLosses lamol(ReplaySection.LamolSection section, CausalLm model) {
        try {
            List<String> tasks = section.tasks.isEmpty() ? null : section.tasks;
            return new LamolLosses(LamolFormat.of(model.tokenizer(), tasks), section.lambda);
        } catch (IllegalArgumentException e) {
            throw new UsageException("replay.lamol: " + e.getMessage());
        }
    }

    private BatchSource old(
            RunConfig config,
            ReplaySection section,
            TrainingData.Encoding encoding,
            CausalLm model,
            @Nullable Lora lora,
            FineTuning.Display display)
            throws IOException {
        if (!WrittenData.isWanted(section)) {
            return TrainingData.forMethod(config, encoding, "replay.data", section.data);
        }
        WrittenData data = new WrittenData(config, section, encoding, display);
        try (Lora.Disabled time = lora == null ? null : lora.disabled()) {
            BatchSource written = data.write(model);
            notes.addAll(data.notes());
            return written;
        }
    }

    /** Returns what is to be said about the methods, a line each. */
    List<String> notes() {
        return List.copyOf(notes);
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
        if (osf != null) {
            osf.osf().commit();
        }
        if (graft != null && base != null) {
            ModelSoup.graft(model, base, graft);
        }
        if (average != null && base != null) {
            average.apply(model, base);
        }
        return ema != null || average != null || graft != null;
    }

    /** Ends the task for a penalty that goes on in another run, and writes what that needs. */
    void leave(CausalLm model, List<Parameter> trained, BatchSource data, long seed, Path folder)
            throws IOException {
        if (continual != null) {
            continual.end(model, trained, data, seed, folder.resolve(ContinualPenalty.FILE));
        }
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
