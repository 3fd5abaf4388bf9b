package org.retain4j.lora;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Makes one adapter of several, as PEFT's {@code add_weighted_adapter} does.
 *
 * <p>{@code cat} and {@code svd} work on products B A; {@code linear}, {@code ties}, {@code
 * dare_linear}, {@code dare_ties} and {@code magnitude_prune} on A and B by themselves, each with
 * the root of weight times scale, so that what they give is not the sum of the products; with
 * {@code _svd} they work on products. Immutable.
 */
public final class LoraCombine {

    /** How adapters are combined. */
    public enum Type {
        /** Weighted sum of A and of B (PEFT's default for equal ranks is svd). */
        LINEAR,
        /** Factors side by side: the exact weighted sum of products, of the sum of ranks. */
        CAT,
        /** Best approximation of the weighted sum of products. */
        SVD,
        /** Small entries dropped, signs elected, the rest averaged (arXiv:2306.01708). */
        TIES,
        /** TIES on products. */
        TIES_SVD,
        /** Random entries dropped, the rest enlarged (arXiv:2311.03099). */
        DARE_LINEAR,
        /** Random entries dropped, then signs elected as in TIES. */
        DARE_TIES,
        /** DARE_LINEAR on products. */
        DARE_LINEAR_SVD,
        /** DARE_TIES on products. */
        DARE_TIES_SVD,
        /** Small entries dropped. */
        MAGNITUDE_PRUNE,
        /** MAGNITUDE_PRUNE on products. */
        MAGNITUDE_PRUNE_SVD;

        /** Returns PEFT's name, for example {@code ties_svd}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

        /**
         * Reads PEFT's name.
         *
         * @throws IllegalArgumentException for any other text
         */
        public static Type parse(String name) {
            for (Type type : values()) {
                if (type.toString().equals(name)) {
                    return type;
                }
            }
            throw new IllegalArgumentException(
                    "unknown combination \""
                            + name
                            + "\"; expected one of "
                            + String.join(
                                    ", ", Arrays.stream(values()).map(Type::toString).toList()));
        }

        boolean ofProducts() {
            return this == SVD || name().endsWith("_SVD");
        }

        boolean isPruned() {
            return this != LINEAR && this != CAT && this != SVD;
        }

        boolean isRandom() {
            return name().startsWith("DARE");
        }

        boolean elects() {
            return name().contains("TIES");
        }
    }

    private record Source(Path folder, double weight) {}

    private final List<Source> sources;
    private final Type type;
    private final int svdRank;
    private final double density;
    private final boolean byFrequency;
    private final long seed;

    private LoraCombine(
            List<Source> sources,
            Type type,
            int svdRank,
            double density,
            boolean byFrequency,
            long seed) {
        this.sources = List.copyOf(sources);
        this.type = type;
        this.svdRank = svdRank;
        this.density = density;
        this.byFrequency = byFrequency;
        this.seed = seed;
    }

    /** Starts with no adapter. */
    public static LoraCombine as(Type type) {
        return new LoraCombine(List.of(), type, 0, 1, false, 0);
    }

    /** Adds the adapter of a folder. */
    public LoraCombine add(Path folder, double weight) {
        if (!Double.isFinite(weight)) {
            throw new IllegalArgumentException(
                    "the weight of " + folder + " must be a number, is " + weight);
        }
        List<Source> more = new ArrayList<>(sources);
        more.add(new Source(folder, weight));
        return new LoraCombine(more, type, svdRank, density, byFrequency, seed);
    }

    /** Sets the rank of combinations of products; the largest of the adapters' unless set. */
    public LoraCombine svdRank(int value) {
        if (value < 1) {
            throw new IllegalArgumentException("svd_rank must be at least 1, is " + value);
        }
        return new LoraCombine(sources, type, value, density, byFrequency, seed);
    }

    /** Sets the share of entries that stay, from above 0 to 1. */
    public LoraCombine density(double value) {
        if (!(value > 0 && value <= 1)) {
            throw new IllegalArgumentException(
                    "density must be above 0 and at most 1, is " + value);
        }
        return new LoraCombine(sources, type, svdRank, value, byFrequency, seed);
    }

