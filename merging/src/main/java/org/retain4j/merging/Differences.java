package org.retain4j.merging;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.retain4j.core.tensor.DType;

/** Where a merge is unlike that of mergekit 0.1.4, decided before any weight is read. */
final class Differences {

    private static final int NAMED = 3;

    /** Methods whose steps parity rounds to bfloat16 as the reference does. */
    private static final Set<String> REPEATED =
            Set.of("linear", "slerp", "task_arithmetic", "ties", "model_stock", "passthrough");

    private Differences() {}

    /** Returns a sentence for each kind of difference; under parity only for what it leaves. */
    static List<String> of(MergePlan plan, List<MergeJob> jobs) {
        Map<String, List<String>> kinds = new LinkedHashMap<>();
        for (MergeJob job : jobs) {
            String name = job.output().name();
            if (plan.parity) {
                if (isRoundedOnce(plan, job)) {
                    kinds.computeIfAbsent(
                                    plan.method.info().name()
                                            + " is computed in float32 and rounded once; mergekit"
                                            + " rounds every step to bfloat16",
                                    key -> new ArrayList<>())
                            .add(name);
                }
                continue;
            }
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
        String template = plan.chatTemplate;
        if (template != null && NamedTemplates.names().contains(template)) {
            if (!template.equals("chatml")) {
                sentences.add(
                        "the chat template "
                                + template
                                + " is our own; mergekit's has other white space and line breaks");
            }
        }
        kinds.forEach((kind, names) -> sentences.add(kind + " (" + list(names) + ")"));
        return sentences;
    }

    /** Returns whether parity does not repeat the steps of bfloat16 arithmetic. */
    private static boolean isRoundedOnce(MergePlan plan, MergeJob job) {
        MergeJob.Input reference = job.base() != null ? job.base() : job.models().get(0);
        DType computed = plan.dtype != null ? plan.dtype : reference.info().dtype();
        boolean rescaled = job.settings().getOrDefault("rescale", 0.0) != 0;
        return computed == DType.BFLOAT16
                && (rescaled || !REPEATED.contains(plan.method.info().name()));
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
