/** Which tasks to run on which data, and how the scores are shown. */
@NullMarked
package org.retain4j.cli.evaluate;

import org.jspecify.annotations.NullMarked;
