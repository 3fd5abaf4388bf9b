package org.retain4j.core.model;

import java.util.ArrayList;
import java.util.List;

/** The sliding windows of the Qwen models: off by default, and only from some layer on. */
final class QwenWindows {

    private QwenWindows() {}

    static List<DecoderSpec.Layer> layers(ModelConfig config, int layers) throws ModelException {
        int window =
                config.flag("use_sliding_window", false)
                        ? ConfigChecks.window(config, "sliding_window", 4096)
                        : 0;
        List<String> types = ConfigChecks.layerTypes(config, layers);
        int first = config.nonNegativeInt("max_window_layers", 28);
        for (int i = types.size(); i < layers; i++) {
            types.add(window > 0 && i >= first ? "sliding_attention" : "full_attention");
        }
        if (window == 0 && types.contains("sliding_attention")) {
            throw config.unsupported(
                    "layer_types", "it has sliding layers but use_sliding_window is not true");
        }
        return new ArrayList<>(DecoderSpec.Layer.windowed(types, window));
    }
}
