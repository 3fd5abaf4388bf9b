package org.retain4j.core.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
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

    private static final int PART = 64 << 20;

    private Weights() {}

    /** Reads float32 parameters from files, and remembers which tensors were asked for. */
    static final class FromFiles implements ParameterSource {
        private final TensorSource files;
        private final String origin;
        private final Scope owner;
        private final Device device;
        private final Map<String, Parameter> read = new LinkedHashMap<>();

        FromFiles(TensorSource files, String origin, Scope owner, Device device) {
            this.files = files;
            this.origin = origin;
            this.owner = owner;
            this.device = device;
        }

        @Override
        public Parameter get(String name, long... shape) {
            try {
                TensorInfo info = files.tensors().get(name);
                if (info == null) {
                    throw new ModelException(
                            origin + " has no tensor " + name + ", which config.json asks for");
                }
                long[] found = info.shape().stream().mapToLong(Long::longValue).toArray();
                if (!Arrays.equals(found, shape)) {
                    throw new ModelException(
                            origin
                                    + ": tensor "
                                    + name
                                    + " has shape "
                                    + Arrays.toString(found)
                                    + " but config.json asks for "
                                    + Arrays.toString(shape));
                }
                Parameter parameter = new Parameter(name, load(info, shape));
                read.put(name, parameter);
                return parameter;
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
                Tensor stored = Tensor.empty(info.dtype(), Device.CPU, shape);
                int width = info.dtype().bytes();
                for (long done = 0; done < info.byteCount(); ) {
                    int length = (int) Math.min(PART, info.byteCount() - done);
                    ByteBuffer part = files.map(info.name(), done, length);
                    stored.writeBytes(done / width, part);
                    done += length;
                }
                return owner.adopt(stored.to(DType.FLOAT32).to(device));
            }
        }

        /** Refuses tensors that nobody asked for: ignoring them could change the computation. */
        void requireAllUsed(boolean tiedHead) throws ModelException {
            TreeSet<String> unused = new TreeSet<>(files.tensors().keySet());
            unused.removeAll(read.keySet());
            unused.removeIf(name -> name.endsWith(".rotary_emb.inv_freq"));
            if (tiedHead) {
                unused.remove("lm_head.weight");
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
                if (name.endsWith("norm.weight")) {
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
