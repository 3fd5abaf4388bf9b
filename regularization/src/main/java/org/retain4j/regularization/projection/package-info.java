/** Methods that take out of gradients and updates what would undo earlier learning. */
@NullMarked
package org.retain4j.regularization.projection;

import org.jspecify.annotations.NullMarked;
