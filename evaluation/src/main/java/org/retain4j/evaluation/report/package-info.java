/** The result of comparing methods against forgetting, and its report as text, HTML and JSON. */
@NullMarked
package org.retain4j.evaluation.report;

import org.jspecify.annotations.NullMarked;
