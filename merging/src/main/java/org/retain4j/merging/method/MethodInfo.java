package org.retain4j.merging.method;

import java.util.ArrayList;
import java.util.List;

/**
 * What a plan needs to know about a merge method.
 *
 * @param name name in a plan
 * @param paper where the method is described, as author, title and number
 * @param base what the base model is for
 * @param minModels smallest number of models, a base that is not {@link Base#MODEL} not counted
 * @param maxModels largest number of them
 * @param settings the parameters
 */
public record MethodInfo(
        String name,
        String paper,
        Base base,
        int minModels,
        int maxModels,
        List<Setting> settings) {

    /** What a method does with the base model of a plan. */
    public enum Base {
        /** The base counts as one of the models, if it is among them. */
        MODEL,
        /** Changes against the base are merged where there is one. */
        OPTIONAL,
        /** There must be a base, which is not counted among the models. */
        REQUIRED
    }

    static final int MANY = Integer.MAX_VALUE;

    /** Makes a description with its own copy of the list. */
    public MethodInfo {
        settings = List.copyOf(settings);
    }

    /** Returns a description with further parameters after its own. */
    MethodInfo with(Setting... more) {
        List<Setting> all = new ArrayList<>(settings);
        all.addAll(List.of(more));
        return new MethodInfo(name, paper, base, minModels, maxModels, all);
    }
}
