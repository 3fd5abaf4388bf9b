/** Training rows from texts. */
@NullMarked
package org.retain4j.finetune.data;

import org.jspecify.annotations.NullMarked;
