/** Learning rates as functions of the step. */
@NullMarked
package org.retain4j.finetune.schedule;

import org.jspecify.annotations.NullMarked;
