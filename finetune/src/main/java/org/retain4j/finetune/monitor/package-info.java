/** Watching a run: evaluations, rules that stop it, and its log. */
@NullMarked
package org.retain4j.finetune.monitor;

import org.jspecify.annotations.NullMarked;
