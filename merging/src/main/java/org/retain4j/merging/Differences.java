package org.retain4j.merging;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.tensor.DType;

/** Where a merge is unlike that of mergekit 0.1.4, decided before any weight is read. */
final class Differences {

    private static final int NAMED = 3;

    private Differences() {}

    /** Returns a sentence for each kind of difference; none under parity. */
    static List<String> of(MergePlan plan, List<MergeJob> jobs) {
        Map<String, List<String>> kinds = new LinkedHashMap<>();
        if (plan.parity) {
            return List.of();
        }
        for (MergeJob job : jobs) {
            String name = job.output().name();
            for (String kind : job.unlike()) {
                kinds.computeIfAbsent(kind, key -> new ArrayList<>()).add(name);
            }
            MergeJob.Input reference = job.base() != null ? job.base() : job.models().get(0);
            DType stored = reference.info().dtype();
            DType computed = plan.dtype != null ? plan.dtype : stored;
            if (stored.isFloatingPoint()
                    && computed.bytes() < DType.FLOAT32.bytes()
                    && !plan.method.info().name().equals("passthrough")) {
                kinds.computeIfAbsent(
                                "arithmetic is float32 with one rounding; mergekit rounds every"
                                        + " step to "
                                        + computed,
                                key -> new ArrayList<>())
                        .add(name);
            }
            if (plan.method.info().name().startsWith("breadcrumbs") && outliersVanish(job)) {
                kinds.computeIfAbsent(
                                "all changes are kept, as gamma finds no outliers among so few"
                                        + " entries; mergekit drops all of them",
                                key -> new ArrayList<>())
                        .add(name);
            }
        }
        List<String> sentences = new ArrayList<>();
        String method = plan.method.info().name();
        if (method.startsWith("dare") || method.startsWith("della")) {
            sentences.add(
                    "random numbers depend on the seed and on the names of tensors; mergekit's on"
                            + " the order in which tensors are merged");
        }
        kinds.forEach((kind, names) -> sentences.add(kind + " (" + list(names) + ")"));
        return sentences;
    }

    private static String list(List<String> names) {
        String first = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
        int more = names.size() - NAMED;
        return names.size()
                + (names.size() == 1 ? " tensor: " : " tensors: ")
                + first
                + (more > 0 ? " …" : "");
    }

    private static boolean outliersVanish(MergeJob job) {
        double size = 1;
        for (long n : job.output().shape()) {
            size *= n;
        }
        for (Map<String, Double> own : job.own()) {
            double gamma = own.getOrDefault("gamma", 0.01);
            if (own.getOrDefault("density", 1.0) < 1 && gamma > 0 && gamma * size < 1) {
                return true;
            }
        }
        return false;
    }
}
