package org.retain4j.merging;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.FloatSource;
import org.retain4j.merging.method.MethodInfo;
import org.retain4j.merging.method.Setting;

/**
 * A tensor to write with all that is needed to make it, decided before any weight is read.
 *
 * @param output name, type and shape in the merged model
 * @param base stored tensor of the base, null where the method has none
 * @param models stored tensors of the models
 * @param settings values for the tensor
 * @param own values for each model
 * @param unlike in what ways mergekit would make another tensor
 */
record MergeJob(
        TensorSpec output,
        @Nullable Input base,
        List<Input> models,
        Map<String, Double> settings,
        List<Map<String, Double>> own,
        Set<String> unlike) {

    /**
     * A stored tensor.
     *
     * @param rows where its rows come from, if tokens have other places in the merged model
     */
    record Input(Weights weights, TensorInfo info, @Nullable TokenRows rows) {

        Input with(TokenRows value) {
            return new Input(weights, info, value);
        }

        List<Long> shape() {
            return rows == null ? info.shape() : List.of((long) rows.rows(), info.shape().get(1));
        }

        /** Returns the elements, for one thread. */
        FloatSource open(TokenRows.Opener opener) throws IOException {
            return rows == null ? opener.open(this) : rows.open(opener);
        }
    }

    /**
     * Returns the tensors of the merged model in the order of its layers, under parity in that of
     * their names.
     */
    static List<MergeJob> plan(
            MergePlan plan, MergeInputs inputs, MergeTokenizer tokenizer, Consumer<String> warnings)
            throws MergeException {
        plan.warnings.forEach(warnings);
        List<MergeJob> jobs = new Planner(plan, inputs, tokenizer, warnings).run();
        if (plan.parity) {
            // The order of the reference, which decides what shard a tensor lies in.
            jobs.sort(Comparator.comparing(job -> job.output().name()));
        }
        return jobs;
    }

    private static final class Planner {

        private final MergePlan plan;
        private final MergeInputs inputs;
        private final MergeTokenizer tokenizer;
        private final Consumer<String> warnings;
        private final Map<String, MergeJob> jobs = new LinkedHashMap<>();
        private MergePlan.Module module;

        Planner(
                MergePlan plan,
                MergeInputs inputs,
                MergeTokenizer tokenizer,
                Consumer<String> warnings) {
            this.plan = plan;
            this.inputs = inputs;
            this.tokenizer = tokenizer;
            this.warnings = warnings;
            this.module = plan.modules.get(0);
        }

        List<MergeJob> run() throws MergeException {
            requireModules();
            for (MergePlan.Module next : plan.modules) {
                module = next;
                List<MergePlan.Slice> slices = module.slices();
                outer(slices.get(0), true);
                int offset = 0;
                for (MergePlan.Slice slice : slices) {
                    offset += layers(slice, offset);
                }
                outer(slices.get(slices.size() - 1), false);
            }
            return new ArrayList<>(jobs.values());
        }

        /** Fails unless every tensor is in exactly one module. */
        private void requireModules() throws MergeException {
            for (ModelReference model : plan.models()) {
                for (String name : inputs.get(model).tensors().keySet()) {
                    long count = plan.modules.stream().filter(part -> part.has(name)).count();
                    if (count != 1) {
                        throw new MergeException(
                                plan.file
                                        + ": the tensor "
                                        + name
                                        + " of "
                                        + model
                                        + " is in "
                                        + count
                                        + " modules; expected one whose name is a part of the"
                                        + " tensor's between dots");
                    }
                }
            }
        }

        /** Adds what comes before or after the layers. */
        private void outer(MergePlan.Slice slice, boolean before) throws MergeException {
            double place = before || plan.outerStart ? 0 : 1;
            for (String name : names(slice)) {
                if (Layers.of(name).isEmpty() && Layers.isEmbedding(name) == before) {
                    add(slice, name, -1, 0, place);
                }
            }
        }

        private int layers(MergePlan.Slice slice, int offset) throws MergeException {
            int length = -1;
            for (MergePlan.Source source : slice.sources()) {
                int there = MergeInputs.layers(inputs.get(source.model()), module);
                int to = source.to() < 0 ? there : source.to();
                if (to > there) {
                    throw error(
                            source.line(), source.model() + " has " + there + " layers, not " + to);
                }
                if (length >= 0 && length != to - source.from()) {
                    throw error(
                            source.line(),
                            source.model()
                                    + " has "
                                    + (to - source.from())
                                    + " layers and the models before it "
                                    + length
                                    + "; expected the same number");
                }
                length = to - source.from();
            }
            Map<Integer, Set<String>> byLayer = new LinkedHashMap<>();
            int start = slice.sources().get(0).from();
            for (MergePlan.Source source : slice.sources()) {
                for (String name : inputs.get(source.model()).tensors().keySet()) {
                    OptionalInt layer = Layers.of(name);
                    if (layer.isPresent() && module.has(name)) {
                        int k = layer.getAsInt() - source.from();
                        byLayer.computeIfAbsent(k, key -> new LinkedHashSet<>())
                                .add(Layers.rename(name, start + k));
                    }
                }
            }
            for (int k = 0; k < length; k++) {
                double place = length == 1 ? 1 : (double) k / (length - 1);
                for (String name : byLayer.getOrDefault(k, Set.of())) {
                    add(slice, name, k, offset, place);
                }
            }
            return length;
        }

        private Set<String> names(MergePlan.Slice slice) {
            Set<String> names = new LinkedHashSet<>();
            for (MergePlan.Source source : slice.sources()) {
                names.addAll(inputs.get(source.model()).tensors().keySet());
            }
            names.removeIf(name -> !module.has(name));
            return names;
        }

        /**
         * Adds a tensor.
         *
         * @param name name in the first source
         * @param k layer within the slice, −1 outside the layers
         */
        private void add(MergePlan.Slice slice, String name, int k, int offset, double place)
                throws MergeException {
            MethodInfo info = plan.method.info();
            ModelReference start = slice.base() != null ? slice.base() : plan.base;
            boolean changes = info.base() != MethodInfo.Base.MODEL && start != null;
            Map<ModelReference, Input> matched = Map.of();
            if (tokenizer.matchesRows() && k < 0 && Layers.hasTokenRows(name)) {
                matched = matched(name);
            }
            Input base = null;
            List<Input> models = new ArrayList<>();
            List<MergePlan.Source> used = new ArrayList<>();
            for (MergePlan.Source source : slice.sources()) {
                Input input = input(source.model(), name, k, source.from(), source.line());
                input = matched.getOrDefault(source.model(), input);
                if (changes && source.model().equals(start)) {
                    base = input;
                } else {
                    models.add(input);
                    used.add(source);
                }
            }
            if (changes && start != null && base == null) {
                int from = slice.sources().get(0).from();
                base = input(start, name, k, from, slice.line());
                base = matched.getOrDefault(start, base);
            }
            String output = k < 0 ? name : Layers.rename(name, offset + k);
            Input reference = base == null ? models.get(0) : base;
            List<Long> shape = shape(output, base, models);
            DType stored = reference.info().dtype();
            DType type = plan.outDtype != null ? plan.outDtype : plan.dtype;
            if (type == null || !stored.isFloatingPoint()) {
                type = stored;
            }
            Map<String, Double> settings = new LinkedHashMap<>();
            List<Map<String, Double>> own = new ArrayList<>();
            Set<String> unlike = new TreeSet<>();
            if (!matched.isEmpty() && shape.get(0) > tokenizer.size()) {
                unlike.add("rows that no token has are kept; mergekit drops them");
            }
            for (MergePlan.Source source : used) {
                Map<String, Double> values = new LinkedHashMap<>();
                for (Setting setting : info.settings()) {
                    Double value = value(setting, slice, source, output, place);
                    if (k < 0
                            && place > 0
                            && !Objects.equals(value, value(setting, slice, source, output, 0))) {
                        unlike.add(
                                "a gradient has its last value after the layers; mergekit takes the"
                                        + " first");
                    }
                    if (value == null && setting.initial() == null) {
                        throw error(
                                source.line(),
                                info.name()
                                        + " has no "
                                        + setting.name()
                                        + " for "
                                        + output
                                        + " of "
                                        + source.model()
                                        + "; add a value without a filter");
                    }
                    if (value != null) {
                        (setting.perModel() ? values : settings).put(setting.name(), value);
                    }
                }
                own.add(values);
            }
            TensorSpec spec = new TensorSpec(output, type, shape);
            if (jobs.put(output, new MergeJob(spec, base, models, settings, own, unlike)) != null) {
                throw error(slice.line(), "the tensor " + output + " would be written twice");
            }
        }

        private @Nullable Double value(
                Setting setting,
                MergePlan.Slice slice,
                MergePlan.Source source,
                String tensor,
                double place) {
            List<Map<String, PlanValue>> levels = new ArrayList<>();
            levels.add(source.parameters());
            levels.add(slice.parameters());
            levels.addAll(module.parameters());
            for (Map<String, PlanValue> level : levels) {
                PlanValue value = level.get(setting.name());
                Double found = value == null ? null : value.at(tensor, place);
                if (found != null) {
                    return found;
                }
            }
            return null;
        }

        /** Returns the matrices of all models that have one, in the rows of the merged model. */
        private Map<ModelReference, Input> matched(String name) throws MergeException {
            Map<ModelReference, Input> stored = new LinkedHashMap<>();
            for (Map.Entry<ModelReference, Weights> model : inputs.all().entrySet()) {
                TensorInfo info = find(model.getValue(), name);
                if (info != null && info.shape().size() == 2) {
                    stored.put(model.getKey(), new Input(model.getValue(), info, null));
                    Input first = stored.values().iterator().next();
                    List<Long> shape = List.of(info.shape().get(0), first.info().shape().get(1));
                    model.getValue().requireShape(info, shape, first.weights().path());
                }
            }
            return tokenizer.match(stored);
        }

        private static @Nullable TensorInfo find(Weights weights, String name) {
            TensorInfo info = weights.find(name);
            if (info == null && Layers.isHead(name)) {
                for (TensorInfo other : weights.tensors().values()) {
                    if (Layers.isEmbedding(other.name()) && Layers.hasTokenRows(other.name())) {
                        info = other;
                    }
                }
            }
            return info;
        }

        private Input input(ModelReference model, String name, int k, int from, int line)
                throws MergeException {
            Weights weights = inputs.get(model);
            String there = k < 0 ? name : Layers.rename(name, from + k);
            TensorInfo info = find(weights, there);
            if (info == null) {
                Set<String> names = new TreeSet<>();
                names.add(there);
                throw error(
                        line,
                        model
                                + " has no tensor "
                                + ModelFolder.list(names)
                                + "; expected models of the same family");
            }
            return new Input(weights, info, null);
        }

        /** Returns the common shape; matrices with a row for every token may differ in rows. */
        private List<Long> shape(String name, @Nullable Input base, List<Input> models)
                throws MergeException {
            Input reference = base == null ? models.get(0) : base;
            List<Long> shape = new ArrayList<>(reference.shape());
            for (Input model : models) {
                List<Long> other = model.shape();
                boolean rows =
                        Layers.hasTokenRows(name)
                                && other.size() == 2
                                && shape.size() == 2
                                && other.get(1).equals(shape.get(1))
                                && plan.tokens == null;
                if (!other.equals(shape) && !rows) {
                    model.weights().requireShape(model.info(), shape, reference.weights().path());
                }
                if (!other.equals(shape)) {
                    warnings.accept(
                            name
                                    + " has "
                                    + other.get(0)
                                    + " rows in "
                                    + model.weights().path()
                                    + " and "
                                    + shape.get(0)
                                    + " elsewhere; only the rows that all have are merged");
                    shape.set(0, Math.min(shape.get(0), other.get(0)));
                }
                if (model.info().dtype().isFloatingPoint()
                        != reference.info().dtype().isFloatingPoint()) {
                    throw new MergeException(
                            model.weights().path()
                                    + " holds "
                                    + name
                                    + " as "
                                    + model.info().dtype()
                                    + " and "
                                    + reference.weights().path()
                                    + " as "
                                    + reference.info().dtype());
                }
            }
            return shape;
        }

        private MergeException error(int line, String sentence) {
            return new MergeException(plan.file + " line " + line + ": " + sentence);
        }
    }
}
