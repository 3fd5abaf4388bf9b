/** Log-probabilities of given tokens under a model, for many rows at once. */
@NullMarked
package org.retain4j.evaluation.scoring;

import org.jspecify.annotations.NullMarked;
