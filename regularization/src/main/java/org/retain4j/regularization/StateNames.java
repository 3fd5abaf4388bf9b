package org.retain4j.regularization;

import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/** Tensors of a state that begin alike. */
final class StateNames {

    private StateNames() {}

    /** Returns the tensors whose names begin so, by the rest of their names. */
    static Map<String, Tensor> with(String prefix, StateDict state) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        state.tensors()
                .forEach(
                        (name, value) -> {
                            if (name.startsWith(prefix)) {
                                tensors.put(name.substring(prefix.length()), value);
                            }
                        });
        return tensors;
    }
}
