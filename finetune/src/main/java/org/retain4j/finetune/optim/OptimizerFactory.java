package org.retain4j.finetune.optim;

import java.util.List;
import org.retain4j.core.nn.Parameter;

/** Makes an optimizer for given parameters. */
public interface OptimizerFactory {

    /** Creates an optimizer with fresh state. */
    Optimizer create(List<Parameter> parameters);
}
