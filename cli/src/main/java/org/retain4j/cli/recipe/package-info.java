/** Comparisons of methods on one's own model and data, as a YAML file describes them. */
@NullMarked
package org.retain4j.cli.recipe;

import org.jspecify.annotations.NullMarked;
