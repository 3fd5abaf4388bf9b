/** Text to token ids and back. */
@NullMarked
package org.retain4j.core.text;

import org.jspecify.annotations.NullMarked;
