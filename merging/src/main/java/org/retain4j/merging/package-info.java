/** Merging of models in files: task vectors, chat vectors and merge plans. */
@NullMarked
package org.retain4j.merging;

import org.jspecify.annotations.NullMarked;
