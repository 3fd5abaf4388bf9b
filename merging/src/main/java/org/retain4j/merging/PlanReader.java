package org.retain4j.merging;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.MergeMethod;
import org.retain4j.merging.method.MergeMethods;
import org.retain4j.merging.method.MethodInfo;
import org.retain4j.merging.method.Setting;
import org.retain4j.merging.method.Statistics;

/** Reads a plan from its YAML and checks all that needs no model. */
final class PlanReader {

    private static final Set<String> KEYS =
            Set.of(
                    "models",
                    "slices",
                    "modules",
                    "merge_method",
                    "base_model",
                    "dtype",
                    "out_dtype",
                    "parameters",
                    "tokenizer_source",
                    "tokenizer",
                    "chat_template",
                    "name",
                    "parity",
                    "seed",
                    "outer");

    private static final String STATISTICS = "statistics";

    private static final int MAX_LAYERS = 100_000;

    final MergeMethod method;
    final @Nullable ModelReference base;
    final List<MergePlan.Module> modules = new ArrayList<>();
    final Set<String> warnings = new LinkedHashSet<>();
    final @Nullable String name;
    final Map<ModelReference, String> statistics = new LinkedHashMap<>();
    final @Nullable DType dtype;
    final @Nullable DType outDtype;
    final @Nullable TokenPlan tokens;
    final @Nullable String chatTemplate;
    final boolean parity;
    final boolean outerStart;
    final long seed;

    private final Set<String> known = new TreeSet<>();

    PlanReader(PlanNode top) throws MergeException {
        top.requireKeys("the plan", KEYS);
        method = method(top);
        for (String name : MergeMethods.names()) {
            MergeMethod other = MergeMethods.find(name);
            if (other != null) {
                other.info().settings().forEach(setting -> known.add(setting.name()));
            }
        }
        PlanNode baseNode = top.find("base_model");
        base = baseNode == null ? null : ModelReference.read(baseNode);
        PlanNode nameNode = top.find("name");
        name = nameNode == null ? null : nameNode.requireText("name");
        inputs(top, parameters(top));
        dtype = type(top, "dtype");
        outDtype = type(top, "out_dtype");
        tokens = TokenPlan.read(top);
        chatTemplate = template(top);
        parity = !choice(top, "parity", "none", Set.of("none", "mergekit-0.1.4")).equals("none");
        outerStart =
                choice(top, "outer", parity ? "start" : "ends", Set.of("start", "ends"))
                        .equals("start");
        PlanNode number = top.find("seed");
        Double value = number == null ? Double.valueOf(0) : number.number();
        if (value == null || value != Math.rint(value)) {
            throw top.error("seed must be a whole number");
        }
        seed = value.longValue();
        for (MergePlan.Module module : modules) {
            for (MergePlan.Slice slice : module.slices()) {
                check(top, module, slice);
            }
        }
    }

    private static MergeMethod method(PlanNode top) throws MergeException {
        PlanNode node = top.find("merge_method");
        if (node == null) {
            throw top.error("the plan has no merge_method; name one, for example linear");
        }
        String name = node.requireText("merge_method");
        MergeMethod method = MergeMethods.find(name);
        if (method == null) {
            throw node.error(
                    "there is no merge method " + name + Suggestion.of(name, MergeMethods.names()));
        }
        return method;
    }

    private void inputs(PlanNode top, Map<String, PlanValue> global) throws MergeException {
        PlanNode parts = top.find("modules");
        if (parts == null) {
            modules.add(new MergePlan.Module("", slices(top), List.of(global)));
            return;
        }
        if (top.find("models") != null || top.find("slices") != null) {
            throw parts.error("the plan has modules beside models or slices; keep one");
        }
        if (parts.entries().isEmpty()) {
            throw parts.error("modules must be a mapping from names to models or slices");
        }
        for (Map.Entry<String, PlanNode> part : parts.entries().entrySet()) {
            part.getValue().requireKeys("a module", Set.of("models", "slices", "parameters"));
            // The only module is the whole model, whatever its name.
            modules.add(
                    new MergePlan.Module(
                            parts.entries().size() == 1 ? "" : part.getKey(),
                            slices(part.getValue()),
                            List.of(parameters(part.getValue()), global)));
        }
    }

