/** Causal language models: configuration, families, loading, forward passes and saving. */
@NullMarked
package org.retain4j.core.model;

import org.jspecify.annotations.NullMarked;
