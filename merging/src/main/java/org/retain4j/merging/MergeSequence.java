package org.retain4j.merging;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Folders;

/**
 * Runs the plans of a file with several documents: a plan with a {@code name} can be a model of the
 * others under that name, and one plan makes the result.
 *
 * <pre>{@code
 * MergeSequence.of(MergePlan.readAll(Path.of("merge.yml")), merge -> merge).run(out);
 * }</pre>
 *
 * <p>The result is what the plan without a name makes, or else the last. Models in between lie in a
 * hidden folder beside the result until that is there; after an interruption those that are
 * finished are taken over. Immutable.
 */
public final class MergeSequence {

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

    private final List<MergePlan> order;
    private final UnaryOperator<Merge> settings;

    private MergeSequence(List<MergePlan> order, UnaryOperator<Merge> settings) {
        this.order = order;
        this.settings = settings;
    }

    /**
     * Puts plans into an order in which each comes after those it needs.
     *
     * @param plans at least one
     * @param settings sets the root, memory, progress and so on of every merge
     * @throws MergeException if a plan that is not the result has no name, a name is used twice, or
     *     plans need each other
     */
    public static MergeSequence of(List<MergePlan> plans, UnaryOperator<Merge> settings)
            throws MergeException {
        MergePlan result = result(plans);
        Map<String, MergePlan> named = new LinkedHashMap<>();
        for (MergePlan plan : plans) {
            if (plan == result && plan.name == null) {
                continue;
            }
            String name = String.valueOf(plan.name);
            if (!NAME.matcher(name).matches() || named.put(name, plan) != null) {
                throw new MergeException(
                        plan.file
                                + ": the name "
                                + name
                                + " is used twice or is more than letters, digits, . _ and -");
            }
        }
        Set<MergePlan> order = new LinkedHashSet<>();
        add(result, named, order, new LinkedHashSet<>());
        for (MergePlan plan : plans) {
            if (!order.contains(plan)) {
                throw new MergeException(
                        plan.file
                                + ": no plan needs the model "
                                + plan.name
                                + "; leave it out or name it as a model");
            }
        }
        return new MergeSequence(List.copyOf(order), settings);
    }

    private static MergePlan result(List<MergePlan> plans) throws MergeException {
        MergePlan result = null;
        for (MergePlan plan : plans) {
            if (plan.name == null) {
                if (result != null) {
                    throw new MergeException(
                            plan.file
                                    + " has two plans without a name; give all but the result one,"
                                    + " as in name: first");
                }
                result = plan;
            }
        }
        return result != null ? result : plans.get(plans.size() - 1);
    }

    private static void add(
            MergePlan plan,
            Map<String, MergePlan> named,
            Set<MergePlan> order,
            Set<MergePlan> waiting)
            throws MergeException {
        if (order.contains(plan)) {
            return;
        }
        if (!waiting.add(plan)) {
            throw new MergeException(
                    plan.file + ": the plan " + plan.name + " needs itself through its models");
        }
        for (ModelReference model : plan.needed()) {
            MergePlan before = named.get(model.path());
            if (before != null) {
                add(before, named, order, waiting);
            }
        }
        order.add(plan);
    }

    /**
     * Writes the result.
     *
     * @param out folder, made if missing; not one of the models
     * @return warnings of all merges, each one sentence
     * @throws MergeException if a plan does not fit its models
     * @throws IOException if a file cannot be read or written
     */
    public List<String> run(Path out) throws IOException {
        List<String> warnings = new ArrayList<>();
        Path target = out.toAbsolutePath().normalize();
        Path between = target.resolveSibling("." + target.getFileName() + ".merges");
        Map<String, Path> done = new LinkedHashMap<>();
        for (MergePlan plan : order) {
            Merge merge = settings.apply(Merge.of(plan)).named(done);
            if (plan == order.get(order.size() - 1)) {
                warnings.addAll(merge.run(out));
                Folders.delete(between);
                return warnings;
            }
            String name = String.valueOf(plan.name);
            Path folder = between.resolve(name);
            Path note = between.resolve(name + ".key");
            String key = merge.key();
            if (!key.equals(text(note)) || !isWhole(folder)) {
                Files.deleteIfExists(note);
                for (String warning : merge.run(folder)) {
                    warnings.add(name + ": " + warning);
                }
                AtomicFile.write(note, key.getBytes(StandardCharsets.UTF_8));
            }
            done.put(name, folder);
        }
        return warnings;
    }

    private static @Nullable String text(Path note) throws IOException {
        return Files.isRegularFile(note) ? Files.readString(note) : null;
    }

    private static boolean isWhole(Path folder) throws IOException {
        try {
            Merge.verify(folder);
            return true;
        } catch (MergeException e) {
            return false;
        }
    }
}
