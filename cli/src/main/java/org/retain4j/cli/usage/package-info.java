/** Mistakes of users and what they may have meant. */
@NullMarked
package org.retain4j.cli.usage;

import org.jspecify.annotations.NullMarked;
