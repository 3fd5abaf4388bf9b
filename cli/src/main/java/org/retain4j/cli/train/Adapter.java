package org.retain4j.cli.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.lora.LayerInputs;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;
import org.retain4j.lora.LoraException;

/** The adapter that a run.yaml asks for. */
final class Adapter {

    private static final Set<String> OF_INPUTS =
            Set.of("eva", "corda", "lora_null", "lora_null_v1");
    private static final String FACTOR = ".lora_A.";
    private static final int BATCHES = 16;

    private Adapter() {}

    /**
     * Reads the settings; null when the run trains the weights themselves.
     *
     * @throws UsageException if a key is unknown or a value not as expected
     */
    static @Nullable LoraConfig config(RunConfig config) {
        if (config.lora == null || config.lora.isNull()) {
            return null;
        }
        try {
            return LoraConfig.fromJson("lora", config.lora).baseModel(config.model);
        } catch (LoraException | IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    /** Returns whether the adapter starts from what goes into the layers. */
    static boolean needsInputs(LoraConfig lora) {
        return OF_INPUTS.contains(lora.initLoraWeights());
    }

    /**
     * Attaches an adapter.
     *
     * @param data what goes into the layers, for starts that depend on it
     * @throws UsageException if it does not fit the model
     */
    static Lora attach(
            CausalLm model, LoraConfig lora, RunConfig config, @Nullable BatchSource data) {
        try {
            if (data == null || !needsInputs(lora)) {
                return Lora.attach(model, Lora.DEFAULT, lora, config.seed, null);
            }
            try (LayerInputs inputs = inputs(model, lora, config, data)) {
                return Lora.attach(model, Lora.DEFAULT, lora, config.seed, inputs);
            }
        } catch (IllegalArgumentException e) {
            throw new UsageException("lora: " + e.getMessage());
        }
    }

    private static LayerInputs inputs(
            CausalLm model, LoraConfig lora, RunConfig config, BatchSource data) {
        List<String> layers;
        try (Lora plain = Lora.attach(model, lora.init("true"))) {
            layers =
                    plain.parameters(Lora.DEFAULT).stream()
                            .map(Parameter::name)
                            .filter(name -> name.contains(FACTOR))
                            .map(name -> name.substring(0, name.indexOf(FACTOR)))
                            .toList();
        }
        List<TokenBatch> batches = new ArrayList<>();
        for (int i = 0; i < BATCHES; i++) {
            List<TrainRow> rows = data.rows((long) i * config.batchSize, config.batchSize);
            batches.add(
                    TokenBatch.packed(
                            rows.stream().map(TrainRow::ids).toList(),
                            rows.stream().map(TrainRow::starts).toList(),
                            0));
        }
        try (Scope scope = Scope.open()) {
            return LayerInputs.collect(model, batches, layers, LayerInputs.Scaling.NONE);
        }
    }
}
