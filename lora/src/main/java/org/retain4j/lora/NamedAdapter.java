package org.retain4j.lora;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** One adapter of a model: its parameters, and where they are attached while it is active. */
final class NamedAdapter implements AutoCloseable {

    private final Scope scope = Scope.unbound();
    private final ModuleIndex index;
    private final String name;
    private final LoraConfig config;
    private final List<LinearLora> linears = new ArrayList<>();
    private final List<EmbeddingLora> embeddings = new ArrayList<>();
    private final Map<String, TakenOut> takenOut = new LinkedHashMap<>();
    private final List<TokenRows> tokens = new ArrayList<>();
    private final Map<ParameterSlot, Parameter> substitutes = new LinkedHashMap<>();
    private final Set<String> wholeModules = new LinkedHashSet<>();
    private final List<Runnable> detach = new ArrayList<>();

    private NamedAdapter(ModuleIndex index, String name, LoraConfig config) {
        this.index = index;
        this.name = name;
        this.config = config;
    }

    /** Makes an adapter with its start. */
    static NamedAdapter create(
            ModuleIndex index,
            String name,
            LoraConfig config,
            long seed,
            @Nullable LayerInputs inputs) {
        if (config.useDora() && config.changesBase()) {
            throw new IllegalArgumentException(
                    "use_dora cannot be combined with init_lora_weights "
                            + config.initLoraWeights());
        }
        List<String> targets = index.targets(config);
        boolean unnamed = config.targetModules() == null || config.targetModules().isAllLinear();
        LoraConfig resolved = unnamed ? config.targets(index.shortest(targets)) : config;
        index.requireSize(config, targets);
        NamedAdapter adapter = new NamedAdapter(index, name, resolved);
        try (Scope making = Scope.open()) {
            for (String module : targets) {
                adapter.addFresh(module, seed, inputs);
            }
            adapter.addTokens();
            adapter.addSubstitutes();
            return adapter;
        } catch (RuntimeException | Error e) {
            adapter.close();
            throw e;
        }
    }

    /** Makes an adapter from files. */
    static NamedAdapter load(ModuleIndex index, String name, StoredAdapter stored)
            throws LoraException {
        NamedAdapter adapter = new NamedAdapter(index, name, stored.config());
        try (Scope making = Scope.open()) {
            adapter.requireTargets(stored);
            for (Map.Entry<String, StoredAdapter.Matrices> entry : stored.modules().entrySet()) {
                adapter.addStored(entry.getKey(), entry.getValue(), stored);
            }
            if (stored.config().trainableTokenIndices() != null) {
                adapter.addTokens();
            }
            adapter.addSubstitutes();
            adapter.fill(stored);
            return adapter;
        } catch (IllegalArgumentException e) {
            adapter.close();
            throw new LoraException("adapter " + stored.folder() + ": " + e.getMessage(), e);
        } catch (LoraException | RuntimeException | Error e) {
            adapter.close();
            throw e;
        }
    }

    private void requireTargets(StoredAdapter stored) throws LoraException {
        if (config.targetModules() == null) {
            return;
        }
        Set<String> targets = new LinkedHashSet<>(index.targets(config));
        for (String module : stored.modules().keySet()) {
            if (!index.linears().containsKey(module) && !index.embeddings().containsKey(module)) {
                throw new LoraException(
                        "adapter "
                                + stored.folder()
                                + " is for module "
                                + module
                                + ", which this model does not have; it was made for "
                                + (config.baseModel() == null
                                        ? "another model"
                                        : config.baseModel()));
            }
            if (!targets.remove(module)) {
                throw new LoraException(
                        "adapter "
                                + stored.folder()
                                + " holds weights of "
                                + module
                                + ", which its target_modules "
                                + config.targetModules()
                                + " leave out");
            }
        }
        if (!targets.isEmpty()) {
            throw new LoraException(
                    "adapter "
                            + stored.folder()
                            + " holds no weights of "
                            + targets.iterator().next()
                            + ", which its target_modules ask for");
        }
    }

    private Parameter parameter(String module, String kind, Tensor value) {
        Tensor own = value.to(index.model().device()).contiguous();
        return new Parameter(module + "." + kind, scope.adopt(own));
    }

