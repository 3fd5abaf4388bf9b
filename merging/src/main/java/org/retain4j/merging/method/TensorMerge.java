package org.retain4j.merging.method;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One tensor to be merged: its inputs, the values of the method's parameters, and where the result
 * goes.
 *
 * <p>For one thread; the inputs may be shared.
 */
public final class TensorMerge {

    /** Elements of an input that are held at a time, unless a row is longer. */
    static final int PART = 1 << 15;

    /** Bytes of counts and buffers that a thread needs besides the parts. */
    private static final long FIXED = 8 << 20;

    /** Parts besides those of the models: base, result and what a method works with. */
    private static final int OTHER_PARTS = 5;

    /** Work on a part. */
    @FunctionalInterface
    interface PartAction {
        /** Works on {@code count} elements from {@code at} on. */
        void at(long at, int count) throws IOException;
    }

    private final String name;
    private final List<Long> shape;
    private final @Nullable FloatSource base;
    private final List<FloatSource> models;
    private List<FloatSource> statistics = List.of();
    private final Map<String, Double> shared = new LinkedHashMap<>();
    private final List<Map<String, Double>> own = new ArrayList<>();
    private final FloatSink out;
    private Draws draws;
    private boolean parity;
    private boolean bfloat;
    private Consumer<String> warnings = text -> {};
    private final List<float[]> buffers = new ArrayList<>();

    /**
     * Describes a merge with no parameters set.
     *
     * @param name name of the tensor, which its random numbers depend on
     * @param shape sizes of all inputs and of the result; empty for a scalar
     * @param base base of the changes, null where there is none
     * @param models inputs, the base not among them
     */
    public TensorMerge(
            String name,
            List<Long> shape,
            @Nullable FloatSource base,
            List<FloatSource> models,
            FloatSink out) {
        this.name = name;
        this.shape = List.copyOf(shape);
        this.base = base;
        this.models = List.copyOf(models);
        this.out = out;
        this.draws = Draws.of(0, name);
        for (int i = 0; i < models.size(); i++) {
            own.add(new LinkedHashMap<>());
        }
    }

    /** Returns how many bytes a merge may take that has these sizes and number of models. */
    public static long memory(List<Long> shape, int models) {
        long row = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
        long part = Math.max(PART, row);
        return FIXED + (models + OTHER_PARTS) * part * Float.BYTES;
    }

    /** Sets a parameter of the tensor. */
    public TensorMerge set(String setting, double value) {
        shared.put(setting, value);
        return this;
    }

    /** Sets a parameter of one model. */
    public TensorMerge set(int model, String setting, double value) {
        own.get(model).put(setting, value);
        return this;
    }

    /** Sets the random numbers. */
    public TensorMerge draws(Draws value) {
        draws = value;
        return this;
    }

    /** Gives what is known about each model, see {@link MergeMethod#statistics()}. */
    public TensorMerge statistics(List<FloatSource> values) {
        if (values.size() != models.size()) {
            throw new IllegalArgumentException(
                    "there are statistics of "
                            + values.size()
                            + " models at tensor "
                            + name
                            + " and "
                            + models.size()
                            + " models");
        }
        statistics = List.copyOf(values);
        return this;
    }

    boolean hasStatistics() {
        return !statistics.isEmpty();
    }

    void statistic(int i, long at, float[] target, int count) throws IOException {
        statistics.get(i).read(at, target, count);
    }

    /** Reproduces what mergekit 0.1.4 does where the methods here differ from it on purpose. */
    public TensorMerge parity(boolean value) {
        parity = value;
        return this;
    }

    /** Takes warnings, each one sentence without the name of the tensor. */
    public TensorMerge warnings(Consumer<String> value) {
        warnings = value;
        return this;
    }

    /** Rounds every step of the arithmetic to bfloat16, which parity does for such weights. */
    public TensorMerge bfloat(boolean value) {
        bfloat = value;
        return this;
    }

    /** Returns a number as the arithmetic of the merge holds it. */
    float held(float value) {
        if (!bfloat || Float.isNaN(value)) {
            return value;
        }
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat(bits + 0x7fff + ((bits >>> 16) & 1) & 0xffff0000);
    }

    boolean isBfloat() {
        return bfloat;
    }

    boolean isParity() {
        return parity;
    }

    Draws draws() {
        return draws;
    }

    void warn(String sentence) {
        warnings.accept(sentence);
    }

    int models() {
        return models.size();
    }

    boolean hasBase() {
        return base != null;
    }

    List<Long> shape() {
        return shape;
    }

    long size() {
        long size = 1;
        for (long n : shape) {
            size = Math.multiplyExact(size, n);
        }
        return size;
    }

    /** Returns the number of elements that are next to each other in the last dimension. */
    int rowLength() {
        return shape.isEmpty() ? 1 : Math.toIntExact(shape.get(shape.size() - 1));
    }

    double number(MergeMethod method, String setting) {
        Double value = shared.get(setting);
        return value != null ? value : initial(method, setting);
    }

    boolean flag(MergeMethod method, String setting) {
        return number(method, setting) != 0;
    }

    double number(MergeMethod method, int model, String setting) {
        Double value = own.get(model).get(setting);
        return value != null ? value : number(method, setting);
    }

    /** Returns a parameter of every model. */
    double[] numbers(MergeMethod method, String setting) {
        double[] all = new double[models()];
        for (int i = 0; i < all.length; i++) {
            all[i] = number(method, i, setting);
        }
        return all;
    }

    private double initial(MergeMethod method, String setting) {
        for (Setting known : method.info().settings()) {
            if (known.name().equals(setting)) {
                Double initial = known.initial();
                if (initial == null) {
                    throw new IllegalArgumentException(
                            method.info().name()
                                    + " needs a value for "
                                    + setting
                                    + " at tensor "
                                    + name
                                    + "; give one under parameters");
                }
                return initial;
            }
        }
        throw new IllegalArgumentException(method.info().name() + " has no parameter " + setting);
    }

    void base(long at, float[] target, int count) throws IOException {
        if (base == null) {
            throw new IllegalArgumentException(
                    "There is no base for tensor " + name + "; set base_model");
        }
        base.read(at, target, count);
    }

    void model(int i, long at, float[] target, int count) throws IOException {
        models.get(i).read(at, target, count);
    }

    /** Reads a model less the base, whose values are in an array already. */
    void delta(int i, long at, float[] target, float[] base, int count) throws IOException {
        model(i, at, target, count);
        for (int k = 0; k < count; k++) {
            target[k] = held(target[k] - base[k]);
        }
    }

    void write(float[] values, int count) throws IOException {
        out.write(values, count);
    }

    /** Returns an array for a part, the same for the same place. */
    float[] buffer(int place, int count) {
        while (buffers.size() <= place) {
            buffers.add(new float[0]);
        }
        if (buffers.get(place).length < count) {
            buffers.set(place, new float[Math.max(count, (int) Math.min(PART, size()))]);
        }
        return buffers.get(place);
    }

    /** Goes through the tensor. */
    void parts(PartAction action) throws IOException {
        parts(PART, action);
    }

    /** Goes through the tensor in parts of whole rows. */
    void rows(PartAction action) throws IOException {
        int row = Math.max(1, rowLength());
        parts(row * Math.max(1, PART / row), action);
    }

    private void parts(int part, PartAction action) throws IOException {
        long size = size();
        for (long at = 0; at < size; at += part) {
            action.at(at, (int) Math.min(part, size - at));
        }
    }
}
