/** Download of models from the Hugging Face hub into the cache that Python installations share. */
@NullMarked
package org.retain4j.core.hub;

import org.jspecify.annotations.NullMarked;
