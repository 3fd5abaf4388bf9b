/** Text generation with a cache of keys and values. */
@NullMarked
package org.retain4j.core.generate;

import org.jspecify.annotations.NullMarked;
