package org.retain4j.cli.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.compare.MethodInfo.Group;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.WiseFt;
import org.retain4j.regularization.optimizer.HalfFineTuning;
import org.retain4j.regularization.optimizer.Lisa;
import org.retain4j.regularization.optimizer.MoFo;
import org.retain4j.regularization.optimizer.Sam;
import org.retain4j.regularization.projection.Gem;
import org.retain4j.regularization.projection.Gpm;
import org.retain4j.regularization.weights.ModelSoup;
import org.retain4j.replay.ExperienceReplay;

/** The methods that a comparison knows. */
public final class Methods {

    /** Name of plain fine-tuning, the method that all others are compared with. */
    public static final String PLAIN = "plain";

    static final String WISE_FT = "wise-ft";

    /** Peak learning rates that are tried. */
    static final List<Double> LEARNING_RATES = List.of(1e-3, 3e-3, 1e-2);

    /** As many for adapters, whose few weights start at 0 and want more. */
    private static final List<Double> ADAPTER_RATES = List.of(3e-3, 1e-2, 3e-2);

    private static final List<String> USUAL =
            List.of(PLAIN, "l2sp", "ewc", "replay", "self-replay", "kl", WISE_FT);

    private static final int LORA_RANK = 8;
    private static final int LORA_MOST = 64;
    private static final double LORA_ALPHA = 16;

    private static final Map<String, Entry> ENTRIES = new LinkedHashMap<>();

    private static final Range FROM_ZERO = new Range(0, Double.MAX_VALUE);
    private static final Range SHARE = new Range(0, Math.nextDown(1.0));
    private static final Range FRACTION = new Range(0, 1);
    private static final Range POSITIVE = new Range(1e-12, Double.MAX_VALUE);

