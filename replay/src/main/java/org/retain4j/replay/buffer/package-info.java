/** Buffers of old rows, and mixers that fill and read them as a run goes. */
@NullMarked
package org.retain4j.replay.buffer;

import org.jspecify.annotations.NullMarked;
