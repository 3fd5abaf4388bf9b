/** Measures of how well a model predicts text. */
@NullMarked
package org.retain4j.evaluation.metrics;

import org.jspecify.annotations.NullMarked;
