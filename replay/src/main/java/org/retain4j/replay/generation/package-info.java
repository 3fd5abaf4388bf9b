/** Old data written by the model itself: generators, filters, and a cache of what was written. */
@NullMarked
package org.retain4j.replay.generation;

import org.jspecify.annotations.NullMarked;
