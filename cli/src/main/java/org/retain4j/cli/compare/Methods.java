package org.retain4j.cli.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.regularization.Ewc;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import org.retain4j.regularization.KlToBase;
import org.retain4j.regularization.L2Sp;
import org.retain4j.regularization.WiseFt;
import org.retain4j.replay.ExperienceReplay;
import org.retain4j.replay.SelfGenerated;

/** The methods that a comparison knows. */
public final class Methods {

    /** Name of plain fine-tuning, the method that all others are compared with. */
    public static final String PLAIN = "plain";

    static final String WISE_FT = "wise-ft";

    /** Peak learning rates that are tried. */
    static final List<Double> LEARNING_RATES = List.of(1e-3, 3e-3, 1e-2);

    /** As many for adapters, whose few weights start at 0 and want more. */
    private static final List<Double> ADAPTER_RATES = List.of(3e-3, 1e-2, 3e-2);

    private static final Set<String> ADAPTERS = Set.of("lora", "rslora", "dora");
    private static final int LORA_RANK = 8;
    private static final int LORA_MOST = 64;
    private static final double LORA_ALPHA = 16;
    private static final int FISHER_SEQUENCES = 64;
    private static final int MAX_SELF_SAMPLES = 256;

    private static final Map<String, Entry> ENTRIES = new LinkedHashMap<>();

    static {
        add(
                new MethodInfo(
                        PLAIN,
                        "plain fine-tuning",
                        "no mitigation; AdamW, Loshchilov and Hutter 2019, arXiv:1711.05101",
                        "",
                        false),
                0,
                0,
                0,
                strength -> (trainer, run) -> {});
        add(
                new MethodInfo(
                        "l2sp",
                        "L2-SP",
                        "Li, Grandvalet and Davoine 2018, arXiv:1802.01483",
                        "lambda, 0 or more; default " + L2Sp.DEFAULT_LAMBDA,
                        false),
                L2Sp.DEFAULT_LAMBDA,
                0,
                Double.MAX_VALUE,
                lambda -> (trainer, run) -> trainer.with(run.own(new L2Sp(lambda))));
        add(
                new MethodInfo(
                        "ewc",
                        "EWC",
                        "Kirkpatrick et al. 2017, arXiv:1612.00796",
                        "lambda, 0 or more; default " + Ewc.DEFAULT_LAMBDA,
                        true),
                Ewc.DEFAULT_LAMBDA,
                0,
                Double.MAX_VALUE,
                Methods::ewc);
        add(
                new MethodInfo(
                        "replay",
                        "replay",
                        "Rolnick et al. 2019, arXiv:1811.11682",
                        "share of old rows, below 1; default " + ExperienceReplay.DEFAULT_RATIO,
                        true),
                ExperienceReplay.DEFAULT_RATIO,
                0,
                Math.nextDown(1.0),
                ratio -> (trainer, run) -> trainer.with(new ExperienceReplay(run.old(), ratio)));
        add(
                new MethodInfo(
                        "self-replay",
                        "self-replay",
                        "Robins 1995, doi:10.1080/09540099550039318; LAMOL, arXiv:1909.03329",
                        "share of generated rows, below 1; default "
                                + ExperienceReplay.DEFAULT_RATIO,
                        false),
                ExperienceReplay.DEFAULT_RATIO,
                0,
                Math.nextDown(1.0),
                Methods::selfReplay);
        add(
                new MethodInfo(
                        "kl",
                        "KL to base",
                        "learning without forgetting, Li and Hoiem 2016, arXiv:1606.09282",
                        "beta, 0 or more; default " + KlToBase.DEFAULT_BETA,
                        false),
                KlToBase.DEFAULT_BETA,
                0,
                Double.MAX_VALUE,
                Methods::kl);
        add(
                new MethodInfo(
                        WISE_FT,
                        "WiSE-FT",
                        "Wortsman et al. 2022, arXiv:2109.01903",
                        "alpha, share of the tuned model, 0 to 1; default " + WiseFt.DEFAULT_ALPHA,
                        false),
                WiseFt.DEFAULT_ALPHA,
                0,
                1,
                alpha -> (trainer, run) -> {});
        lora("lora", "LoRA", "Hu et al. 2021, arXiv:2106.09685", config -> config);
        lora(
                "rslora",
                "rsLoRA",
                "Kalajdzievski 2023, arXiv:2312.03732",
                config -> config.rslora(true));
        lora("dora", "DoRA", "Liu et al. 2024, arXiv:2402.09353", config -> config.dora(true));
    }