    private List<MergePlan.Slice> slices(PlanNode holder) throws MergeException {
        PlanNode models = holder.find("models");
        PlanNode list = holder.find("slices");
        if ((models == null) == (list == null)) {
            throw holder.error(
                    models == null
                            ? "there are no models to merge; give models, slices or modules"
                            : "there are models and slices; keep one of them");
        }
        List<MergePlan.Slice> slices = new ArrayList<>();
        if (models != null) {
            List<MergePlan.Source> sources = new ArrayList<>();
            for (PlanNode model : models.requireList("models")) {
                model.requireKeys("an entry of models", Set.of("model", "parameters"));
                sources.add(source(model, 0, -1));
            }
            slices.add(new MergePlan.Slice(sources, null, Map.of(), models.line()));
        } else if (list != null) {
            for (PlanNode slice : list.requireList("slices")) {
                slices.add(slice(slice));
            }
        }
        return slices;
    }

    private MergePlan.Slice slice(PlanNode node) throws MergeException {
        node.requireKeys(
                "a slice", Set.of("sources", "base_model", "parameters", "residual_weight"));
        PlanNode list = node.find("sources");
        if (list == null) {
            throw node.error("a slice has no sources");
        }
        List<MergePlan.Source> sources = new ArrayList<>();
        int length = -1;
        for (PlanNode item : list.requireList("sources")) {
            item.requireKeys("a source", Set.of("model", "layer_range", "parameters"));
            PlanNode range = item.find("layer_range");
            if (range == null || range.items().size() != 2) {
                throw item.error("a source needs a layer_range of two numbers, as [0, 8]");
            }
            int from = layer(range.items().get(0));
            int to = layer(range.items().get(1));
            if (to < from) {
                throw range.error("the layer_range ends before it starts");
            }
            if (length >= 0 && length != to - from) {
                throw range.error(
                        "the sources of a slice have "
                                + length
                                + " and "
                                + (to - from)
                                + " layers; expected the same number");
            }
            length = to - from;
            sources.add(source(item, from, to));
        }
        PlanNode own = node.find("base_model");
        return new MergePlan.Slice(
                sources,
                own == null ? null : ModelReference.read(own),
                parameters(node),
                node.line());
    }

    private static int layer(PlanNode node) throws MergeException {
        Double value = node.number();
        if (value == null || value != Math.rint(value) || value < 0 || value > MAX_LAYERS) {
            throw node.error("a layer_range must have whole numbers of at least 0");
        }
        return value.intValue();
    }

    private MergePlan.Source source(PlanNode node, int from, int to) throws MergeException {
        PlanNode model = node.find("model");
        if (model == null) {
            throw node.error("an entry has no model");
        }
        ModelReference reference = ModelReference.read(model);
        Map<String, PlanValue> parameters = parameters(node);
        PlanNode own = node.find("parameters");
        PlanNode file = own == null ? null : own.find(STATISTICS);
        if (file != null) {
            statistics.put(reference, file.requireText(STATISTICS));
        }
        return new MergePlan.Source(reference, from, to, parameters, node.line());
    }

