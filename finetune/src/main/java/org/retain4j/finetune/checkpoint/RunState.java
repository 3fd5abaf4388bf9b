package org.retain4j.finetune.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.finetune.StateDict;

/**
 * What a checkpoint holds beside the weights.
 *
 * @param step optimizer steps done
 * @param settings what decides the course of the run, by option name; a resume must have the same
 * @param parts states by the name of their owner; {@code optimizer} has a file of its own
 */
public record RunState(long step, Map<String, String> settings, Map<String, StateDict> parts) {

    /** Name of the optimizer among the parts. */
    public static final String OPTIMIZER = "optimizer";

    /** Copies the maps. */
    public RunState {
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
    }

    /** Returns the state of a part; empty when it has none. */
    public StateDict part(String name) {
        return parts.getOrDefault(name, StateDict.empty());
    }
}
