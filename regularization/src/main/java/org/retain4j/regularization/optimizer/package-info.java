/** Methods that change how an optimizer steps, so that less is forgotten. */
@NullMarked
package org.retain4j.regularization.optimizer;

import org.jspecify.annotations.NullMarked;
