package org.retain4j.merging;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.merging.method.FloatSource;

/**
 * Where the rows of a matrix with a row for every token come from, once the tokens of a model are
 * in the order of the merged tokenizer: each is a row of a model, a mean of rows, or zeros.
 */
final class TokenRows {

    /** Opens a stored tensor for reading. */
    @FunctionalInterface
    interface Opener {
        /** Returns the elements. */
        FloatSource open(MergeJob.Input input) throws IOException;
    }

    /** A row of a stored matrix. */
    record Place(int input, int row) {}

    private static final int ZERO = -1;
    private static final int MEAN_OF_ALL = -2;
    private static final int MEANS = -3;

    private final List<MergeJob.Input> inputs;
    private final int width;
    private final int[] input;
    private final int[] row;
    private final List<List<Place>> means = new ArrayList<>();

    /**
     * Makes a matrix of zeros.
     *
     * @param inputs matrices that rows can come from; the first is that of the model itself
     * @param rows number of rows
     */
    TokenRows(List<MergeJob.Input> inputs, int rows) {
        this.inputs = List.copyOf(inputs);
        this.width = Math.toIntExact(inputs.get(0).info().shape().get(1));
        this.input = new int[rows];
        this.row = new int[rows];
        Arrays.fill(input, ZERO);
    }

    /** Takes a row as the mean of others; of none, it stays zero. */
    void set(int at, List<Place> places) {
        if (places.size() == 1) {
            input[at] = places.get(0).input();
            row[at] = places.get(0).row();
        } else if (places.size() > 1) {
            input[at] = MEANS;
            row[at] = means.size();
            means.add(List.copyOf(places));
        }
    }

    /** Takes a row as the mean of all others but those set so. */
    void setMeanOfAll(int at) {
        input[at] = MEAN_OF_ALL;
    }

    int rows() {
        return input.length;
    }

    /** Returns the elements, for one thread. */
    FloatSource open(Opener opener) throws IOException {
        List<FloatSource> sources = new ArrayList<>();
        for (MergeJob.Input one : inputs) {
            sources.add(opener.open(one));
        }
        return new Rows(sources);
    }

    /** The elements in parts. */
    private final class Rows implements FloatSource {

        private final List<FloatSource> sources;
        private final float[] one = new float[width];
        private float[] part = new float[0];
        private float @Nullable [] meanOfAll;

        Rows(List<FloatSource> sources) {
            this.sources = sources;
        }

        @Override
        public void read(long at, float[] target, int count) throws IOException {
            for (int done = 0; done < count; ) {
                int r = Math.toIntExact((at + done) / width);
                int column = (int) ((at + done) % width);
                int length = Math.min(count - done, width - column);
                if (input[r] >= 0) {
                    int end = r + 1;
                    while (length < count - done && follows(end)) {
                        end++;
                        length = Math.min(count - done, length + width);
                    }
                    if (part.length < length) {
                        part = new float[length];
                    }
                    sources.get(input[r]).read((long) row[r] * width + column, part, length);
                    System.arraycopy(part, 0, target, done, length);
                } else if (input[r] == ZERO) {
                    Arrays.fill(target, done, done + length, 0);
                } else {
                    float[] mean = input[r] == MEANS ? mean(means.get(row[r])) : meanOfAll();
                    System.arraycopy(mean, column, target, done, length);
                }
                done += length;
            }
        }

        /** Returns whether a row lies behind the one before in the same model. */
        private boolean follows(int r) {
            return r < input.length && input[r] == input[r - 1] && row[r] == row[r - 1] + 1;
        }

        private float[] mean(List<Place> places) throws IOException {
            double[] sums = new double[width];
            for (Place place : places) {
                sources.get(place.input()).read((long) place.row() * width, one, width);
                for (int k = 0; k < width; k++) {
                    sums[k] += one[k];
                }
            }
            for (int k = 0; k < width; k++) {
                one[k] = (float) (sums[k] / places.size());
            }
            return one;
        }

        private float[] meanOfAll() throws IOException {
            float[] mean = meanOfAll;
            if (mean == null) {
                mean = new float[width];
                float[] values = new float[width];
                double[] sums = new double[width];
                int count = 0;
                for (int r = 0; r < input.length; r++) {
                    if (input[r] != MEAN_OF_ALL) {
                        read((long) r * width, values, width);
                        count++;
                        for (int k = 0; k < width; k++) {
                            sums[k] += values[k];
                        }
                    }
                }
                for (int k = 0; k < width; k++) {
                    mean[k] = (float) (sums[k] / Math.max(1, count));
                }
                meanOfAll = mean;
            }
            return mean;
        }
    }
}
