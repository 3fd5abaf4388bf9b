/** The door to libtorch: kernel archive, native calls and start-up; not for use by applications. */
@NullMarked
package org.retain4j.core.tensor.internal;

import org.jspecify.annotations.NullMarked;
