/** Measures how long training steps take and how much memory they need. */
@NullMarked
package org.retain4j.cli.bench;

import org.jspecify.annotations.NullMarked;
