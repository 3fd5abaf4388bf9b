/**
 * The comparison of mitigation methods: same data, same budget, what is learned and what is kept.
 */
@NullMarked
package org.retain4j.cli.compare;

import org.jspecify.annotations.NullMarked;
