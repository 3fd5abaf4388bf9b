/** Checkpoints from which a run continues bit for bit. */
@NullMarked
package org.retain4j.finetune.checkpoint;

import org.jspecify.annotations.NullMarked;
