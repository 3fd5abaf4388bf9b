package org.retain4j.replay.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Random;

/**
 * Filters for written examples that need no judge; in place of the graded quality, reward and
 * embedding filters of Magpie (Xu et al. 2024, arXiv:2406.08464).
 *
 * <p>All keep the first of several that exclude each other, and the order. Stateless.
 */
public final class ExampleFilters {

    private static final int SHINGLE = 3;
    private static final int HASHES = 128;
    private static final int BANDS = 32;
    private static final Pattern SPACE = Pattern.compile("[^\\p{L}\\p{N}]+");
    private static final Pattern REFUSAL =
            Pattern.compile(
                    "^(i['’]m sorry|i am sorry|sorry,|i can(no|['’])t|i(['’]m| am) (not able|unable)"
                            + "|as an ai\\b|i apologi[sz]e|unfortunately, i)",
                    Pattern.CASE_INSENSITIVE);

    private ExampleFilters() {}

    private static ExampleFilter of(String name, Predicate<PseudoExample> kept) {
        return new ExampleFilter() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public List<PseudoExample> keep(List<PseudoExample> examples) {
                return examples.stream().filter(kept).toList();
            }
        };
    }

    /**
     * Keeps prompts with at least so many letters or digits, and answers with any.
     *
     * @param least 1 or more
     */
    public static ExampleFilter length(int least) {
        return of(
                "length",
                example -> letters(example.prompt()) >= least && letters(example.answer()) > 0);
    }

    private static long letters(String text) {
        return text.codePoints().filter(Character::isLetterOrDigit).count();
    }

    /** Drops prompts that end in a colon, after which something is missing. */
    public static ExampleFilter complete() {
        return of("colon", example -> !example.prompt().strip().endsWith(":"));
    }

    /**
     * Keeps examples whose letters are of a script for at least a share.
     *
     * @param share in [0, 1]
     */
    public static ExampleFilter script(Character.UnicodeScript script, double share) {
        return of(
                "script",
                example -> {
                    String text = example.prompt() + example.answer();
                    long all = text.codePoints().filter(Character::isLetter).count();
                    long own =
                            text.codePoints()
                                    .filter(Character::isLetter)
                                    .filter(c -> Character.UnicodeScript.of(c) == script)
                                    .count();
                    return all == 0 || own >= share * all;
                });
    }

    /** Drops answers that begin as a refusal in English does. */
    public static ExampleFilter refusal() {
        return of("refusal", example -> !REFUSAL.matcher(example.answer().strip()).find());
    }

    /**
     * Keeps examples in which less than a share of the runs of four words in prompt or answer were
     * there before in the same text.
     *
     * @param below in (0, 1]
     */
    public static ExampleFilter repetition(double below) {
        return of(
                "repetition",
                example ->
                        repetition(example.prompt()) < below
                                && repetition(example.answer()) < below);
    }

    /** Returns the share of runs of four words that were there before; 0 for shorter texts. */
    static double repetition(String text) {
        List<String> words = words(text);
        int runs = words.size() - 3;
        if (runs < 1) {
            return 0;
        }
        Set<List<String>> different = new HashSet<>();
        for (int i = 0; i < runs; i++) {
            different.add(List.copyOf(words.subList(i, i + 4)));
        }
        return (runs - different.size()) / (double) runs;
    }

    private static List<String> words(String text) {
        return Arrays.stream(SPACE.split(text.toLowerCase(Locale.ROOT)))
                .filter(word -> !word.isEmpty())
                .toList();
    }

    /**
     * Keeps examples whose prompt a model finds neither dull nor nonsense: the perplexity of its
     * tokens is in a band.
     *
     * <p>Costs a forward pass of every prompt.
     *
     * @param low lowest, 1 or more
     * @param high highest
     */
    public static ExampleFilter perplexity(CausalLm model, double low, double high) {
        if (!(low >= 0) || !(high > low)) {
            throw new IllegalArgumentException(
                    "a band of perplexity goes from low to high, not from " + low + " to " + high);
        }
        return of(
                "perplexity",
                example -> {
                    double perplexity = perplexity(model, example.prompt());
                    return perplexity >= low && perplexity <= high;
                });
    }

    static double perplexity(CausalLm model, String text) {
        int[] ids = model.tokenizer().encode(text);
        int[] cut = Arrays.copyOf(ids, Math.min(ids.length, model.spec().maxPositions()));
        if (cut.length < 2) {
            return Double.POSITIVE_INFINITY;
        }
        double sum = Arrays.stream(model.tokenLogProbs(TokenBatch.of(cut))[0]).sum();
        return Math.exp(-sum / (cut.length - 1));
    }

    /**
     * Drops prompts that are nearly those of an earlier example: the share of runs of three words
     * that two have in common (Jaccard), estimated from 128 minima of hashes (Broder 1997,
     * doi:10.1109/SEQUEN.1997.666900), is at least a bound.
     *
     * @param bound in (0, 1]
     */
    public static ExampleFilter nearDuplicates(double bound) {
        return new ExampleFilter() {
            @Override
            public String name() {
                return "duplicate";
            }

            @Override
            public List<PseudoExample> keep(List<PseudoExample> examples) {
                return distinct(examples, bound);
            }
        };
    }

    private static List<PseudoExample> distinct(List<PseudoExample> examples, double bound) {
        List<PseudoExample> kept = new ArrayList<>();
        List<long[]> signatures = new ArrayList<>();
        Map<Long, List<Integer>> buckets = new HashMap<>();
        for (PseudoExample example : examples) {
            long[] signature = signature(example.prompt());
            Set<Integer> candidates = new LinkedHashSet<>();
            for (int band = 0; band < BANDS; band++) {
                candidates.addAll(buckets.getOrDefault(bucket(signature, band), List.of()));
            }
            if (candidates.stream()
                    .noneMatch(other -> alike(signatures.get(other), signature) >= bound)) {
                for (int band = 0; band < BANDS; band++) {
                    buckets.computeIfAbsent(bucket(signature, band), key -> new ArrayList<>())
                            .add(kept.size());
                }
                kept.add(example);
                signatures.add(signature);
            }
        }
        return kept;
    }

    /** Returns the key of some of the minima; texts that are alike share one of them. */
    private static long bucket(long[] signature, int band) {
        int width = HASHES / BANDS;
        long key = band;
        for (int i = band * width; i < (band + 1) * width; i++) {
            key = mixed(key * 31 + signature[i]);
        }
        return key;
    }

    private static double alike(long[] a, long[] b) {
        int equal = 0;
        for (int i = 0; i < HASHES; i++) {
            equal += a[i] == b[i] ? 1 : 0;
        }
        return equal / (double) HASHES;
    }

    private static long[] signature(String text) {
        List<String> words = words(text);
        long[] least = new long[HASHES];
        Arrays.fill(least, Long.MAX_VALUE);
        int runs = Math.max(1, words.size() - SHINGLE + 1);
        for (int run = 0; run < runs; run++) {
            List<String> shingle = words.subList(run, Math.min(words.size(), run + SHINGLE));
            long hash = 1;
            for (String word : shingle) {
                for (int i = 0; i < word.length(); i++) {
                    hash = mixed(hash * 31 + word.charAt(i));
                }
                hash = mixed(hash + 1);
            }
            for (int h = 0; h < HASHES; h++) {
                least[h] = Math.min(least[h], mixed(hash ^ SALTS[h]));
            }
        }
        return least;
    }

    private static final long[] SALTS = salts();

    private static long[] salts() {
        Random random = Random.at(0, 0, "minhash");
        long[] salts = new long[HASHES];
        for (int h = 0; h < HASHES; h++) {
            salts[h] = random.nextLong();
        }
        return salts;
    }

    /** The finalizer of MurmurHash3, a bijection that scatters all bits. */
    private static long mixed(long value) {
        long z = value;
        z = (z ^ (z >>> 33)) * 0xff51afd7ed558ccdL;
        z = (z ^ (z >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return z ^ (z >>> 33);
    }
}
