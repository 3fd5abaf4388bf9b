/** Conversation with a model in the terminal. */
@NullMarked
package org.retain4j.cli.chat;

import org.jspecify.annotations.NullMarked;
