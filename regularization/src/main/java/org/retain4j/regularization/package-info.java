/** Penalties, gradient projections and distillation that hold a model near what it knew. */
@NullMarked
package org.retain4j.regularization;

import org.jspecify.annotations.NullMarked;
