/** Reading of GGUF model files as if they were Hugging Face model folders. */
@NullMarked
package org.retain4j.core.io.gguf;

import org.jspecify.annotations.NullMarked;
