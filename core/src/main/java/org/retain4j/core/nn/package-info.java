/** Layers of decoder-only transformers, with parameters under their Hugging Face names. */
@NullMarked
package org.retain4j.core.nn;

import org.jspecify.annotations.NullMarked;
