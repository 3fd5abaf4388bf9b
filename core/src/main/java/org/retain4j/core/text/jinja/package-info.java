/** An interpreter of the part of the Jinja2 language that chat templates use. */
@NullMarked
package org.retain4j.core.text.jinja;

import org.jspecify.annotations.NullMarked;
