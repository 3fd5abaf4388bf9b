/** Finds evaluated items that were trained on. */
@NullMarked
package org.retain4j.evaluation.contamination;

import org.jspecify.annotations.NullMarked;