    private void addFresh(String module, long seed, @Nullable LayerInputs inputs) {
        int rank = config.rankOf(module);
        double scale = config.scaleOf(module);
        try (Scope making = Scope.open()) {
            Embedding table = index.embeddings().get(module);
            if (table != null) {
                long[] shape = table.weight().value().shape();
                InitialFactors.Draw draw = new InitialFactors.Draw(seed, module);
                Tensor a = Tensor.zeros(DType.FLOAT32, Device.CPU, rank, shape[0]);
                addEmbedding(table, a, draw.random("B").normal(1, shape[1], rank), null, scale);
                return;
            }
            Linear layer = linear(module);
            if (isHead(module) && config.loraDropout() > 0) {
                throw new IllegalArgumentException(
                        "lora_dropout cannot be applied to the output head "
                                + module
                                + "; set it to 0 or leave the head out");
            }
            InitialFactors start =
                    InitialFactors.of(
                            config.initLoraWeights(),
                            new InitialFactors.Draw(seed, module),
                            layer.matrix(),
                            rank,
                            scale,
                            inputs == null ? null : inputs.of(module));
            addLinear(layer, start.a(), start.b(), null, scale, start.takenOut());
            if (config.initLoraWeights().equals("lora_null")) {
                // the directions are what protects the base: only B is trained
                linears.get(linears.size() - 1).a().setTrainable(false);
            }
        }
    }

    private boolean isHead(String module) {
        return module.equals(index.head());
    }

    private Linear linear(String module) {
        Linear layer = index.linears().get(module);
        if (layer == null) {
            throw new IllegalArgumentException("the model has no module " + module);
        }
        return layer;
    }

    private void addStored(String module, StoredAdapter.Matrices own, StoredAdapter stored)
            throws LoraException {
        double scale = config.scaleOf(module);
        try (Scope reading = Scope.open()) {
            Tensor magnitude = own.magnitude() == null ? null : stored.read(own.magnitude());
            Embedding table = index.embeddings().get(module);
            if (table != null && own.isEmbedding()) {
                long[] shape = table.weight().value().shape();
                requireShapes(module, stored, own, shape[0], shape[1], shape);
                addEmbedding(table, stored.read(own.a()), stored.read(own.b()), magnitude, scale);
                return;
            }
            if (own.isEmbedding() || !index.linears().containsKey(module)) {
                throw new IllegalArgumentException(
                        module
                                + " is not "
                                + (own.isEmbedding() ? "an embedding" : "a linear layer")
                                + " of this model");
            }
            Linear layer = linear(module);
            long[] shape = layer.weight().value().shape();
            requireShapes(module, stored, own, layer.in(), layer.out(), shape);
            Tensor a = stored.read(own.a());
            Tensor b = stored.read(own.b());
            if (!config.changesBase()) {
                addLinear(layer, a, b, magnitude, scale, false);
                return;
            }
            if (!config.initLoraWeights().startsWith("pissa")
                    && !config.initLoraWeights().equals("olora")) {
                stored.requireOwnBase();
            }
            InitialFactors start =
                    InitialFactors.of(
                            config.initLoraWeights(),
                            new InitialFactors.Draw(0, module),
                            layer.matrix(),
                            config.rankOf(module),
                            scale,
                            null);
            addLinear(layer, start.a(), start.b(), null, scale, true);
            LinearLora added = linears.get(linears.size() - 1);
            added.a().value().copyInPlace(a);
            added.b().value().copyInPlace(b);
        }
    }

    private static void requireShapes(
            String module,
            StoredAdapter stored,
            StoredAdapter.Matrices own,
            long in,
            long out,
            long[] weight) {
        long foundIn = stored.shape(own.a()).get(1);
        long foundOut = stored.shape(own.b()).get(0);
        if (foundIn != in || foundOut != out) {
            throw new IllegalArgumentException(
                    module
                            + " has a weight of shape "
                            + Arrays.toString(weight)
                            + " but A is "
                            + stored.shape(own.a())
                            + " and B "
                            + stored.shape(own.b())
                            + "; expected A [r, "
                            + in
                            + "] and B ["
                            + out
                            + ", r]: the adapter belongs to another model");
        }
    }

    private void addLinear(
            Linear layer,
            Tensor a,
            Tensor b,
            @Nullable Tensor magnitude,
            double scale,
            boolean takesOut) {
        String module = layer.name();
        Parameter ownA = parameter(module, "lora_A." + name + ".weight", a);
        Parameter ownB = parameter(module, "lora_B." + name + ".weight", b);
        Parameter lengths = null;
        if (config.useDora()) {
            Tensor value =
                    magnitude != null
                            ? magnitude
                            : Kernels.call(
                                    "row_lengths",
                                    layer.matrix(),
                                    ownA.value(),
                                    ownB.value(),
                                    scale);
            lengths = parameter(module, "lora_magnitude_vector." + name + ".weight", value);
        }
        Factors factors = new Factors(module, ownA, ownB, lengths, scale);
        linears.add(new LinearLora(layer, factors, config.loraDropout()));
        if (takesOut) {
            takenOut.put(
                    module,
                    new TakenOut(
                            scope.adopt(ownA.value().copy()),
                            scope.adopt(ownB.value().copy()),
                            scale));
        }
    }

