/** Reading and writing of model files: safetensors, and files that appear whole or not at all. */
@NullMarked
package org.retain4j.core.io;

import org.jspecify.annotations.NullMarked;
