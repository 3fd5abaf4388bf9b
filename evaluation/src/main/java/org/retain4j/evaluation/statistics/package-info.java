/** Intervals for scores measured over several seeds and documents. */
@NullMarked
package org.retain4j.evaluation.statistics;

import org.jspecify.annotations.NullMarked;
