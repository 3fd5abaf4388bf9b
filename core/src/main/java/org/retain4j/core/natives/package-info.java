/**
 * Which libtorch a process uses, and which JNI library goes with it: found by files alone, before
 * anything is loaded.
 */
@NullMarked
package org.retain4j.core.natives;

import org.jspecify.annotations.NullMarked;
