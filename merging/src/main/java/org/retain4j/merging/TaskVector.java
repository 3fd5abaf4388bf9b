package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.FloatSink;
import org.retain4j.merging.method.FloatSource;

/**
 * The difference between a tuned model and the model it started from, as a file: Ilharco et al.,
 * "Editing models with task arithmetic", 2212.04089.
 *
 * <pre>{@code
 * TaskVector.difference(base, tuned, vector);
 * TaskVector.apply(base, List.of(new TaskVector.Term(vector, Coefficient.of(-0.4))), out);
 * }</pre>
 *
 * <p>A vector is a safetensors file of float32 tensors, whose header has the SHA-256 hashes of the
 * weights of both ends, or how it was made from other vectors. Tensors that are not floating-point
 * are left out of vectors and copied from the base. Memory is a few megabytes, whatever the size.
 * Stateless and safe for all threads.
 */
public final class TaskVector {

    private static final int PART = 1 << 16;
    private static final String KIND = "retain4j-task-vector";

    /** Largest weight file, 5 GB. */
    private static final long MAX_SHARD = 5_000_000_000L;

    /**
     * A stored vector and its factor.
     *
     * @param vector file written by this class
     * @param coefficient factor at each tensor
     */
    public record Term(Path vector, Coefficient coefficient) {

        /** Makes a term with the same factor everywhere. */
        public static Term of(Path vector, double factor) {
            return new Term(vector, Coefficient.of(factor));
        }
    }

    private TaskVector() {}

    /** Writes tuned minus base; both must have the same tensors. */
    public static void difference(Path base, Path tuned, Path vector) throws IOException {
        difference(base, tuned, vector, Set.of());
    }

    /**
     * Writes tuned minus base.
     *
     * @param base folder of the model before tuning, or a single safetensors file
     * @param tuned the same of the model afterwards
     * @param vector file to write
     * @param onlyInOne names of tensors that may be missing on one side; they are left out
     * @throws MergeException if other tensors are missing, or shapes differ
     * @throws IOException if files cannot be read or written
     */
    public static void difference(Path base, Path tuned, Path vector, Set<String> onlyInOne)
            throws IOException {
        try (Weights from = Weights.of(base);
                Weights to = Weights.of(tuned)) {
            requireSame(from, to, onlyInOne);
            List<TensorSpec> specs = new ArrayList<>();
            for (TensorInfo info : to.tensors().values()) {
                TensorInfo start = from.find(info.name());
                if (start != null
                        && info.dtype().isFloatingPoint()
                        && start.dtype().isFloatingPoint()) {
                    from.requireShape(start, info.shape(), tuned);
                    specs.add(new TensorSpec(info.name(), DType.FLOAT32, info.shape()));
                }
            }
            Map<String, String> header = new TreeMap<>();
            header.put("kind", KIND);
            header.put("operation", "difference");
            header.put("base_sha256", from.hash());
            header.put("tuned_sha256", to.hash());
            try (SafetensorsWriter writer = SafetensorsWriter.create(vector, specs, header)) {
                RoundingSink rounding = new RoundingSink();
                for (TensorSpec spec : specs) {
                    List<Part> parts =
                            List.of(
                                    new Part(to.floats(spec.name()), 1),
                                    new Part(from.floats(spec.name()), -1));
                    sum(parts, count(spec), sink(rounding, spec, writer));
                }
                writer.commit();
            }
        }
    }

    /** Writes a vector times a number; −1 is what unlearning by negation needs. */
    public static void scale(Path vector, double factor, Path out) throws IOException {
        combine(List.of(Term.of(vector, factor)), out);
    }

    /** Writes a vector with the opposite sign. */
    public static void negate(Path vector, Path out) throws IOException {
        scale(vector, -1, out);
    }

    /** Writes the sum of vectors. */
    public static void add(List<Path> vectors, Path out) throws IOException {
        combine(vectors.stream().map(vector -> Term.of(vector, 1)).toList(), out);
    }

