package org.retain4j.core.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSource;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Ways to fill the parameters of a model: from files, by chance, or from another model. */
final class Weights {

    private static final Pattern BUFFERS =
            Pattern.compile(
                    "(^|\\.)(rotary_emb\\.inv_freq|(attn|attention)\\.(bias|masked_bias))$");

    private Weights() {}

    /** Reads float32 parameters from files, and remembers which tensors were asked for. */
    static final class FromFiles implements ParameterSource {
        private final TensorSource files;
        private final String origin;
        private final Scope owner;
        private final Device device;
        private final String basePrefix;
        private final Map<String, String> read = new LinkedHashMap<>();
        private final WeightsFill fill;

        /**
         * Creates a source.
         *
         * @param base first part of the names of all tensors but the head, for example {@code
         *     model}; files of a model without its head leave it out
         */
        FromFiles(TensorSource files, String origin, String base, Scope owner, Device device) {
            this.files = files;
            this.origin = origin;
            this.owner = owner;
            this.device = device;
            this.fill = new WeightsFill(files);
            String prefix = base + ".";
            basePrefix =
                    files.tensors().keySet().stream().anyMatch(name -> name.startsWith(prefix))
                            ? ""
                            : prefix;
        }

        @Override
        public Parameter get(String name, long... shape) {
            try {
                String stored =
                        !basePrefix.isEmpty() && name.startsWith(basePrefix)
                                ? name.substring(basePrefix.length())
                                : name;
                TensorInfo info = files.tensors().get(stored);
                if (info == null) {
                    throw new ModelException(
                            origin + " has no tensor " + stored + ", which config.json asks for");
                }
                long[] found = info.shape().stream().mapToLong(Long::longValue).toArray();
                if (!Arrays.equals(found, shape)) {
                    throw new ModelException(
                            origin
                                    + ": tensor "
                                    + stored
                                    + " has shape "
                                    + Arrays.toString(found)
                                    + " but config.json asks for "
                                    + Arrays.toString(shape));
                }
                read.put(stored, name);
                return new Parameter(name, load(info, shape));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private Tensor load(TensorInfo info, long[] shape) throws IOException {
            if (!info.dtype().isFloatingPoint()) {
                throw new ModelException(
                        origin
                                + ": tensor "
                                + info.name()
                                + " is "
                                + info.dtype()
                                + "; weights must be float32, float64, float16 or bfloat16");
            }
            try (Scope scope = Scope.open()) {
                Tensor value = Tensor.empty(DType.FLOAT32, device, shape);
                fill.add(info, value);
                return owner.adopt(value);
            }
        }

        /**
         * Reads the parameters that were asked for: they have no values before.
         *
         * @throws IOException if a file cannot be read or became shorter
         */
        void fill() throws IOException {
            fill.run();
        }

        /** Refuses tensors that nobody asked for: ignoring them could change the computation. */
        void requireAllUsed(boolean tiedHead, String head) throws ModelException {
            TreeSet<String> unused = new TreeSet<>(files.tensors().keySet());
            unused.removeAll(read.keySet());
            // tables that older files carry along and every program computes itself
            unused.removeIf(name -> BUFFERS.matcher(name).find());
            if (tiedHead) {
                unused.remove(head + ".weight");
            }
            if (!unused.isEmpty()) {
                throw new ModelException(
                        origin
                                + " holds "
                                + unused.size()
                                + " tensor(s) that this model does not use, first "
                                + unused.first()
                                + "; config.json belongs to another model, or the model has parts"
                                + " that are not supported");
            }
        }
    }

    /** Draws parameters: norms are 1, biases 0, the rest normal with deviation 0.02. */
    static ParameterSource random(long seed, Scope owner, Device device) {
        return (name, shape) -> {
            try (Scope scope = Scope.open()) {
                Tensor value;
                if (shape.length == 1 && name.endsWith(".weight")) {
                    value = Tensor.full(1, DType.FLOAT32, device, shape);
                } else if (name.endsWith(".bias")) {
                    value = Tensor.zeros(DType.FLOAT32, device, shape);
                } else {
                    value = Random.at(seed, 0, name).normal(0.02, shape).to(device);
                }
                return new Parameter(name, owner.adopt(value));
            }
        };
    }

    /** Moves the parameters of another model, which can only be closed afterwards. */
    static ParameterSource takenFrom(CausalLm model, Scope owner) {
        return (name, shape) -> {
            Parameter parameter = model.parameter(name);
            owner.adopt(parameter.value());
            return parameter;
        };
    }

    /** Copies the parameters of another model. */
    static ParameterSource copyOf(CausalLm model, Scope owner) {
        return (name, shape) -> {
            try (Scope scope = Scope.open()) {
                return new Parameter(
                        name, owner.adopt(model.parameter(name).value().detach().copy()));
            }
        };
    }
}
