/** Merge methods on the parts of one tensor, read and written in bounded memory. */
@NullMarked
package org.retain4j.merging.method;

import org.jspecify.annotations.NullMarked;
