/** Reading lines of JSON, scoring them under a model, and writing the scores as lines. */
@NullMarked
package org.retain4j.cli.score;

import org.jspecify.annotations.NullMarked;
