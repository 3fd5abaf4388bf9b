package org.retain4j.replay;

import java.util.Arrays;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;

/** Features of texts: the mean of a model's last hidden states over their tokens. Stateless. */
public final class PooledStates {

    private PooledStates() {}

    /**
     * Returns the features of token sequences, each from a pass of its own.
     *
     * @param sequences not empty; cut to the model's positions
     * @return {@code [sequences][hidden]}
     */
    public static float[][] of(CausalLm model, List<int[]> sequences) {
        float[][] features = new float[sequences.size()][];
        for (int i = 0; i < features.length; i++) {
            int[] ids = sequences.get(i);
            int[] cut = Arrays.copyOf(ids, Math.min(ids.length, model.spec().maxPositions()));
            try (Scope pass = Scope.open()) {
                features[i] =
                        model.hidden(TokenBatch.of(cut)).select(0, 0).mean(0, false).toFloatArray();
            }
        }
        return features;
    }
}
