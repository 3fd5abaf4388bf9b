/** Methods that mix trained weights with others after training. */
@NullMarked
package org.retain4j.regularization.weights;

import org.jspecify.annotations.NullMarked;