    static {
        train(
                PLAIN,
                "plain fine-tuning",
                Group.REFERENCE,
                "no mitigation; AdamW, Loshchilov and Hutter 2019, arXiv:1711.05101",
                "",
                0,
                FROM_ZERO,
                strength -> (trainer, run) -> {});
        train(
                "l2sp",
                "L2-SP",
                Group.PENALTY,
                "Li, Grandvalet and Davoine 2018, arXiv:1802.01483",
                "lambda, 0 or more",
                L2Sp.DEFAULT_LAMBDA,
                FROM_ZERO,
                Attachments::l2Sp);
        old(
                "ewc",
                "EWC",
                Group.PENALTY,
                "Kirkpatrick et al. 2017, arXiv:1612.00796",
                "lambda, 0 or more",
                Ewc.DEFAULT_LAMBDA,
                FROM_ZERO,
                lambda -> Attachments.weighted(lambda, Fisher.Labels.SAMPLED));
        old(
                "replay",
                "replay",
                Group.REPLAY,
                "Rolnick et al. 2019, arXiv:1811.11682",
                "share of old rows, below 1",
                ExperienceReplay.DEFAULT_RATIO,
                SHARE,
                Attachments::replay);
        train(
                "self-replay",
                "self-replay",
                Group.REPLAY,
                "Robins 1995, doi:10.1080/09540099550039318; LAMOL, arXiv:1909.03329",
                "share of generated rows, below 1",
                ExperienceReplay.DEFAULT_RATIO,
                SHARE,
                Attachments::selfReplay);
        train(
                "kl",
                "KL to base",
                Group.DISTILLATION,
                "learning without forgetting, Li and Hoiem 2016, arXiv:1606.09282",
                "beta, 0 or more",
                KlToBase.DEFAULT_BETA,
                FROM_ZERO,
                beta -> Attachments.kl(beta, KlToBase.Direction.FORWARD, 1));
        after(
                WISE_FT,
                "WiSE-FT",
                "Wortsman et al. 2022, arXiv:2109.01903",
                "alpha, share of the tuned model, 0 to 1",
                WiseFt.DEFAULT_ALPHA,
                FRACTION,
                alpha -> (tuned, base) -> new WiseFt(alpha).apply(tuned, base));
        lora("lora", "LoRA", "Hu et al. 2021, arXiv:2106.09685", config -> config);
        lora(
                "rslora",
                "rsLoRA",
                "Kalajdzievski 2023, arXiv:2312.03732",
                config -> config.rslora(true));
        lora("dora", "DoRA", "Liu et al. 2024, arXiv:2402.09353", config -> config.dora(true));
        old(
                "empirical-ewc",
                "EWC, empirical Fisher",
                Group.PENALTY,
                "Kunstner et al. 2019, arXiv:1905.12558",
                "lambda, 0 or more",
                Ewc.DEFAULT_LAMBDA,
                FROM_ZERO,
                lambda -> Attachments.weighted(lambda, Fisher.Labels.EMPIRICAL));
        old(
                "mas",
                "MAS",
                Group.PENALTY,
                "Aljundi et al. 2018, arXiv:1711.09601",
                "lambda, 0 or more",
                Ewc.DEFAULT_LAMBDA,
                FROM_ZERO,
                Attachments::mas);
        train(
                "kl-reverse",
                "reverse KL to base",
                Group.DISTILLATION,
                "Li and Hoiem 2016, arXiv:1606.09282, the other direction",
                "beta, 0 or more",
                KlToBase.DEFAULT_BETA,
                FROM_ZERO,
                beta -> Attachments.kl(beta, KlToBase.Direction.REVERSE, 1));
        train(
                "jsd",
                "JSD to base",
                Group.DISTILLATION,
                "Lin 1991, doi:10.1109/18.61115; Agarwal et al. 2024, arXiv:2306.13649",
                "beta, 0 or more",
                KlToBase.DEFAULT_BETA,
                FROM_ZERO,
                beta -> Attachments.kl(beta, KlToBase.Direction.JSD, 1));
        train(
                "kl-k3",
                "k3 KL to base",
                Group.DISTILLATION,
                "Schulman 2020, http://joschu.net/blog/kl-approx.html",
                "beta, 0 or more",
                KlToBase.DEFAULT_BETA,
                FROM_ZERO,
                beta -> Attachments.kl(beta, KlToBase.Direction.K3, 1));
        train(
                "lwf",
                "LwF, T=2,",
                Group.DISTILLATION,
                "Li and Hoiem 2016, arXiv:1606.09282",
                "beta, 0 or more",
                KlToBase.DEFAULT_BETA,
                FROM_ZERO,
                beta -> Attachments.kl(beta, KlToBase.Direction.FORWARD, 2));
        old(
                "decaying-replay",
                "decaying replay",
                Group.REPLAY,
                "Rolnick et al. 2019, arXiv:1811.11682, fewer and fewer old rows",
                "share of old rows at the start, below 1",
                0.25,
                SHARE,
                Attachments::decayingReplay);
        old(
                "added-replay",
                "added replay",
                Group.REPLAY,
                "Rolnick et al. 2019, arXiv:1811.11682, old rows on top",
                "weight of the old loss, 0 or more",
                0.3,
                FROM_ZERO,
                Attachments::addedReplay);
        old(
                "dark-replay",
                "dark replay",
                Group.REPLAY,
                "DER, Buzzega et al. 2020, arXiv:2004.07211, with scores of the base",
                "alpha, 0 or more",
                0.3,
                FROM_ZERO,
                Attachments::darkReplay);
        old(
                "agem",
                "A-GEM",
                Group.PROJECTION,
                "Chaudhry et al. 2019, arXiv:1812.00420",
                "rows of old data a step, 1 to 64",
                4,
                new Range(1, 64),
                Attachments::aGem);
        old(
                "gem",
                "GEM",
                Group.PROJECTION,
                "Lopez-Paz and Ranzato 2017, arXiv:1706.08840",
                "margin, 0 or more",
                Gem.DEFAULT_MARGIN,
                FROM_ZERO,
                Attachments::gem);
        old(
                "ogd",
                "OGD",
                Group.PROJECTION,
                "Farajtabar et al. 2020, arXiv:1910.07104",
                "directions, 1 to 1000",
                16,
                new Range(1, 1000),
                Attachments::ogd);
        old(
                "gpm",
                "GPM",
                Group.PROJECTION,
                "Saha, Garg and Roy 2021, arXiv:2103.09762",
                "share of the inputs that is protected, above 0 to 1",
                Gpm.DEFAULT_SHARE,
                new Range(1e-12, 1),
                Attachments::gpm);
        train(
                "sam",
                "SAM",
                Group.OPTIMIZER,
                "Foret et al. 2021, arXiv:2010.01412",
                "rho, positive",
                Sam.DEFAULT_RHO,
                POSITIVE,
                rho -> Attachments.sam(rho, false));
        train(
                "asam",
                "ASAM",
                Group.OPTIMIZER,
                "Kwon et al. 2021, arXiv:2102.11600",
                "rho, positive",
                0.5,
                POSITIVE,
                rho -> Attachments.sam(rho, true));
        train(
                "mofo",
                "MoFO",
                Group.OPTIMIZER,
                "Chen et al. 2024, arXiv:2407.20999",
                "share of the entries that move, above 0 to 1",
                MoFo.DEFAULT_SHARE,
                new Range(1e-12, 1),
                share -> (trainer, run) -> trainer.wrap(new MoFo(share)));
        train(
                "hft",
                "half fine-tuning",
                Group.OPTIMIZER,
                "Hui et al. 2024, arXiv:2404.18466",
                "steps of a round, 1 or more",
                20,
                new Range(1, 1e9),
                steps ->
                        (trainer, run) ->
                                trainer.wrap(new HalfFineTuning((long) steps, run.seed())));
        train(
                "lisa",
                "LISA",
                Group.OPTIMIZER,
                "Pan et al. 2024, arXiv:2403.17919",
                "blocks that move at a time, 1 or more",
                2,
                new Range(1, 1000),
                layers -> (trainer, run) -> trainer.wrap(new Lisa((int) layers, 20, run.seed())));
        train(
                "freeze",
                "frozen blocks",
                Group.OPTIMIZER,
                "Lee et al. 2019, arXiv:1911.03090; embeddings are held too",
                "blocks that are held, 0 or more",
                2,
                FROM_ZERO,
                Attachments::freeze);
        train(
                "ema",
                "average of steps",
                Group.WEIGHTS,
                "Polyak and Juditsky 1992, doi:10.1137/0330046, exponential",
                "decay, 0 or more and below 1",
                0.95,
                SHARE,
                Attachments::ema);
        after(
                "graft",
                "grafting",
                "Panigrahi et al. 2023, arXiv:2302.06600, by size",
                "share of the changes that stay, above 0 to 1",
                0.1,
                new Range(1e-12, 1),
                share -> (tuned, base) -> ModelSoup.graft(tuned, base, share));
    }

