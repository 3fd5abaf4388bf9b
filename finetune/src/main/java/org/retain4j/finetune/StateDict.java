package org.retain4j.finetune;

import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.tensor.Tensor;

/**
 * Named tensors and numbers that make up a state.
 *
 * <p>The tensors are those of the owner, not copies: write them out before the owner goes on. The
 * maps are unmodifiable.
 *
 * @param tensors tensors by name
 * @param numbers whole numbers by name, such as step counts
 */
public record StateDict(Map<String, Tensor> tensors, Map<String, Long> numbers) {

    private static final StateDict EMPTY = new StateDict(Map.of(), Map.of());

    /** Creates a state of copies of the maps. */
    public StateDict {
        tensors = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        numbers = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(numbers));
    }

    /** Returns the state of something that has none. */
    public static StateDict empty() {
        return EMPTY;
    }

    /** Returns whether there is nothing in it. */
    public boolean isEmpty() {
        return tensors.isEmpty() && numbers.isEmpty();
    }

    /**
     * Returns a tensor by name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public Tensor tensor(String name) {
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("the state has no tensor " + name);
        }
        return tensor;
    }

    /**
     * Returns a number by name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public long number(String name) {
        Long number = numbers.get(name);
        if (number == null) {
            throw new IllegalArgumentException("the state has no number " + name);
        }
        return number;
    }
}
