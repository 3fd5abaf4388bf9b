package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One row of training data as it was read, before it is turned into tokens. */
public sealed interface Example {

    /**
     * A text, all of which is learned.
     *
     * @param text not empty
     */
    record Text(String text) implements Example {}

    /**
     * A text of which only the end is learned.
     *
     * @param prompt what is given
     * @param completion what follows without anything between, not empty
     */
    record Completion(String prompt, String completion) implements Example {}

    /**
     * A conversation for the chat template.
     *
     * @param messages the turns, as the template gets them
     * @param counts for each message whether it is learned; true only for the assistant's
     * @param tools descriptions of functions, or null
     * @param variables what else the template reads
     */
    record Conversation(
            List<Map<String, ?>> messages,
            List<Boolean> counts,
            @Nullable List<?> tools,
            Map<String, ?> variables)
            implements Example {

        /** Copies the outer lists. */
        public Conversation {
            messages = List.copyOf(messages);
            counts = List.copyOf(counts);
            if (counts.size() != messages.size()) {
                throw new IllegalArgumentException(
                        "there are "
                                + messages.size()
                                + " messages but "
                                + counts.size()
                                + " marks of whether they count");
            }
        }
    }

    /**
     * An instruction in the form of Stanford Alpaca.
     *
     * @param instruction what to do
     * @param input what to do it with; empty for none
     * @param output the answer
     * @param system a system prompt, or null
     * @param history earlier turns, the answers of which are learned as well
     */
    record Instruction(
            String instruction,
            String input,
            String output,
            @Nullable String system,
            List<Exchange> history)
            implements Example {

        /** Copies the list. */
        public Instruction {
            history = List.copyOf(history);
        }

        /** Returns the turns of a chat; instruction and input are joined by a line feed. */
        public Conversation asConversation() {
            List<Map<String, ?>> messages = new ArrayList<>();
            if (system != null && !system.isEmpty()) {
                messages.add(Map.of("role", "system", "content", system));
            }
            for (Exchange exchange : history) {
                messages.add(Map.of("role", "user", "content", exchange.user()));
                messages.add(Map.of("role", "assistant", "content", exchange.assistant()));
            }
            String question = input.isEmpty() ? instruction : instruction + "\n" + input;
            messages.add(Map.of("role", "user", "content", question));
            messages.add(Map.of("role", "assistant", "content", output));
            List<Boolean> counts =
                    messages.stream().map(m -> "assistant".equals(m.get("role"))).toList();
            return new Conversation(messages, counts, null, Map.of());
        }
    }

    /**
     * A question and its answer.
     *
     * @param user the question
     * @param assistant the answer
     */
    record Exchange(String user, String assistant) {}

    /**
     * A row that is tokens already.
     *
     * <p>The arrays are not copied.
     *
     * @param ids token ids without padding
     * @param weights how much each counts, of the same length
     */
    record Tokens(int[] ids, float[] weights) implements Example {}
}
