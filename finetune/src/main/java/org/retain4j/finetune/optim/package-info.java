/** Optimizers over lists of parameters. */
@NullMarked
package org.retain4j.finetune.optim;

import org.jspecify.annotations.NullMarked;
