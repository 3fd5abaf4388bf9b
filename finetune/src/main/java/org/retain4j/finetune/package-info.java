/**
 * The training loop, its data, optimizers and schedules, and the plug points that methods
 * implement.
 */
@NullMarked
package org.retain4j.finetune;

import org.jspecify.annotations.NullMarked;
