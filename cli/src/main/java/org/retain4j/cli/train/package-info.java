/** The {@code finetune} command: the YAML of a run, its data, its course and its folder. */
@NullMarked
package org.retain4j.cli.train;

import org.jspecify.annotations.NullMarked;