    private Methods() {}

    private interface Strength {
        Method.Attachment at(double strength);
    }

    private interface Later {
        Method.Afterwards at(double strength);
    }

    private record Range(double least, double most) {}

    private record Entry(
            MethodInfo info,
            double normal,
            Range range,
            Strength strength,
            @Nullable Later afterwards) {}

    private static void train(
            String name,
            String title,
            Group group,
            String paper,
            String options,
            double normal,
            Range range,
            Strength strength) {
        add(name, title, group, paper, options, normal, range, false, strength, null);
    }

    /** Adds a method that reads old data. */
    private static void old(
            String name,
            String title,
            Group group,
            String paper,
            String options,
            double normal,
            Range range,
            Strength strength) {
        add(name, title, group, paper, options, normal, range, true, strength, null);
    }

    /** Adds a method that changes the weights of plain fine-tuning afterwards. */
    private static void after(
            String name,
            String title,
            String paper,
            String options,
            double normal,
            Range range,
            Later afterwards) {
        Strength nothing = strength -> (trainer, run) -> {};
        add(name, title, Group.WEIGHTS, paper, options, normal, range, false, nothing, afterwards);
    }

    private static void add(
            String name,
            String title,
            Group group,
            String paper,
            String options,
            double normal,
            Range range,
            boolean needsOldData,
            Strength strength,
            @Nullable Later afterwards) {
        String told = options.isEmpty() ? "" : options + "; default " + trimmed(normal);
        MethodInfo info = new MethodInfo(name, title, group, paper, told, needsOldData);
        ENTRIES.put(name, new Entry(info, normal, range, strength, afterwards));
    }

    /** Returns all methods, plain fine-tuning first. */
    public static List<MethodInfo> all() {
        return ENTRIES.values().stream().map(Entry::info).toList();
    }

    /** Returns what a comparison runs unless it is told: one of each kind, in two minutes. */
    private static List<String> usual() {
        return USUAL;
    }

    /** Returns the peak learning rates that a method tries. */
    static List<Double> learningRates(Method method) {
        return method.info().group() == Group.ADAPTER ? ADAPTER_RATES : LEARNING_RATES;
    }

    /**
     * Checks names as a user writes them, such as {@code ewc} or {@code ewc:3}.
     *
     * @throws IllegalArgumentException for an unknown name or a strength out of range; the message
     *     says what is expected
     */
    public static void check(List<String> names) {
        parse(names);
    }

    /** Reads names; plain fine-tuning always comes first, and nothing comes twice. */
    static List<Method> parse(List<String> names) {
        List<String> wanted = names.isEmpty() ? usual() : List.copyOf(names);
        Map<String, Method> methods = new LinkedHashMap<>();
        methods.put(PLAIN, parse(PLAIN));
        for (String name : wanted) {
            Method method = parse(name);
            methods.putIfAbsent(method.name(), method);
        }
        return new ArrayList<>(methods.values());
    }