    /** Writes what a is to b but for c: the vector c + (b − a). */
    public static void analogy(Path a, Path b, Path c, Path out) throws IOException {
        combine(List.of(Term.of(c, 1), Term.of(b, 1), Term.of(a, -1)), out);
    }

    /**
     * Writes the weighted sum of vectors, which must have the same tensors.
     *
     * @throws MergeException if there are no vectors, or their tensors or shapes differ
     */
    public static void combine(List<Term> terms, Path out) throws IOException {
        List<Weights> opened = new ArrayList<>();
        try {
            StringBuilder operation = new StringBuilder("sum of");
            for (Term term : terms) {
                Weights vector = open(term.vector());
                opened.add(vector);
                requireSame(opened.get(0), vector, Set.of());
                operation.append(' ').append(vector.hash());
            }
            if (opened.isEmpty()) {
                throw new MergeException("There are no task vectors to combine; name at least one");
            }
            List<TensorSpec> specs = new ArrayList<>();
            for (TensorInfo info : opened.get(0).tensors().values()) {
                specs.add(new TensorSpec(info.name(), DType.FLOAT32, info.shape()));
            }
            Map<String, String> header = new TreeMap<>();
            header.put("kind", KIND);
            header.put("operation", operation.toString());
            try (SafetensorsWriter writer = SafetensorsWriter.create(out, specs, header)) {
                RoundingSink rounding = new RoundingSink();
                for (TensorSpec spec : specs) {
                    List<Part> parts = parts(terms, opened, spec.name(), spec.shape(), out);
                    sum(parts, count(spec), sink(rounding, spec, writer));
                }
                writer.commit();
            }
        } finally {
            for (Weights vector : opened) {
                vector.close();
            }
        }
    }

    /** Writes base plus weighted vectors; every tensor of a vector must be in the base. */
    public static void apply(Path base, List<Term> terms, Path out) throws IOException {
        apply(base, terms, out, Set.of());
    }

    /**
     * Writes base plus weighted vectors in the types of the base, each element summed in double
     * precision and rounded once to float32 and once more to a shorter type, with a file {@code
     * undo.safetensors} that {@link #undo} needs to get the base back.
     *
     * @param base folder of a model or a single safetensors file, which is only read
     * @param terms vectors with their factors
     * @param out folder of the new model; other files of the base are copied into it
     * @param onlyInOne names of tensors that may be missing in the base or in a vector
     * @throws MergeException if other tensors are missing, or shapes differ
     * @throws IOException if files cannot be read or written
     */
    public static void apply(Path base, List<Term> terms, Path out, Set<String> onlyInOne)
            throws IOException {
        List<Weights> opened = new ArrayList<>();
        try (Weights from = Weights.of(base)) {
            ModelFolder.requireOther(base, out);
            for (Term term : terms) {
                Weights vector = open(term.vector());
                opened.add(vector);
                requireCovered(vector, from, term, onlyInOne);
            }
            Map<String, List<Part>> changed = new LinkedHashMap<>();
            List<TensorSpec> specs = new ArrayList<>();
            List<TensorSpec> undo = new ArrayList<>();
            for (TensorInfo info : from.tensors().values()) {
                specs.add(info.spec());
                List<Part> parts = parts(terms, opened, info.name(), info.shape(), base);
                if (!parts.isEmpty()) {
                    changed.put(info.name(), parts);
                    undo.add(TensorSpec.of(info.name(), DType.UINT8, info.byteCount()));
                }
            }
            Files.createDirectories(out);
            Map<String, String> header =
                    Map.of(
                            "kind",
                            "retain4j-undo",
                            "tensors_sha256",
                            ModelFolder.hashOfTensors(from));
            try (ShardedWriter writer =
                            ShardedWriter.create(out, specs, Map.of("format", "pt"), MAX_SHARD);
                    SafetensorsWriter undoing =
                            SafetensorsWriter.create(undoFile(out), undo, header)) {
                RoundingSink rounding = new RoundingSink();
                for (TensorInfo info : from.tensors().values()) {
                    List<Part> parts = changed.get(info.name());
                    if (parts == null) {
                        copy(from, info, writer::write);
                        continue;
                    }
                    List<Part> all = new ArrayList<>(parts);
                    all.add(0, new Part(from.floats(info), 1));
                    ByteBuffer old = ByteBuffer.allocate(PART * 8);
                    long[] at = new long[1];
                    FloatSink sink =
                            rounding.to(
                                    info.dtype(),
                                    bytes -> {
                                        old.clear().limit(bytes.remaining());
                                        from.bytes(info, at[0], old);
                                        at[0] += bytes.remaining();
                                        xor(old.flip(), bytes.duplicate());
                                        undoing.write(info.name(), old);
                                        writer.write(info.name(), bytes);
                                    });
                    sum(all, info.elementCount(), sink);
                }
                undoing.commit();
                writer.commit();
            }
            if (Files.isDirectory(base)) {
                ModelFolder.copyBeside(base, out);
            }
        } finally {
            for (Weights vector : opened) {
                vector.close();
            }
        }
    }

