/** Evaluation tasks with the names, prompts and scores of lm-evaluation-harness. */
@NullMarked
package org.retain4j.evaluation.tasks;

import org.jspecify.annotations.NullMarked;