    private Methods() {}

    private interface Strength {
        Method.Attachment at(double strength);
    }

    private record Entry(
            MethodInfo info, double normal, double least, double most, Strength strength) {}

    private static void add(
            MethodInfo info, double normal, double least, double most, Strength strength) {
        ENTRIES.put(info.name(), new Entry(info, normal, least, most, strength));
    }

    /** Returns all methods, plain fine-tuning first. */
    public static List<MethodInfo> all() {
        return ENTRIES.values().stream().map(Entry::info).toList();
    }

    /** Returns what a comparison runs unless it is told: all that train the weights themselves. */
    private static List<String> usual() {
        return ENTRIES.keySet().stream().filter(name -> !ADAPTERS.contains(name)).toList();
    }

    /** Returns the peak learning rates that a method tries. */
    static List<Double> learningRates(Method method) {
        return ADAPTERS.contains(method.info().name()) ? ADAPTER_RATES : LEARNING_RATES;
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
            return create(entry, entry.normal());
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
        if (!(strength >= entry.least() && strength <= entry.most())) {
            throw new IllegalArgumentException(
                    "strength \""
                            + number
                            + "\" of method "
                            + name
                            + " is out of range; expected "
                            + entry.info().options());
        }
        return create(entry, strength);
    }

    private static Method create(Entry entry, double strength) {
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
            name += strength == entry.normal() ? "" : ":" + number;
        }
        return new Method(info, name, title, strength, options, entry.strength().at(strength));
    }

    private static String symbol(String name) {
        return switch (name) {
            case "l2sp", "ewc" -> "λ=";
            case "kl" -> "β=";
            case WISE_FT -> "α=";
            case "lora", "rslora", "dora" -> "r=";
            default -> "ρ=";
        };
    }

    private static String trimmed(double value) {
        String text = Objects.toString(value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    private static void lora(
            String name, String title, String paper, UnaryOperator<LoraConfig> variant) {
        add(
                new MethodInfo(name, title, paper, "r, rank, 1 to 64; default " + LORA_RANK, false),
                LORA_RANK,
                1,
                LORA_MOST,
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

    private static Method.Attachment ewc(double lambda) {
        return (trainer, run) -> {
            Fisher fisher = new Fisher(Fisher.Labels.SAMPLED, FISHER_SEQUENCES, run.seed());
            Importance importance =
                    run.own(fisher.estimate(run.model(), run.old()))
                            .normalize(Importance.Normalization.MEAN_1);
            run.addOverhead((long) FISHER_SEQUENCES * run.length());
            trainer.with(run.own(new Ewc(lambda, importance)));
        };
    }

    private static Method.Attachment selfReplay(double ratio) {
        return (trainer, run) -> {
            long wanted = (long) Math.ceil(run.rows() * ratio);
            int samples = (int) Math.max(1, Math.min(MAX_SELF_SAMPLES, wanted));
            SelfGenerated generator = new SelfGenerated(samples, run.length(), run.seed());
            run.addOverhead((long) samples * run.length());
            trainer.with(new ExperienceReplay(generator.write(run.base()), ratio));
        };
    }

    private static Method.Attachment kl(double beta) {
        return (trainer, run) -> {
            run.addOverhead(run.rows() * run.length());
            trainer.with(new KlToBase(run.base(), beta));
        };
    }
}
