package org.retain4j.lora;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;

/** The modules of a model by name. */
final class ModuleIndex {

    /** PEFT's default targets where they are not q_proj and v_proj. */
    private static final Map<String, List<String>> FAMILY_TARGETS =
            Map.of(
                    "gpt2",
                    List.of("c_attn"),
                    "gpt_neox",
                    List.of("query_key_value"),
                    "phi3",
                    List.of("qkv_proj"));

    private final CausalLm model;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Map<String, Embedding> embeddings = new LinkedHashMap<>();
    private final Map<String, ParameterSlot> slots = new LinkedHashMap<>();

    ModuleIndex(CausalLm model) {
        this.model = model;
        model.embeddings().forEach(table -> embeddings.put(table.name(), table));
        model.linears().forEach(linear -> linears.put(linear.name(), linear));
        linears.put(model.headLayer().name(), model.headLayer());
        model.slots().forEach(slot -> slots.put(slot.name(), slot));
    }

    CausalLm model() {
        return model;
    }

    Map<String, Linear> linears() {
        return linears;
    }

    Map<String, Embedding> embeddings() {
        return embeddings;
    }

    /** Returns the places of all parameters by name. */
    Map<String, ParameterSlot> slots() {
        return slots;
    }

    String head() {
        return model.headLayer().name();
    }

    String inputEmbedding() {
        return model.embeddings().get(0).name();
    }

    boolean hasTiedHead() {
        return model.spec().tiedHead();
    }

    /** Returns the modules that a configuration gives adapters, in the order of the model. */
    List<String> targets(LoraConfig config) {
        Targets targets = config.targetModules();
        if (targets == null) {
            String type = model.config().node("model_type").asText();
            targets = Targets.of(FAMILY_TARGETS.getOrDefault(type, List.of("q_proj", "v_proj")));
        }
        List<String> found = new ArrayList<>();
        for (String name : embeddings.keySet()) {
            if (NameRules.isTarget(config, targets, name, false)) {
                found.add(name);
            }
        }
        for (String name : linears.keySet()) {
            if (NameRules.isTarget(config, targets, name, !name.equals(head()))) {
                found.add(name);
            }
        }
        if (found.isEmpty() && !targets.isEmpty()) {
            throw new IllegalArgumentException(
                    "target_modules "
                            + targets
                            + " fit no module of the model; modules are for example "
                            + String.join(", ", linears.keySet().stream().limit(8).toList())
                            + " and "
                            + inputEmbedding());
        }
        return found;
    }

    /** Refuses ranks that could only be a slip, before memory is taken for them. */
    void requireSize(LoraConfig config, List<String> targets) {
        double wanted = 0;
        for (String module : targets) {
            ParameterSlot slot = slots.get(module + ".weight");
            if (slot != null) {
                long[] shape = slot.own().value().shape();
                wanted += (double) config.rankOf(module) * (shape[0] + shape[1]);
            }
        }
        double own = model.parameters().stream().mapToDouble(Parameter::elements).sum();
        if (wanted > 4 * own + 1e6) {
            throw new IllegalArgumentException(
                    String.format(
                            Locale.ROOT,
                            "r is %d, which makes an adapter of %.3g parameters for a model of"
                                    + " %.3g; choose a smaller r",
                            config.r(),
                            wanted,
                            own));
        }
    }

    /** Returns names for {@code target_modules} that mean these modules and no others. */
    List<String> shortest(List<String> modules) {
        List<String> ends =
                modules.stream()
                        .map(name -> name.substring(name.lastIndexOf('.') + 1))
                        .distinct()
                        .sorted()
                        .toList();
        Targets wanted = Targets.of(ends);
        boolean same =
                linears.keySet().stream().allMatch(n -> wanted.isNamed(n) == modules.contains(n))
                        && embeddings.keySet().stream()
                                .allMatch(n -> wanted.isNamed(n) == modules.contains(n));
        return same ? ends : modules.stream().sorted().toList();
    }

    /** Returns the places of the parameters of modules whose names end so. */
    List<ParameterSlot> slotsOf(String end) {
        List<ParameterSlot> found = new ArrayList<>();
        for (ParameterSlot slot : slots.values()) {
            String module = slot.name().substring(0, slot.name().lastIndexOf('.'));
            if (module.endsWith(end)) {
                found.add(slot);
            }
        }
        if (found.isEmpty()) {
            throw new IllegalArgumentException(
                    "modules_to_save: no module of the model ends with " + end);
        }
        return found;
    }
}
