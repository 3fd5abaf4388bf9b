package org.retain4j.core.text;

/**
 * The tokens of a conversation and which of them the assistant wrote.
 *
 * <p>Immutable, safe for all threads.
 */
public final class ChatTokens {

    private final int[] ids;
    private final int[] assistantMask;

    ChatTokens(int[] ids, int[] assistantMask) {
        this.ids = ids;
        this.assistantMask = assistantMask;
    }

    /** Returns a copy of the token ids. */
    public int[] ids() {
        return ids.clone();
    }

    /** Returns a copy of the mask, as long as the ids: 1 for the assistant's tokens, else 0. */
    public int[] assistantMask() {
        return assistantMask.clone();
    }
}
