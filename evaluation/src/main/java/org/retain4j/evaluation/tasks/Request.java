package org.retain4j.evaluation.tasks;

/** What a model is asked, in the three forms of lm-evaluation-harness. Immutable. */
public sealed interface Request {

    /** Returns the name of the form in the harness. */
    String type();

    /** Returns the text that the model reads before what counts. */
    String context();

    /**
     * How likely a text is after another.
     *
     * @param context text that is read; when empty, the start token is
     * @param continuation text that counts, not empty
     */
    record LogLikelihood(String context, String continuation) implements Request {
        @Override
        public String type() {
            return "loglikelihood";
        }
    }

    /**
     * How likely a whole document is, in windows that each go on where the one before ended.
     *
     * @param text what counts, not empty
     */
    record Rolling(String text) implements Request {
        @Override
        public String type() {
            return "loglikelihood_rolling";
        }

        @Override
        public String context() {
            return "";
        }
    }

    /**
     * How the model goes on.
     *
     * @param context text that is read
     * @param decoding when it ends
     */
    record Generate(String context, Decoding decoding) implements Request {
        @Override
        public String type() {
            return "generate_until";
        }
    }
}
