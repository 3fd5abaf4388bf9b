/** Training data: reading, encoding with masks, caching, packing, order and mixtures. */
@NullMarked
package org.retain4j.finetune.data;

import org.jspecify.annotations.NullMarked;