    /** Elects signs by their number instead of by the sum of values. */
    public LoraCombine majorityByFrequency() {
        return new LoraCombine(sources, type, svdRank, density, true, seed);
    }

    /** Sets the seed of what is dropped at random. */
    public LoraCombine seed(long value) {
        return new LoraCombine(sources, type, svdRank, density, byFrequency, value);
    }

    /**
     * Writes the combination.
     *
     * @param out folder of the new adapter, made if missing
     * @return rank of the new adapter
     * @throws LoraException if an adapter is damaged, is more than products of matrices, or they do
     *     not fit each other
     * @throws IOException if a file cannot be read or written
     */
    public int run(Path out) throws IOException {
        if (sources.isEmpty()) {
            throw new LoraException("a combination needs at least one adapter");
        }
        List<StoredAdapter> adapters = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            for (Source source : sources) {
                adapters.add(StoredAdapter.open(source.folder()));
            }
            return combine(adapters, out);
        } finally {
            adapters.forEach(StoredAdapter::close);
        }
    }

    private int combine(List<StoredAdapter> adapters, Path out) throws IOException {
        TreeSet<String> modules = new TreeSet<>();
        int largest = 0;
        int sum = 0;
        for (StoredAdapter adapter : adapters) {
            requirePlain(adapter);
            modules.addAll(adapter.modules().keySet());
            int own = adapter.config().r();
            for (String module : adapter.modules().keySet()) {
                own = Math.max(own, adapter.config().rankOf(module));
            }
            if (type != Type.CAT && !type.ofProducts() && largest > 0 && own != largest) {
                throw new LoraException(
                        type
                                + " needs adapters of one rank, but "
                                + adapter.folder()
                                + " has "
                                + own
                                + " and another "
                                + largest
                                + "; use cat or svd");
            }
            largest = Math.max(largest, own);
            sum = Math.addExact(sum, own);
        }
        int rank = type == Type.CAT ? sum : largest;
        rank = type.ofProducts() && svdRank > 0 ? svdRank : rank;
        Map<String, AdapterWriter.Value> values = new LinkedHashMap<>();
        Map<String, Integer> ranks = new LinkedHashMap<>();
        boolean embedding = false;
        for (String module : modules) {
            Combined both = combine(adapters, module, rank);
            String key = StoredAdapter.PREFIX + module;
            embedding |= both.isEmbedding();
            values.put(
                    key + (both.isEmbedding() ? ".lora_embedding_A" : ".lora_A.weight"), both::a);
            values.put(
                    key + (both.isEmbedding() ? ".lora_embedding_B" : ".lora_B.weight"), both::b);
            int own = Math.toIntExact(both.a().size(0));
            if (own != rank) {
                ranks.put(module, own);
            }
        }
        LoraConfig first = adapters.get(0).config();
        boolean same = adapters.stream().allMatch(a -> a.modules().keySet().equals(modules));
        int newRank = rank;
        Map<String, Double> alphas = new LinkedHashMap<>();
        ranks.forEach((module, own) -> alphas.put(module, (double) own));
        LoraConfig config =
                first.with(
                        draft -> {
                            draft.r = newRank;
                            draft.alpha = newRank;
                            draft.rslora = false;
                            draft.rankPattern = ranks;
                            draft.alphaPattern = alphas;
                            draft.init = "true";
                            if (!same || draft.targets == null) {
                                draft.targets = Targets.of(List.copyOf(modules));
                                draft.layers = null;
                                draft.layersPattern = List.of();
                                draft.exclude = null;
                            }
                        });
        boolean transposed = adapters.stream().anyMatch(StoredAdapter::isTransposed);
        new AdapterWriter(config, transposed, values).write(out);
        return rank;
    }

    private static void requirePlain(StoredAdapter adapter) throws LoraException {
        adapter.requireOwnBase();
        boolean embeddings =
                adapter.wholes().keySet().stream()
                        .allMatch(
                                name ->
                                        name.endsWith(".weight")
                                                && adapter.modules()
                                                        .containsKey(
                                                                name.substring(
                                                                        0, name.length() - 7)));
        if (adapter.config().useDora() || !embeddings || !adapter.tokenRows().isEmpty()) {
            throw new LoraException(
                    adapter.folder()
                            + " is more than products of two matrices (DoRA, modules_to_save,"
                            + " biases or rows of tokens) and cannot be combined");
        }
    }

    private record Combined(Tensor a, Tensor b, boolean isEmbedding) {}

    private Combined combine(List<StoredAdapter> adapters, String module, int rank)
            throws LoraException {
        try (Scope scope = Scope.open()) {
            List<Tensor> as = new ArrayList<>();
            List<Tensor> bs = new ArrayList<>();
            List<Double> weights = new ArrayList<>();
            boolean embedding = false;
            for (int i = 0; i < adapters.size(); i++) {
                StoredAdapter adapter = adapters.get(i);
                StoredAdapter.Matrices own = adapter.modules().get(module);
                if (own == null) {
                    continue;
                }
                embedding = own.isEmbedding();
                as.add(adapter.read(own.a()));
                bs.add(adapter.read(own.b()));
                weights.add(sources.get(i).weight() * adapter.config().scaleOf(module));
                requireSame(adapter, module, as, bs);
            }
            Tensor a;
            Tensor b;
            if (type == Type.CAT) {
                List<Tensor> scaled = new ArrayList<>();
                for (int i = 0; i < as.size(); i++) {
                    scaled.add(as.get(i).mul(weights.get(i)));
                }
                a = Tensor.cat(scaled, 0);
                b = Tensor.cat(bs, 1);
            } else if (type.ofProducts()) {
                List<Tensor> products = new ArrayList<>();
                List<Double> shares = new ArrayList<>();
                for (int i = 0, at = 0; i < adapters.size(); i++) {
                    if (adapters.get(i).modules().containsKey(module)) {
                        double scale = adapters.get(i).config().scaleOf(module);
                        products.add(bs.get(at).matmul(as.get(at)).mul(scale));
                        shares.add(sources.get(i).weight());
                        at++;
                    }
                }
                List<Tensor> svd =
                        Kernels.callForList("svd", sum(products, shares, module + " BA"));
                long own = Math.min(rank, svd.get(1).elements());
                a = svd.get(2).narrow(0, 0, own);
                b = svd.get(0).narrow(1, 0, own).mul(svd.get(1).narrow(0, 0, own));
            } else {
                List<Double> roots = new ArrayList<>();
                List<Double> signed = new ArrayList<>();
                for (double weight : weights) {
                    roots.add(Math.sqrt(Math.abs(weight)));
                    // the sign goes to one of both factors, or it would cancel
                    signed.add(Math.copySign(Math.sqrt(Math.abs(weight)), weight));
                }
                a = sum(as, signed, module + " A");
                b = sum(bs, roots, module + " B");
            }
            return new Combined(
                    scope.passOut(a.contiguous()), scope.passOut(b.contiguous()), embedding);
        }
    }

    private static void requireSame(
            StoredAdapter adapter, String module, List<Tensor> as, List<Tensor> bs)
            throws LoraException {
        Tensor a = as.get(as.size() - 1);
        Tensor b = bs.get(bs.size() - 1);
        if (a.size(1) != as.get(0).size(1) || b.size(0) != bs.get(0).size(0)) {
            throw new LoraException(
                    adapter.folder()
                            + " has A "
                            + a
                            + " and B "
                            + b
                            + " for "
                            + module
                            + " but another adapter A "
                            + as.get(0)
                            + " and B "
                            + bs.get(0)
                            + "; they are for different models");
        }
    }

    private Tensor sum(List<Tensor> parts, List<Double> weights, String site) {
        List<Tensor> kept = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            kept.add(pruned(parts.get(i), site + " " + i));
        }
        return Kernels.call(
                "weighted_sum",
                kept,
                weights.stream().mapToDouble(Double::doubleValue).toArray(),
                type.elects() ? (byFrequency ? 2 : 1) : 0);
    }

    private Tensor pruned(Tensor x, String site) {
        if (!type.isPruned() || density >= 1) {
            return x;
        }
        if (type.isRandom()) {
            long own = Random.at(seed, 0, "lora-combine " + site).nextLong() >>> 1;
            return x.mul(Kernels.call("dropout_mask", x, 1 - density, own));
        }
        return Kernels.call("largest_kept", x, (long) (density * x.elements()));
    }
}