    /**
     * Writes the model that {@link #apply} started from, byte for byte.
     *
     * @param changed folder that {@code apply} wrote, with its {@code undo.safetensors}
     * @param out folder for the old model
     * @throws MergeException if the weights are not those of the old model, because the folder was
     *     changed since
     */
    public static void undo(Path changed, Path out) throws IOException {
        try (Weights from = Weights.ofModel(changed);
                Weights record = Weights.ofFile(undoFile(changed))) {
            ModelFolder.requireOther(changed, out);
            List<TensorSpec> specs = new ArrayList<>();
            for (TensorInfo info : from.tensors().values()) {
                specs.add(info.spec());
                TensorInfo bits = record.find(info.name());
                if (bits != null && bits.byteCount() != info.byteCount()) {
                    throw new MergeException(
                            record.path()
                                    + " does not fit "
                                    + info.name()
                                    + " of "
                                    + changed
                                    + "; expected the file that was written with these weights");
                }
            }
            try (ShardedWriter writer =
                    ShardedWriter.create(out, specs, Map.of("format", "pt"), MAX_SHARD)) {
                ByteBuffer bytes = ByteBuffer.allocate(PART * 8);
                ByteBuffer other = ByteBuffer.allocate(PART * 8);
                TensorHash hash = new TensorHash();
                for (TensorInfo info : from.tensors().values()) {
                    TensorInfo bits = record.find(info.name());
                    hash.start(info);
                    for (long at = 0; at < info.byteCount(); at += PART * 8) {
                        int part = (int) Math.min(PART * 8, info.byteCount() - at);
                        bytes.clear().limit(part);
                        from.bytes(info, at, bytes);
                        bytes.flip();
                        if (bits != null) {
                            other.clear().limit(part);
                            record.bytes(bits, at, other);
                            xor(bytes, other.flip());
                        }
                        hash.add(bytes.duplicate());
                        writer.write(info.name(), bytes);
                    }
                }
                if (!hash.value().equals(record.metadata().get("tensors_sha256"))) {
                    throw new MergeException(
                            changed
                                    + " was changed after the vector was applied, so the old model"
                                    + " cannot be made from it; take it from its own folder");
                }
                writer.commit();
            }
            ModelFolder.copyBeside(changed, out);
        }
    }

    private static Path undoFile(Path folder) {
        return folder.resolve("undo.safetensors");
    }

    private static Weights open(Path vector) throws IOException {
        Weights weights = Weights.ofFile(vector);
        if (!KIND.equals(weights.metadata().get("kind"))) {
            weights.close();
            throw new MergeException(
                    vector + " is not a task vector; make one from two models first");
        }
        return weights;
    }

    /** Takes bytes of a tensor. */
    @FunctionalInterface
    interface Target {
        /** Writes the rest of a buffer. */
        void write(String tensor, ByteBuffer bytes) throws IOException;
    }