    private static Method parse(String text) {
        int colon = text.indexOf(':');
        String name =
                (colon < 0 ? text : text.substring(0, colon)).strip().toLowerCase(Locale.ROOT);
        Entry entry = ENTRIES.get(name);
        if (entry == null) {
            throw new IllegalArgumentException(
                    "unknown method \""
                            + name
                            + "\"; known are "
                            + String.join(", ", ENTRIES.keySet()));
        }
        if (colon < 0) {
            return create(entry, entry.normal(), false);
        }
        if (entry.info().options().isEmpty()) {
            throw new IllegalArgumentException("method " + name + " has no strength to set");
        }
        String number = text.substring(colon + 1).strip();
        double strength;
        try {
            strength = Double.parseDouble(number);
        } catch (NumberFormatException e) {
            strength = Double.NaN;
        }
        if (!(strength >= entry.range().least() && strength <= entry.range().most())) {
            throw new IllegalArgumentException(
                    "strength \""
                            + number
                            + "\" of method "
                            + name
                            + " is out of range; expected "
                            + entry.info().options());
        }
        return create(entry, strength, true);
    }

    /** Returns a method with one of the strengths that it tries, under the same name. */
    static Method with(Method method, double strength) {
        Entry entry = Objects.requireNonNull(ENTRIES.get(method.info().name()));
        return create(entry, strength, method.strengths().size() == 1);
    }

    private static Method create(Entry entry, double strength, boolean named) {
        MethodInfo info = entry.info();
        Map<String, Object> options = new LinkedHashMap<>();
        options.put("needs_old_data", info.needsOldData());
        String title = info.title();
        String name = info.name();
        if (!info.options().isEmpty()) {
            String number = trimmed(strength);
            String key = info.options().substring(0, info.options().indexOf(','));
            options.put(key, strength);
            title += " " + symbol(info.name()) + number;
            name += named ? ":" + number : "";
        }
        boolean none = info.options().isEmpty();
        List<Double> tried = named ? List.of(strength) : strengths(info.name());
        Later later = entry.afterwards();
        return new Method(
                info,
                name,
                title,
                none ? null : strength,
                none ? List.of() : tried,
                options,
                entry.strength().at(strength),
                later == null ? null : later.at(strength));
    }

    /** Returns the strengths that a method tries, its default first; as many for each. */
    private static List<Double> strengths(String name) {
        return switch (name) {
            case "l2sp", "ewc", "empirical-ewc", "mas" -> List.of(0.3, 0.1, 1.0);
            case "kl", "kl-reverse", "jsd", "kl-k3", "lwf" -> List.of(0.3, 0.1, 1.0);
            case "added-replay", "dark-replay" -> List.of(0.3, 0.1, 1.0);
            case "replay", "self-replay" -> List.of(0.125, 0.0625, 0.25);
            case WISE_FT -> List.of(0.5, 0.3, 0.7);
            case "lora", "rslora", "dora" -> List.of(8.0, 2.0, 32.0);
            case "agem" -> List.of(4.0, 2.0, 8.0);
            case "decaying-replay" -> List.of(0.25, 0.125, 0.5);
            case "gem" -> List.of(0.5, 0.0, 1.0);
            case "ogd" -> List.of(16.0, 8.0, 32.0);
            case "asam" -> List.of(0.5, 0.2, 1.0);
            case "freeze" -> List.of(2.0, 1.0, 3.0);
            case "ema" -> List.of(0.95, 0.8, 0.9);
            case "gpm" -> List.of(0.97, 0.9, 0.99);
            case "sam" -> List.of(0.05, 0.02, 0.1);
            case "mofo" -> List.of(0.15, 0.05, 0.4);
            case "hft" -> List.of(20.0, 5.0, 10.0);
            case "lisa" -> List.of(2.0, 1.0, 3.0);
            case "graft" -> List.of(0.1, 0.03, 0.3);
            default -> List.of();
        };
    }

    private static String symbol(String name) {
        return switch (name) {
            case "l2sp", "ewc", "empirical-ewc", "mas" -> "λ=";
            case "kl", "kl-reverse", "jsd", "kl-k3", "lwf" -> "β=";
            case WISE_FT, "dark-replay" -> "α=";
            case "lora", "rslora", "dora" -> "r=";
            case "gpm" -> "ε=";
            case "agem", "hft", "lisa", "ogd", "freeze" -> "n=";
            case "added-replay" -> "w=";
            case "gem" -> "γ=";
            case "ema" -> "d=";
            default -> "ρ=";
        };
    }

    private static String trimmed(double value) {
        String text = Objects.toString(value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    private static void lora(
            String name, String title, String paper, UnaryOperator<LoraConfig> variant) {
        train(
                name,
                title,
                Group.ADAPTER,
                paper,
                "r, rank, 1 to 64",
                LORA_RANK,
                new Range(1, LORA_MOST),
                rank ->
                        (trainer, run) -> {
                            LoraConfig config =
                                    LoraConfig.rank((int) rank)
                                            .alpha(LORA_ALPHA)
                                            .targets("all-linear");
                            run.own(
                                    Lora.attach(
                                            run.model(),
                                            Lora.DEFAULT,
                                            variant.apply(config),
                                            run.seed(),
                                            null));
                        });
    }
}
