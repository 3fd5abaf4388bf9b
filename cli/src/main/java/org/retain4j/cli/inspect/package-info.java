/** What a model, adapter or GGUF file holds, told from its headers. */
@NullMarked
package org.retain4j.cli.inspect;

import org.jspecify.annotations.NullMarked;
