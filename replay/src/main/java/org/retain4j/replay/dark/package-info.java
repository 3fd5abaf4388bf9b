/** Scores of an earlier model, stored with rows in place of the model. */
@NullMarked
package org.retain4j.replay.dark;

import org.jspecify.annotations.NullMarked;
