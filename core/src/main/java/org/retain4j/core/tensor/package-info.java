/** Tensors, their lifetime, automatic differentiation and seeded randomness. */
@NullMarked
package org.retain4j.core.tensor;

import org.jspecify.annotations.NullMarked;
