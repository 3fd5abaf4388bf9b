package org.retain4j.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** What an adapter folder is written from: a configuration and tensors by their keys. */
record AdapterWriter(LoraConfig config, boolean transposed, Map<String, Value> values) {

    private static final int PART = 1 << 20;

    /** Gives a tensor in the scope of the caller, so that only one is held at a time. */
    interface Value {
        Tensor get();
    }

    private static final List<String> EMBEDDING_NAMES = List.of("embed_tokens", "lm_head");

    static AdapterWriter of(ModuleIndex index, NamedAdapter adapter) {
        LoraConfig config = adapter.config();
        Map<String, Value> values = new LinkedHashMap<>();
        boolean transposed = false;
        for (LinearLora own : adapter.linears()) {
            transposed |= own.layer().isTransposed();
            String key = StoredAdapter.PREFIX + own.module();
            List<Tensor> taken = adapter.takenOut(own.module());
            values.put(key + ".lora_A.weight", () -> joined(own.a().value(), taken, 0));
            values.put(key + ".lora_B.weight", () -> joined(own.b().value(), taken, 1));
            putMagnitude(values, key, own);
        }
        for (EmbeddingLora own : adapter.embeddings()) {
            String key = StoredAdapter.PREFIX + own.module();
            values.put(key + ".lora_embedding_A", () -> own.a().value());
            values.put(key + ".lora_embedding_B", () -> own.b().value());
            putMagnitude(values, key, own);
        }
        for (TokenRows own : adapter.tokens()) {
            values.put(
                    StoredAdapter.PREFIX + own.module() + ".token_adapter.trainable_tokens_delta",
                    () -> own.rows().value());
        }
        putWholes(index, adapter, values);
        return new AdapterWriter(stored(adapter), transposed, values);
    }

    private static void putMagnitude(Map<String, Value> values, String key, Factors own) {
        Parameter magnitude = own.magnitude();
        if (magnitude != null) {
            values.put(key + ".lora_magnitude_vector", magnitude::value);
        }
    }

    private static void putWholes(
            ModuleIndex index, NamedAdapter adapter, Map<String, Value> values) {
        List<String> adapted = new ArrayList<>();
        adapter.linears().forEach(own -> adapted.add(own.module()));
        adapter.embeddings().forEach(own -> adapted.add(own.module()));
        for (Map.Entry<ParameterSlot, Parameter> entry : adapter.substitutes().entrySet()) {
            values.put(key(entry.getKey(), adapted), () -> entry.getValue().value());
        }
        Targets targets = adapter.config().targetModules();
        List<String> names = targets == null ? null : targets.names();
        boolean byName = names == null || names.stream().anyMatch(n -> EMBEDDING_NAMES.contains(n));
        if (!byName || adapter.config().trainableTokenIndices() != null) {
            return;
        }
        for (String module : List.of(index.inputEmbedding(), index.head())) {
            ParameterSlot slot = index.slots().get(module + ".weight");
            boolean usual = EMBEDDING_NAMES.stream().anyMatch(module::endsWith);
            if (slot != null && usual && adapted.contains(module)) {
                values.putIfAbsent(key(slot, adapted), () -> slot.own().value());
            }
        }
    }

    private static String key(ParameterSlot slot, List<String> adapted) {
        int dot = slot.name().lastIndexOf('.');
        String module = slot.name().substring(0, dot);
        return StoredAdapter.PREFIX
                + module
                + (adapted.contains(module) ? ".base_layer" : "")
                + slot.name().substring(dot);
    }

    /** Returns A and A₀ one under the other, or B and −B₀ side by side: s(BA − B₀A₀) as one. */
    private static Tensor joined(Tensor own, List<Tensor> taken, int dim) {
        if (taken.isEmpty()) {
            return own;
        }
        Tensor other = dim == 0 ? taken.get(0) : taken.get(1).neg();
        return Tensor.cat(List.of(own.detach(), other), dim);
    }

    /** Returns the configuration of the file: twice the rank where a part was taken out. */
    private static LoraConfig stored(NamedAdapter adapter) {
        LoraConfig config = adapter.config();
        if (config.initLoraWeights().equals("lora_null")) {
            return config.init("true");
        }
        if (!config.changesBase()) {
            return config;
        }
        double factor = config.useRslora() ? Math.sqrt(2) : 2;
        Map<String, Integer> ranks = new LinkedHashMap<>();
        config.rankPattern().forEach((name, rank) -> ranks.put(name, 2 * rank));
        Map<String, Double> alphas = new LinkedHashMap<>();
        config.alphaPattern().forEach((name, alpha) -> alphas.put(name, factor * alpha));
        return config.with(
                draft -> {
                    draft.r = 2 * config.r();
                    draft.alpha = factor * config.loraAlpha();
                    draft.rankPattern = ranks;
                    draft.alphaPattern = alphas;
                    draft.init = "true";
                });
    }

    /**
     * Writes the folder; the weights come before the configuration.
     *
     * @throws IOException if it cannot be written; no file is left half written
     */
    void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        List<TensorSpec> specs = new ArrayList<>();
        for (Map.Entry<String, Value> entry : values.entrySet()) {
            try (Scope measuring = Scope.open()) {
                long[] shape = entry.getValue().get().shape();
                specs.add(TensorSpec.of(entry.getKey(), DType.FLOAT32, shape));
            }
        }
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        folder.resolve(StoredAdapter.WEIGHTS), specs, Map.of("format", "pt"))) {
            for (Map.Entry<String, Value> entry : values.entrySet()) {
                try (Scope pass = Scope.open()) {
                    write(writer, entry.getKey(), entry.getValue().get());
                }
            }
            writer.commit();
        }
        AtomicFile.write(folder.resolve(ConfigFile.NAME), ConfigFile.text(config, transposed));
    }

    private static void write(SafetensorsWriter writer, String key, Tensor value)
            throws IOException {
        Tensor floats = value.detach().to(DType.FLOAT32).to(Device.CPU).contiguous();
        for (long done = 0; done < floats.elements(); done += PART) {
            int count = (int) Math.min(PART, floats.elements() - done);
            ByteBuffer part =
                    ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            floats.readBytes(done, part);
            writer.write(key, part.flip());
        }
    }
}