    private void addEmbedding(
            Embedding table, Tensor a, Tensor b, @Nullable Tensor magnitude, double scale) {
        String module = table.name();
        Parameter ownA = parameter(module, "lora_embedding_A." + name, a);
        Parameter ownB = parameter(module, "lora_embedding_B." + name, b);
        Parameter lengths = null;
        if (config.useDora()) {
            Tensor turned = table.weight().value().transpose(0, 1);
            Tensor value =
                    magnitude != null
                            ? magnitude
                            : Kernels.call(
                                    "row_lengths", turned, ownA.value(), ownB.value(), scale);
            lengths = parameter(module, "lora_magnitude_vector." + name + ".weight", value);
        }
        embeddings.add(new EmbeddingLora(table, new Factors(module, ownA, ownB, lengths, scale)));
    }

    private void addTokens() {
        Map<String, List<Integer>> wanted = config.trainableTokenIndices();
        if (wanted == null) {
            return;
        }
        for (Map.Entry<String, List<Integer>> entry : wanted.entrySet()) {
            String end = entry.getKey();
            Embedding table =
                    index.embeddings().values().stream()
                            .filter(
                                    e ->
                                            end.equals(LoraConfig.INPUT_EMBEDDING)
                                                    ? e.name().equals(index.inputEmbedding())
                                                    : e.name().equals(end)
                                                            || e.name().endsWith("." + end))
                            .findFirst()
                            .orElseThrow(
                                    () ->
                                            new IllegalArgumentException(
                                                    "trainable_token_indices: the model has no"
                                                            + " embedding "
                                                            + end));
            if (embeddings.stream().anyMatch(e -> e.table() == table)) {
                throw new IllegalArgumentException(
                        "trainable_token_indices and target_modules both name " + table.name());
            }
            addTokens(table, entry.getValue());
        }
    }

    private void addTokens(Embedding table, List<Integer> ids) {
        Tensor weight = table.weight().value();
        long rows = weight.size(0);
        long[] places = new long[Math.toIntExact(rows)];
        Arrays.fill(places, -1);
        for (int i = 0; i < ids.size(); i++) {
            int id = ids.get(i);
            if (id < 0 || id >= rows || places[id] >= 0) {
                throw new IllegalArgumentException(
                        "trainable_token_indices: "
                                + id
                                + " is given twice or not an id of "
                                + table.name()
                                + ", which has "
                                + rows);
            }
            places[id] = i;
        }
        if (ids.isEmpty()) {
            throw new IllegalArgumentException("trainable_token_indices is empty");
        }
        Tensor at =
                Tensor.of(ids.stream().mapToLong(Integer::longValue).toArray(), ids.size())
                        .to(index.model().device());
        tokens.add(
                new TokenRows(
                        table.name(),
                        ids,
                        parameter(
                                table.name(),
                                "token_adapter.trainable_tokens_delta." + name,
                                weight.detach().indexSelect(0, at).to(DType.FLOAT32)),
                        scope.adopt(at),
                        scope.adopt(Tensor.of(places, rows).to(index.model().device()))));
    }

    private void addSubstitutes() {
        for (String end : config.modulesToSave()) {
            for (ParameterSlot slot : index.slotsOf(end)) {
                wholeModules.add(moduleOf(slot));
                addSubstitute(slot, "modules_to_save.");
            }
        }
        if (config.bias() == LoraConfig.Bias.NONE) {
            return;
        }
        Set<String> adapted = new LinkedHashSet<>();
        linears.forEach(own -> adapted.add(own.module()));
        for (ParameterSlot slot : index.slots().values()) {
            boolean wanted =
                    config.bias() == LoraConfig.Bias.ALL || adapted.contains(moduleOf(slot));
            if (slot.name().endsWith(".bias") && wanted && !substitutes.containsKey(slot)) {
                addSubstitute(slot, "adapted.");
            }
        }
    }

    private static String moduleOf(ParameterSlot slot) {
        return slot.name().substring(0, slot.name().lastIndexOf('.'));
    }

    private Parameter addSubstitute(ParameterSlot slot, String kind) {
        String own = kind + name + slot.name().substring(slot.name().lastIndexOf('.'));
        Parameter copy = parameter(moduleOf(slot), own, slot.own().value().detach().copy());
        substitutes.put(slot, copy);
        return copy;
    }

