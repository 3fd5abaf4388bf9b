package org.retain4j.lora;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The adapters of one model, by name, of which any number is active.
 *
 * <pre>{@code
 * try (Lora lora = Lora.attach(model, LoraConfig.rank(8).targets("all-linear"))) {
 *     ...                               // training changes the adapter, the base is frozen
 *     lora.save(Path.of("adapter"));    // opens in PEFT
 * }
 * }</pre>
 *
 * <p>While adapters are there the model's own weights are frozen and never overwritten, so that
 * {@link #disabled} is the base to the last bit. Closing detaches and frees all adapters. Forward
 * passes may run in several threads; everything else needs the model for itself.
 */
public final class Lora implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Lora.class);

    /** Name of an adapter that got none, as in PEFT. */
    public static final String DEFAULT = "default";

    private final ModuleIndex index;
    private final Map<String, NamedAdapter> adapters = new LinkedHashMap<>();
    private final Map<String, Double> active = new LinkedHashMap<>();
    private final List<Parameter> frozen = new ArrayList<>();
    private @Nullable Scope merged;
    private final List<Runnable> unmerge = new ArrayList<>();
    private boolean disabled;

    private Lora(CausalLm model) {
        if (model.isAdapted()) {
            throw new IllegalArgumentException(
                    "the model has adapters already; add others to them, or close them first");
        }
        index = new ModuleIndex(model);
        for (Parameter parameter : model.parameters()) {
            if (parameter.isTrainable()) {
                frozen.add(parameter.setTrainable(false));
            }
        }
    }

    /** Adds an adapter named {@link #DEFAULT}, with seed 0; otherwise as {@link #add}. */
    public static Lora attach(CausalLm model, LoraConfig config) {
        return attach(model, DEFAULT, config);
    }

    /** Adds a named adapter with seed 0; otherwise as {@link #add}. */
    public static Lora attach(CausalLm model, String name, LoraConfig config) {
        return attach(model, name, config, 0, null);
    }

    /**
     * Adds a first adapter to a model and makes it active.
     *
     * @param seed seed of its start
     * @param inputs what goes into the layers, for starts that depend on it; null for none
     * @throws IllegalArgumentException if targets fit no module, a rank is too large, or the model
     *     has adapters already
     */
    public static Lora attach(
            CausalLm model,
            String name,
            LoraConfig config,
            long seed,
            @Nullable LayerInputs inputs) {
        Lora lora = new Lora(model);
        try {
            lora.add(name, config, seed, inputs);
            lora.activate(name);
            return lora;
        } catch (RuntimeException | Error e) {
            lora.close();
            throw e;
        }
    }

    /**
     * Attaches the adapter of a PEFT folder under the name {@link #DEFAULT} and makes it active.
     *
     * <p>Shapes must fit. If the adapter names a base and the model has another name, that is
     * logged as a warning; {@link AdapterInfo#requireBase} refuses it.
     *
     * @throws LoraException if it is damaged or belongs to another model
     */
    public static Lora load(CausalLm model, Path folder) throws LoraException {
        Lora lora = new Lora(model);
        try {
            lora.load(DEFAULT, folder);
            lora.activate(DEFAULT);
            return lora;
        } catch (LoraException | RuntimeException | Error e) {
            lora.close();
            throw e;
        }
    }

    /**
     * Adds an adapter without making it active.
     *
     * @param name name of a folder at most
     * @throws IllegalArgumentException if there is one of this name, targets fit no module, or a
     *     rank is too large
     */
    public void add(String name, LoraConfig config, long seed, @Nullable LayerInputs inputs) {
        requireFree(name);
        adapters.put(name, NamedAdapter.create(index, name, config, seed, inputs));
    }

    /**
     * Adds the adapter of a PEFT folder without making it active.
     *
     * @throws LoraException if it is damaged or belongs to another model
     */
    public void load(String name, Path folder) throws LoraException {
        requireFree(name);
        try (StoredAdapter stored = StoredAdapter.open(folder)) {
            adapters.put(name, NamedAdapter.load(index, name, stored));
            warnOfOtherBase(folder, stored.config());
        }
    }

    private void warnOfOtherBase(Path folder, LoraConfig config) {
        try {
            Path file = Path.of(index.model().config().origin()).toAbsolutePath();
            Path place = file.endsWith("config.json") ? file.getParent() : file;
            String other =
                    place == null
                            ? null
                            : RecordedBase.other(config, place, index.model().config());
            if (other != null) {
                LOG.warn(
                        "adapter {} was made for {} but the model is {}; their shapes fit, but it"
                                + " helps only on the model that it was trained on",
                        folder,
                        other,
                        place);
            }
        } catch (InvalidPathException e) {
            LOG.debug("a model without a path is any model", e);
        }
    }

    private void requireFree(String name) {
        StoredAdapter.requireName(name);
        if (adapters.containsKey(name)) {
            throw new IllegalArgumentException("there is an adapter named " + name + " already");
        }
    }

    /** Returns the model. */
    public CausalLm model() {
        return index.model();
    }

    /** Returns the names of all adapters. */
    public Set<String> names() {
        return Collections.unmodifiableSet(adapters.keySet());
    }

    /** Returns the active adapters with their shares, 1 unless set. */
    public Map<String, Double> active() {
        return Collections.unmodifiableMap(active);
    }

    /** Returns the configuration of an adapter, with targets by name. */
    public LoraConfig config(String name) {
        return adapter(name).config();
    }

    NamedAdapter adapter(String name) {
        NamedAdapter adapter = adapters.get(name);
        if (adapter == null) {
            throw new IllegalArgumentException(
                    "there is no adapter named " + name + "; adapters are " + adapters.keySet());
        }
        return adapter;
    }

    /** Makes adapters active one upon another, and all others inactive. */
    public void activate(String... names) {
        Map<String, Double> shares = new LinkedHashMap<>();
        for (String name : names) {
            shares.put(name, 1.0);
        }
        activate(shares);
    }

    /**
     * Makes adapters active with shares that their scales are multiplied by, and all others
     * inactive.
     *
     * @throws IllegalArgumentException if there is none of a name, two of them replace the same
     *     parameter, or a share other than 1 is given to one that replaces parameters or uses DoRA
     */
    public void activate(Map<String, Double> shares) {
        requireUnmerged("activate");
        Set<ParameterSlot> replaced = new LinkedHashSet<>();
        for (Map.Entry<String, Double> entry : shares.entrySet()) {
            NamedAdapter own = adapter(entry.getKey());
            for (ParameterSlot slot : own.substitutes().keySet()) {
                if (!replaced.add(slot)) {
                    throw new IllegalArgumentException(
                            "two of the adapters "
                                    + shares.keySet()
                                    + " replace "
                                    + slot.name()
                                    + "; only one of them can be active");
                }
            }
            boolean whole =
                    own.config().useDora()
                            || own.config().changesBase()
                            || !own.tokens().isEmpty()
                            || !own.substitutes().isEmpty();
            if (whole && entry.getValue() != 1) {
                throw new IllegalArgumentException(
                        "adapter "
                                + entry.getKey()
                                + " is more than a product of two matrices and cannot have the"
                                + " share "
                                + entry.getValue());
            }
        }
        active.clear();
        active.putAll(shares);
        attachActive();
    }

    private void attachActive() {
        adapters.values().forEach(NamedAdapter::deactivate);
        if (!disabled && merged == null) {
            active.forEach((name, share) -> adapter(name).activate(share));
        }
    }

    /**
     * Turns all adapters off until the result is closed: the frozen base, without a copy.
     *
     * <p>Uses may be nested; only the outermost one turns adapters on again.
     */
    public Disabled disabled() {
        requireUnmerged("disable");
        Disabled scope = new Disabled(this, disabled);
        disabled = true;
        attachActive();
        return scope;
    }

    /** A time without adapters; closing it turns them on again. */
    public static final class Disabled implements AutoCloseable {
        private final Lora lora;
        private final boolean before;

        private Disabled(Lora lora, boolean before) {
            this.lora = lora;
            this.before = before;
        }

        /** Turns the active adapters on again. */
        @Override
        public void close() {
            lora.disabled = before;
            lora.attachActive();
        }
    }

    /** Removes an adapter and frees it. */
    public void delete(String name) {
        requireUnmerged("delete");
        NamedAdapter adapter = adapter(name);
        adapters.remove(name);
        active.remove(name);
        adapter.close();
    }

    /** Returns the trainable parameters of the active adapters, as training sees them. */
    public List<Parameter> parameters() {
        return active.keySet().stream()
                .flatMap(name -> parameters(name).stream())
                .filter(Parameter::isTrainable)
                .toList();
    }

    /** Returns all parameters of an adapter. */
    public List<Parameter> parameters(String name) {
        return adapter(name).parameters();
    }

    /** Freezes an adapter that stays active, or lets training change it again. */
    public void setTrainable(String name, boolean trainable) {
        NamedAdapter own = adapter(name);
        boolean onlyB = own.config().initLoraWeights().equals("lora_null");
        own.parameters()
                .forEach(
                        p ->
                                p.setTrainable(
                                        trainable && !(onlyB && p.name().contains(".lora_A."))));
    }

    /**
     * Puts the active adapters into the weights in memory, which makes passes faster; the base is
     * kept beside them.
     *
     * @throws IllegalStateException if they are merged already or disabled
     */
    public void merge() {
        requireUnmerged("merge");
        if (disabled) {
            throw new IllegalStateException("adapters that are disabled cannot be merged");
        }
        Scope owner = Scope.unbound();
        Map<ParameterSlot, Parameter> results = new LinkedHashMap<>();
        try (Scope merging = Scope.open()) {
            for (Linear layer : index.linears().values()) {
                if (layer.isAdapted()) {
                    Tensor matrix = layer.adaptedMatrix().detach();
                    put(results, owner, layer.slots().get(0), turned(matrix, layer));
                }
            }
            for (Embedding table : index.embeddings().values()) {
                mergeTable(table, owner, results);
            }
            for (String name : active.keySet()) {
                for (Map.Entry<ParameterSlot, Parameter> entry :
                        adapter(name).substitutes().entrySet()) {
                    if (!results.containsKey(entry.getKey())) {
                        put(results, owner, entry.getKey(), entry.getValue().value().copy());
                    }
                }
            }
        } catch (RuntimeException | Error e) {
            owner.close();
            throw e;
        }
        merged = owner;
        attachActive();
        results.forEach(
                (slot, parameter) -> {
                    slot.substitute(parameter);
                    unmerge.add(() -> slot.substitute(null));
                });
    }

    private void mergeTable(Embedding table, Scope owner, Map<ParameterSlot, Parameter> results) {
        ParameterSlot slot = table.slots().get(0);
        Tensor weight = slot.current().value().detach();
        Tensor before = weight;
        for (String name : active.keySet()) {
            for (EmbeddingLora own : adapter(name).embeddings()) {
                weight = own.module().equals(table.name()) ? own.table(weight) : weight;
            }
            for (TokenRows own : adapter(name).tokens()) {
                weight = own.module().equals(table.name()) ? own.weight(weight) : weight;
            }
        }
        if (weight != before) {
            put(results, owner, slot, weight.detach());
        }
    }

    private static Tensor turned(Tensor matrix, Linear layer) {
        return layer.isTransposed() ? matrix.transpose(0, 1) : matrix;
    }

    private static void put(
            Map<ParameterSlot, Parameter> results, Scope owner, ParameterSlot slot, Tensor value) {
        Tensor own = owner.adopt(value.to(DType.FLOAT32).contiguous());
        Parameter parameter = new Parameter(slot.name() + ".merged", own);
        results.put(slot, parameter.setTrainable(false));
    }

    /** Takes the adapters out of the weights again: the base is back to the last bit. */
    public void unmerge() {
        Scope owner = merged;
        if (owner == null) {
            throw new IllegalStateException("the adapters are not merged");
        }
        unmerge.forEach(Runnable::run);
        unmerge.clear();
        merged = null;
        owner.close();
        attachActive();
    }

    /** Returns whether the active adapters are in the weights. */
    public boolean isMerged() {
        return merged != null;
    }

    private void requireUnmerged(String what) {
        if (merged != null) {
            throw new IllegalStateException("cannot " + what + " while adapters are merged");
        }
    }

    /**
     * Writes all adapters as PEFT does: the one named {@link #DEFAULT} into the folder, others into
     * sub-folders of their names.
     *
     * @param folder made if missing; files of the same names are replaced
     * @throws IOException if they cannot be written; no file is left half written
     */
    public void save(Path folder) throws IOException {
        for (String name : adapters.keySet()) {
            save(name, StoredAdapter.folderOf(folder, name));
        }
    }

    /** Writes one adapter into a folder; otherwise as {@link #save(Path)}. */
    public void save(String name, Path folder) throws IOException {
        AdapterWriter.of(index, adapter(name)).write(folder);
    }

    /** Detaches and frees all adapters, and makes the model trainable again. */
    @Override
    public void close() {
        if (merged != null) {
            unmerge();
        }
        adapters.values().forEach(NamedAdapter::close);
        adapters.clear();
        active.clear();
        frozen.forEach(parameter -> parameter.setTrainable(true));
        frozen.clear();
    }
}
