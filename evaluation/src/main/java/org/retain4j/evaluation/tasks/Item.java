package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.List;

/** One item of a task: what is asked and what is right. Immutable, safe for all threads. */
public sealed interface Item {

    /** Returns the part of the task that the item belongs to, such as a subject, or "". */
    String group();

    /** Returns what the few-shot examples of the item begin with, or "". */
    String description();

    /** Returns the item as an example of a prompt: its question alone. */
    String question();

    /** Returns the right answer as an example of a prompt shows it. */
    String answer();

    /**
     * A choice between answers, the one with the largest log-likelihood being taken.
     *
     * @param group part of the task, or ""
     * @param description beginning of the prompt, or ""
     * @param contexts one text for all answers, or one an answer that are followed by the same
     * @param choices the answers, or the one text that follows all contexts
     * @param gold index of the right answer
     */
    record Choice(
            String group, String description, List<String> contexts, List<String> choices, int gold)
            implements Item {

        /**
         * Checks the item.
         *
         * @throws IllegalArgumentException if there are not at least two answers, one is empty, or
         *     the right one is not among them
         */
        public Choice {
            contexts = List.copyOf(contexts);
            choices = List.copyOf(choices);
            int answers = Math.max(contexts.size(), choices.size());
            if (answers < 2 || Math.min(contexts.size(), choices.size()) != 1) {
                throw new IllegalArgumentException(
                        "a choice needs at least two answers, has "
                                + Math.min(contexts.size(), choices.size())
                                + " × "
                                + answers);
            }
            for (int i = 0; i < choices.size(); i++) {
                if (choices.get(i).isEmpty()) {
                    throw new IllegalArgumentException("answer " + i + " is empty");
                }
            }
            if (gold < 0 || gold >= answers) {
                throw new IllegalArgumentException(
                        "the right answer is number "
                                + gold
                                + ", but the answers are 0 to "
                                + (answers - 1));
            }
        }

        /** Returns whether the contexts differ and what follows them is the same. */
        public boolean isByContext() {
            return contexts.size() > 1;
        }

        /** Returns the number of answers. */
        public int size() {
            return Math.max(contexts.size(), choices.size());
        }

        @Override
        public String question() {
            return contexts.get(isByContext() ? gold : 0);
        }

        @Override
        public String answer() {
            return choices.get(isByContext() ? 0 : gold);
        }
    }

    /**
     * A text whose end the model should find likely.
     *
     * @param group part of the task, or ""
     * @param description beginning of the prompt, or ""
     * @param context text that is read
     * @param target text that counts, with the space before it
     */
    record Continuation(String group, String description, String context, String target)
            implements Item {

        /**
         * Checks the item.
         *
         * @throws IllegalArgumentException if the target is empty
         */
        public Continuation {
            if (target.isEmpty()) {
                throw new IllegalArgumentException("the target is empty");
            }
        }

        @Override
        public String question() {
            return context;
        }

        @Override
        public String answer() {
            return target;
        }
    }

    /**
     * A document that the model should find likely.
     *
     * @param group part of the task, or ""
     * @param text what is scored, not empty
     * @param words how many words its perplexity counts, at least 1
     * @param bytes how many UTF-8 bytes its perplexity counts, at least 1
     */
    record Document(String group, String text, long words, long bytes) implements Item {

        /**
         * Checks the item.
         *
         * @throws IllegalArgumentException if the text is empty or a count not positive
         */
        public Document {
            if (text.isEmpty() || words < 1 || bytes < 1) {
                throw new IllegalArgumentException("the document is empty");
            }
        }

        @Override
        public String description() {
            return "";
        }

        @Override
        public String question() {
            return "";
        }

        @Override
        public String answer() {
            return text;
        }
    }

    /**
     * A prompt that the model goes on with.
     *
     * @param group part of the task, or ""
     * @param description beginning of the prompt, or ""
     * @param prompt text that is read, not empty
     * @param target reference answer, or ""
     * @param row the row it was made of, for scores that need more
     */
    record Generation(String group, String description, String prompt, String target, Row row)
            implements Item {

        /**
         * Checks the item.
         *
         * @throws IllegalArgumentException if the prompt is empty
         */
        public Generation {
            if (prompt.isEmpty()) {
                throw new IllegalArgumentException("the prompt is empty");
            }
        }

        @Override
        public String question() {
            return prompt;
        }

        @Override
        public String answer() {
            return target;
        }
    }

    /**
     * Returns what the model is asked.
     *
     * @param prefix few-shot examples and description, or ""
     * @param delimiter what stands between a question and its answer
     */
    default List<Request> requests(String prefix, String delimiter, Decoding decoding) {
        List<Request> requests = new ArrayList<>();
        if (this instanceof Choice choice) {
            // one text for all answers, not a copy each
            String shared = choice.isByContext() ? "" : prefix + choice.contexts().get(0);
            for (int i = 0; i < choice.size(); i++) {
                String context = choice.isByContext() ? prefix + choice.contexts().get(i) : shared;
                String answer = choice.choices().get(choice.isByContext() ? 0 : i);
                requests.add(new Request.LogLikelihood(context, delimiter + answer));
            }
        } else if (this instanceof Continuation text) {
            requests.add(new Request.LogLikelihood(prefix + text.context(), text.target()));
        } else if (this instanceof Document document) {
            requests.add(new Request.Rolling(document.text()));
        } else if (this instanceof Generation generation) {
            requests.add(new Request.Generate(prefix + generation.prompt(), decoding));
        }
        return requests;
    }
}
