/** Buffers, mixing and generators that show a model its old data again. */
@NullMarked
package org.retain4j.replay;

import org.jspecify.annotations.NullMarked;
