/** Tasks, metrics, statistics and reports that show what a model knows and what it has lost. */
@NullMarked
package org.retain4j.evaluation;

import org.jspecify.annotations.NullMarked;
