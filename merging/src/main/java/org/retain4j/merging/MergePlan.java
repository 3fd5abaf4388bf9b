package org.retain4j.merging;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.MergeMethod;

/**
 * What to merge and how, in the YAML of mergekit 0.1.4.
 *
 * <p>Three keys are of this library: {@code parity: mergekit-0.1.4} reproduces numbers of mergekit
 * where the methods here differ on purpose, {@code seed} starts the random numbers, and {@code
 * outer: ends} or {@code start} says whether tensors after the layers have the last or the first
 * value of a gradient. Unknown keys and parameters are refused. Immutable.
 */
public final class MergePlan {

    private static final long MAX_BYTES = 1 << 20;

    /** Layers of a model; {@code to} is −1 for all there are. */
    record Source(
            ModelReference model, int from, int to, Map<String, PlanValue> parameters, int line) {}

    /** Layers that are made from the same number of layers of each source. */
    record Slice(
            List<Source> sources,
            @Nullable ModelReference base,
            Map<String, PlanValue> parameters,
            int line) {}

    /**
     * Tensors that are made from slices of the same kind.
     *
     * @param name a part of the names of its tensors between dots; empty for all tensors
     * @param parameters parameters of the module and of the whole plan, the nearest first
     */
    record Module(String name, List<Slice> slices, List<Map<String, PlanValue>> parameters) {
        boolean has(String tensor) {
            return name.isEmpty() || ('.' + tensor + '.').contains('.' + name + '.');
        }
    }

    final String file;
    final String text;
    final MergeMethod method;
    final @Nullable ModelReference base;
    final List<Module> modules;
    final List<String> warnings;
    final @Nullable String name;

    /** File with what the method must know about a model, as the plan names it. */
    final Map<ModelReference, String> statistics;

    final @Nullable DType dtype;
    final @Nullable DType outDtype;
    final @Nullable TokenPlan tokens;
    final @Nullable String chatTemplate;
    final boolean parity;
    final boolean outerStart;
    final long seed;

    MergePlan(String file, String text, PlanReader reader) {
        this.file = file;
        this.text = text;
        this.method = reader.method;
        this.base = reader.base;
        this.modules = List.copyOf(reader.modules);
        this.warnings = List.copyOf(reader.warnings);
        this.name = reader.name;
        this.statistics = Map.copyOf(reader.statistics);
        this.dtype = reader.dtype;
        this.outDtype = reader.outDtype;
        this.tokens = reader.tokens;
        this.chatTemplate = reader.chatTemplate;
        this.parity = reader.parity;
        this.outerStart = reader.outerStart;
        this.seed = reader.seed;
    }

    /**
     * Reads a file with one plan.
     *
     * @throws MergeException if the file is larger than 1 MiB, not YAML, or says what is not
     *     possible, with the line
     * @throws IOException if it cannot be read
     */
    public static MergePlan read(Path file) throws IOException {
        return one(file.toString(), readAll(file));
    }

    /**
     * Reads all plans of a file, which {@link MergeSequence} puts in order.
     *
     * @throws MergeException as {@link #read}
     * @throws IOException if it cannot be read
     */
    public static List<MergePlan> readAll(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new MergeException(file + " does not exist; expected a merge plan in YAML");
        }
        if (Files.size(file) > MAX_BYTES) {
            throw new MergeException(file + " is larger than 1 MiB; expected a merge plan");
        }
        try {
            return parseAll(file.toString(), Files.readString(file));
        } catch (CharacterCodingException e) {
            throw new MergeException(file + " is not UTF-8; save it again in that encoding", e);
        }
    }

    /**
     * Reads a plan from a text.
     *
     * @param file name for messages
     */
    public static MergePlan parse(String file, String text) throws MergeException {
        return one(file, parseAll(file, text));
    }

    /**
     * Reads all plans of a text.
     *
     * @param file name for messages
     */
    public static List<MergePlan> parseAll(String file, String text) throws MergeException {
        List<MergePlan> plans = new ArrayList<>();
        for (PlanNode document : PlanNode.parse(file, text)) {
            plans.add(new MergePlan(file, text, new PlanReader(document)));
        }
        if (plans.isEmpty()) {
            throw new MergeException(file + " is empty; expected a merge plan");
        }
        return plans;
    }

    private static MergePlan one(String file, List<MergePlan> plans) throws MergeException {
        if (plans.size() != 1) {
            throw new MergeException(
                    file
                            + " holds "
                            + plans.size()
                            + " documents; expected one plan, or a sequence to be run as such");
        }
        return plans.get(0);
    }

    /** Returns the method. */
    public MergeMethod method() {
        return method;
    }

    /** Returns the base model. */
    public Optional<ModelReference> base() {
        return Optional.ofNullable(base);
    }

    /** Returns all models that are merged, the base first. */
    public List<ModelReference> models() {
        Set<ModelReference> all = new LinkedHashSet<>();
        base().ifPresent(all::add);
        for (Slice slice : slices()) {
            if (slice.base() != null) {
                all.add(slice.base());
            }
            slice.sources().forEach(source -> all.add(source.model()));
        }
        return List.copyOf(all);
    }

    /** Returns all models that are opened: those that are merged and those that give rows. */
    Set<ModelReference> needed() {
        Set<ModelReference> all = new LinkedHashSet<>(models());
        if (tokens != null) {
            all.addAll(tokens.models());
        }
        return all;
    }

    List<Slice> slices() {
        return modules.stream().flatMap(module -> module.slices().stream()).toList();
    }
}
