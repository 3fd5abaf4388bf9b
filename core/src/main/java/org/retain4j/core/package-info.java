/** Tensors, models, text, files and generation: what every other module stands on. */
@NullMarked
package org.retain4j.core;

import org.jspecify.annotations.NullMarked;