    private Map<String, PlanValue> parameters(PlanNode node) throws MergeException {
        Map<String, PlanValue> values = new LinkedHashMap<>();
        PlanNode found = node.find("parameters");
        if (found == null) {
            return values;
        }
        if (found.kind() != PlanNode.Kind.MAPPING) {
            throw found.error("parameters must be a mapping");
        }
        for (Map.Entry<String, PlanNode> entry : found.entries().entrySet()) {
            String key = entry.getKey();
            boolean ofModel = node.find("model") != null;
            if (key.equals(STATISTICS) && ofModel && method.statistics() != Statistics.NONE) {
                continue;
            }
            Set<String> own = new TreeSet<>();
            method.info().settings().forEach(setting -> own.add(setting.name()));
            if (!own.contains(key) && known.contains(key)) {
                warnings.add(
                        found.file()
                                + " line "
                                + entry.getValue().line()
                                + ": "
                                + method.info().name()
                                + " has no parameter "
                                + key
                                + ", which is of other methods and changes nothing here");
            } else if (!own.contains(key)) {
                throw entry.getValue()
                        .error(
                                method.info().name()
                                        + " has no parameter "
                                        + key
                                        + Suggestion.of(key, own));
            }
            if (!entry.getValue().isNull()) {
                values.put(key, PlanValue.read(key, entry.getValue()));
            }
        }
        return values;
    }

    private static @Nullable DType type(PlanNode top, String key) throws MergeException {
        PlanNode node = top.find(key);
        if (node == null) {
            return null;
        }
        String name = node.requireText(key);
        for (DType type : List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)) {
            if (name.equals(type.toString()) || name.equals("torch." + type)) {
                return type;
            }
        }
        throw node.error(
                key
                        + " is "
                        + name
                        + Suggestion.of(name, Set.of("float32", "float16", "bfloat16")));
    }

    private static @Nullable String template(PlanNode top) throws MergeException {
        PlanNode node = top.find("chat_template");
        if (node == null) {
            return null;
        }
        String text = node.requireText("chat_template");
        Set<String> known = new TreeSet<>(NamedTemplates.names());
        known.add("auto");
        if (!known.contains(text) && (text.length() < 20 || !text.contains("{"))) {
            throw node.error(
                    "there is no chat template "
                            + text
                            + "; a template of your own must hold Jinja"
                            + Suggestion.of(text, known));
        }
        return text;
    }

    static String choice(PlanNode top, String key, String initial, Set<String> values)
            throws MergeException {
        PlanNode node = top.find(key);
        if (node == null) {
            return initial;
        }
        String text = node.requireText(key);
        if (!values.contains(text)) {
            throw node.error(key + " is " + text + Suggestion.of(text, values));
        }
        return text;
    }

    private void check(PlanNode top, MergePlan.Module module, MergePlan.Slice slice)
            throws MergeException {
        MethodInfo info = method.info();
        ModelReference start = slice.base() != null ? slice.base() : base;
        if (info.base() == MethodInfo.Base.REQUIRED && start == null) {
            throw top.error(info.name() + " needs a base_model");
        }
        long count = slice.sources().size();
        if (info.base() != MethodInfo.Base.MODEL) {
            count = slice.sources().stream().filter(s -> !s.model().equals(start)).count();
        }
        if (count < info.minModels() || count > info.maxModels()) {
            throw new MergeException(
                    top.file()
                            + " line "
                            + slice.line()
                            + ": "
                            + info.name()
                            + " merges "
                            + (info.minModels() == info.maxModels()
                                    ? "exactly " + info.minModels()
                                    : "at least " + info.minModels())
                            + (info.base() == MethodInfo.Base.MODEL
                                    ? " model(s)"
                                    : " model(s) besides the base")
                            + " but there are "
                            + count);
        }
        for (Setting setting : info.settings()) {
            if (setting.initial() != null) {
                continue;
            }
            for (MergePlan.Source source : slice.sources()) {
                boolean used =
                        info.base() == MethodInfo.Base.MODEL || !source.model().equals(start);
                boolean given =
                        slice.parameters().containsKey(setting.name())
                                || module.parameters().stream()
                                        .anyMatch(p -> p.containsKey(setting.name()))
                                || (setting.perModel()
                                        && source.parameters().containsKey(setting.name()));
                if (used && !given) {
                    throw new MergeException(
                            top.file()
                                    + " line "
                                    + source.line()
                                    + ": "
                                    + info.name()
                                    + " needs a "
                                    + setting.name()
                                    + (setting.perModel() ? " for " + source.model() : "")
                                    + "; give it under parameters");
                }
            }
        }
    }
}
