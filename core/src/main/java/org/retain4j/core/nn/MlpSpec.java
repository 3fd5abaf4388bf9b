package org.retain4j.core.nn;

import java.util.List;

/**
 * What tells the feed-forward layer of one family of models from another.
 *
 * @param innerWidth width between the layers ({@code intermediate_size})
 * @param layout how the layers are stored and combined
 * @param activation function between the layers
 * @param inputs names below the block of the layers that read its input: gate and up, or one
 * @param output name below the block of the layer that writes its output
 * @param bias whether the layers have biases
 * @param transposed whether weights are stored as {@code [in, out]}
 */
public record MlpSpec(
        int innerWidth,
        Layout layout,
        Activation activation,
        List<String> inputs,
        String output,
        boolean bias,
        boolean transposed) {

    /** How the layers are stored and combined. */
    public enum Layout {
        /** down(act(gate(x)) · up(x)) (Shazeer 2020, arXiv:2002.05202). */
        GATED(0),
        /** The same, gate and up stored in one layer, gate first. */
        STACKED_GATED(1),
        /** down(act(up(x))). */
        PLAIN(2);

        private final int code;

        Layout(int code) {
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    /** Functions between the layers. */
    public enum Activation {
        /** x · sigmoid(x). */
        SILU(0),
        /** x · Φ(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415). */
        GELU(1),
        /** Its approximation with tanh. */
        GELU_TANH(2),
        /** max(x, 0). */
        RELU(3);

        private final int code;

        Activation(int code) {
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    /** Makes an entry with its own copy of the names. */
    public MlpSpec {
        inputs = List.copyOf(inputs);
    }

    /** Gated layers {@code mlp.gate_proj}, {@code up_proj}, {@code down_proj} as in Llama. */
    public static MlpSpec gated(int innerWidth, Activation activation, boolean bias) {
        return new MlpSpec(
                innerWidth,
                Layout.GATED,
                activation,
                List.of("mlp.gate_proj", "mlp.up_proj"),
                "mlp.down_proj",
                bias,
                false);
    }

    /** Returns the name of the part that holds the layers, for example {@code mlp}. */
    public String part() {
        return output.substring(0, output.lastIndexOf('.'));
    }
}