    static void copy(Weights from, TensorInfo info, Target writer) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(PART * 8);
        for (long at = 0; at < info.byteCount(); at += PART * 8) {
            bytes.clear().limit((int) Math.min(PART * 8, info.byteCount() - at));
            from.bytes(info, at, bytes);
            writer.write(info.name(), bytes.flip());
        }
    }

    private static void xor(ByteBuffer target, ByteBuffer other) {
        int start = target.position();
        int from = other.position();
        for (int k = 0; k < target.remaining(); k++) {
            target.put(start + k, (byte) (target.get(start + k) ^ other.get(from + k)));
        }
    }

    private static FloatSink sink(RoundingSink rounding, TensorSpec spec, SafetensorsWriter to) {
        return rounding.to(spec.dtype(), bytes -> to.write(spec.name(), bytes));
    }

    private static long count(TensorSpec spec) {
        return spec.byteCount() / spec.dtype().bytes();
    }

    /** One summand of an element. */
    record Part(FloatSource source, double factor) {}

    private static List<Part> parts(
            List<Term> terms, List<Weights> vectors, String tensor, List<Long> shape, Path other)
            throws MergeException {
        List<Part> parts = new ArrayList<>();
        for (int i = 0; i < terms.size(); i++) {
            double factor = terms.get(i).coefficient().at(tensor);
            TensorInfo info = vectors.get(i).find(tensor);
            if (!Double.isFinite(factor)) {
                throw new MergeException(
                        "The factor of "
                                + vectors.get(i).path()
                                + " at "
                                + tensor
                                + " is "
                                + factor
                                + "; expected a finite number");
            }
            if (info != null && factor != 0) {
                vectors.get(i).requireShape(info, shape, other);
                parts.add(new Part(vectors.get(i).floats(info), factor));
            }
        }
        return parts;
    }

    /** Sums in double precision and rounds once. */
    static void sum(List<Part> parts, long size, FloatSink out) throws IOException {
        int length = (int) Math.min(PART, size);
        float[] values = new float[length];
        double[] sums = new double[length];
        for (long at = 0; at < size; at += PART) {
            int count = (int) Math.min(PART, size - at);
            Arrays.fill(sums, 0);
            for (Part part : parts) {
                part.source().read(at, values, count);
                for (int k = 0; k < count; k++) {
                    sums[k] += part.factor() * values[k];
                }
            }
            for (int k = 0; k < count; k++) {
                values[k] = (float) sums[k];
            }
            out.write(values, count);
        }
    }

    private static void requireSame(Weights a, Weights b, Set<String> allowed)
            throws MergeException {
        Set<String> missing = new TreeSet<>(a.tensors().keySet());
        missing.removeAll(b.tensors().keySet());
        Set<String> extra = new TreeSet<>(b.tensors().keySet());
        extra.removeAll(a.tensors().keySet());
        missing.addAll(extra);
        missing.removeAll(allowed);
        if (!missing.isEmpty()) {
            throw new MergeException(
                    "These tensors are in only one of "
                            + a.path()
                            + " and "
                            + b.path()
                            + ": "
                            + ModelFolder.list(missing)
                            + "; allow them by name or take other files");
        }
    }

    private static void requireCovered(Weights vector, Weights base, Term term, Set<String> allowed)
            throws MergeException {
        Set<String> wrong = new TreeSet<>();
        for (String name : vector.tensors().keySet()) {
            if (base.find(name) == null && term.coefficient().at(name) != 0) {
                wrong.add(name);
            }
        }
        for (TensorInfo info : base.tensors().values()) {
            if (vector.find(info.name()) == null
                    && info.dtype().isFloatingPoint()
                    && term.coefficient().at(info.name()) != 0) {
                wrong.add(info.name());
            }
        }
        wrong.removeAll(allowed);
        if (!wrong.isEmpty()) {
            throw new MergeException(
                    "These tensors are in only one of "
                            + vector.path()
                            + " and "
                            + base.path()
                            + ": "
                            + ModelFolder.list(wrong)
                            + "; allow them by name or give them the factor 0");
        }
    }
}