    /** Takes over what is stored whole: saved modules, biases, rows of tokens, changed bases. */
    private void fill(StoredAdapter stored) throws LoraException {
        for (TokenRows own : tokens) {
            String key = stored.tokenRows().get(own.module());
            if (key == null) {
                throw new LoraException(
                        "adapter "
                                + stored.folder()
                                + " holds no trained rows of "
                                + own.module()
                                + ", which its trainable_token_indices ask for");
            }
            copy(stored, key, own.rows());
        }
        Set<String> wanted = new LinkedHashSet<>();
        for (Map.Entry<ParameterSlot, Parameter> entry : substitutes.entrySet()) {
            wanted.add(entry.getKey().name());
            String key = stored.wholes().get(entry.getKey().name());
            if (key == null) {
                throw new LoraException(
                        "adapter "
                                + stored.folder()
                                + " holds no "
                                + entry.getKey().name()
                                + ", which its modules_to_save or bias ask for");
            }
            copy(stored, key, entry.getValue());
        }
        for (Map.Entry<String, String> whole : stored.wholes().entrySet()) {
            if (wanted.contains(whole.getKey())) {
                continue;
            }
            ParameterSlot slot = index.slots().get(whole.getKey());
            if (slot == null) {
                throw new LoraException(
                        "adapter "
                                + stored.folder()
                                + " holds "
                                + whole.getValue()
                                + ", which is no parameter of this model");
            }
            try (Scope comparing = Scope.open()) {
                Tensor value = stored.read(whole.getValue());
                Tensor base = slot.own().value();
                requireShape(stored, whole.getValue(), slot.own());
                // PEFT writes embeddings beside their adapters: the base's own as a rule
                if (base.detach().sub(value.to(index.model().device())).norm().item() > 0) {
                    Parameter other = addSubstitute(slot, "base_layer.");
                    other.value().copyInPlace(value.to(index.model().device()));
                    other.setTrainable(false);
                }
            }
        }
    }

    private void requireShape(StoredAdapter stored, String key, Parameter own)
            throws LoraException {
        List<Long> expected = Arrays.stream(own.value().shape()).boxed().toList();
        if (!stored.shape(key).equals(expected)) {
            throw new LoraException(
                    "adapter "
                            + stored.folder()
                            + ": "
                            + key
                            + " has shape "
                            + stored.shape(key)
                            + " but the model's is "
                            + expected);
        }
    }

    private void copy(StoredAdapter stored, String key, Parameter target) throws LoraException {
        requireShape(stored, key, target);
        try (Scope reading = Scope.open()) {
            target.value().copyInPlace(stored.read(key).to(index.model().device()));
        }
    }

    String name() {
        return name;
    }

    LoraConfig config() {
        return config;
    }

    List<LinearLora> linears() {
        return linears;
    }

    List<EmbeddingLora> embeddings() {
        return embeddings;
    }

    List<TokenRows> tokens() {
        return tokens;
    }

    Map<ParameterSlot, Parameter> substitutes() {
        return substitutes;
    }

    boolean isWhole(String module) {
        return wholeModules.contains(module);
    }

    /** Returns A₀ and B₀ that were taken out of a module's weight; empty for none. */
    List<Tensor> takenOut(String module) {
        TakenOut own = takenOut.get(module);
        return own == null ? List.of() : List.of(own.a(), own.b());
    }

    List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        embeddings.forEach(own -> all.addAll(own.parameters()));
        tokens.forEach(own -> all.addAll(own.parameters()));
        linears.forEach(own -> all.addAll(own.parameters()));
        all.addAll(substitutes.values());
        return all;
    }

    boolean isActive() {
        return !detach.isEmpty();
    }

    /**
     * Attaches the adapter.
     *
     * @param share what its scale is multiplied by
     */
    void activate(double share) {
        deactivate();
        for (LinearLora own : linears) {
            own.setShare(share);
            TakenOut out = takenOut.get(own.module());
            if (out != null) {
                attach(own.layer(), out);
            }
            attach(own.layer(), own);
        }
        for (EmbeddingLora own : embeddings) {
            own.setShare(share);
            own.table().attach(own);
            detach.add(() -> own.table().detach(own));
        }
        for (TokenRows own : tokens) {
            Embedding table = index.embeddings().get(own.module());
            if (table != null) {
                table.attach(own);
                detach.add(() -> table.detach(own));
            }
            if (index.hasTiedHead() && own.module().equals(index.inputEmbedding())) {
                attach(index.model().headLayer(), own);
            }
        }
        substitutes.forEach(
                (slot, other) -> {
                    slot.substitute(other);
                    detach.add(() -> slot.substitute(null));
                });
    }

    private void attach(Linear layer, LinearAdapter adapter) {
        layer.attach(adapter);
        detach.add(() -> layer.detach(adapter));
    }

    /** Detaches the adapter; does nothing when it is not active. */
    void deactivate() {
        detach.forEach(Runnable::run);
        detach.clear();
    }

    @Override
    public void close() {
        deactivate();
        scope.close();
    }
}
