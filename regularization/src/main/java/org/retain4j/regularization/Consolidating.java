package org.retain4j.regularization;

import java.util.List;
import org.retain4j.core.nn.Parameter;

/** A penalty over a sequence of tasks, which is told when one ends. */
public interface Consolidating {

    /** Returns whether the importance of the task that ends has to be estimated for it. */
    boolean needsImportance();

    /**
     * Ends a task: from now on the parameters are tied to what they are.
     *
     * @param parameters the trained parameters, in the order of the run
     * @param importance what matters for the task that ends; copied. Not read unless {@link
     *     #needsImportance}
     */
    void consolidate(List<Parameter> parameters, Importance importance);
}
