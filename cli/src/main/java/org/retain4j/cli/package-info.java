/** The {@code retain4j} command: its sub-commands and the run files they read. */
@NullMarked
package org.retain4j.cli;

import org.jspecify.annotations.NullMarked;
