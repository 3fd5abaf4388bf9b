package org.retain4j.core.nn;

import java.util.List;

/**
 * How rotary frequencies are stretched for texts longer than those of the first training.
 *
 * <p>Arithmetic is in float32 step by step, as in the reference, so that tables agree to the last
 * bits. Implementations are immutable.
 */
public sealed interface RopeScaling {

    /**
     * Returns the frequencies.
     *
     * @param dims number of rotated dimensions, even
     * @param theta base θ
     * @param length number of positions of the longest row, which some scalings depend on
     * @return dims / 2 numbers
     */
    float[] inverseFrequencies(int dims, double theta, long length);

    /** Returns the factor of cosines and sines. */
    default double attentionFactor() {
        return 1;
    }

    /** Returns the number up to which rows share the frequencies of a given length. */
    default long lengthClass(long length) {
        return 0;
    }

    /** No scaling, θ^(-2i/d). */
    record None() implements RopeScaling {
        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            float[] frequencies = powers(dims, theta);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = 1f / frequencies[i];
            }
            return frequencies;
        }
    }

    /** All frequencies divided by a factor (Chen et al. 2023, arXiv:2306.15595). */
    record Linear(double factor) implements RopeScaling {
        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            float[] frequencies = new None().inverseFrequencies(dims, theta, length);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= (float) factor;
            }
            return frequencies;
        }
    }

    /**
     * A base that grows with rows longer than those of the training.
     *
     * <p>The reference keeps the largest base until a short row comes; here a row's frequencies
     * depend on that row's batch alone.
     *
     * @param maxPositions longest row of the training
     */
    record Dynamic(double factor, int maxPositions) implements RopeScaling {
        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            double stretch = factor * Math.max(length, maxPositions) / maxPositions - (factor - 1);
            double base = theta * Math.pow(stretch, (double) dims / (dims - 2));
            return new None().inverseFrequencies(dims, base, length);
        }

        @Override
        public long lengthClass(long length) {
            return Math.max(length, maxPositions);
        }
    }

    /**
     * The scaling of Llama 3.1: long waves divided by a factor, short ones kept, those between
     * mixed.
     *
     * @param lowFrequency {@code low_freq_factor}
     * @param highFrequency {@code high_freq_factor}
     * @param originalPositions {@code original_max_position_embeddings}
     */
    record Llama3(
            double factor, double lowFrequency, double highFrequency, double originalPositions)
            implements RopeScaling {
        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            float[] frequencies = new None().inverseFrequencies(dims, theta, length);
            for (int i = 0; i < frequencies.length; i++) {
                float frequency = frequencies[i];
                float wave = (float) (2 * Math.PI) / frequency;
                if (wave > originalPositions / lowFrequency) {
                    frequencies[i] = frequency / (float) factor;
                } else if (wave >= originalPositions / highFrequency) {
                    float smooth =
                            ((float) originalPositions / wave - (float) lowFrequency)
                                    / (float) (highFrequency - lowFrequency);
                    frequencies[i] = (1 - smooth) * frequency / (float) factor + smooth * frequency;
                }
            }
            return frequencies;
        }
    }

    /**
     * YaRN (Peng et al. 2023, arXiv:2309.00071): short waves kept, long ones divided by a factor, a
     * ramp between, and cosines and sines enlarged.
     *
     * @param attentionFactor factor of cosines and sines
     * @param betaFast rotations over the original length from which a wave is short
     * @param betaSlow rotations under which it is long
     * @param truncate whether the ramp's ends are rounded outwards
     */
    record Yarn(
            double factor,
            double attentionFactor,
            double betaFast,
            double betaSlow,
            double originalPositions,
            boolean truncate)
            implements RopeScaling {
        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            double first = correction(betaFast, dims, theta);
            double last = correction(betaSlow, dims, theta);
            double low = Math.max(truncate ? Math.floor(first) : first, 0);
            double high = Math.min(truncate ? Math.ceil(last) : last, dims - 1.0);
            if (low == high) {
                high += 0.001;
            }
            float[] powers = powers(dims, theta);
            float[] frequencies = new float[powers.length];
            for (int i = 0; i < frequencies.length; i++) {
                float ramp = (i - (float) low) / (float) (high - low);
                float keep = 1 - Math.min(Math.max(ramp, 0), 1);
                float stretched = 1f / ((float) factor * powers[i]);
                frequencies[i] = stretched * (1 - keep) + 1f / powers[i] * keep;
            }
            return frequencies;
        }

        private double correction(double rotations, int dims, double theta) {
            return dims
                    * Math.log(originalPositions / (rotations * 2 * Math.PI))
                    / (2 * Math.log(theta));
        }
    }

    /**
     * LongRoPE (Ding et al. 2024, arXiv:2402.13753): a factor for each frequency, one list for rows
     * of the original length, one for longer rows.
     */
    record LongRope(
            List<Double> shortFactors,
            List<Double> longFactors,
            int originalPositions,
            double attentionFactor)
            implements RopeScaling {
        /** Makes an entry with its own copies of the lists. */
        public LongRope {
            shortFactors = List.copyOf(shortFactors);
            longFactors = List.copyOf(longFactors);
        }

        @Override
        public float[] inverseFrequencies(int dims, double theta, long length) {
            List<Double> factors = length > originalPositions ? longFactors : shortFactors;
            float[] frequencies = powers(dims, theta);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = 1f / (factors.get(i).floatValue() * frequencies[i]);
            }
            return frequencies;
        }

        @Override
        public long lengthClass(long length) {
            return length > originalPositions ? 1 : 0;
        }
    }

    /** Returns θ^(2i/d). */
    private static float[] powers(int dims, double theta) {
        float[] powers = new float[dims / 2];
        for (int i = 0; i < powers.length; i++) {
            powers[i] = (float) Math.pow((float) theta, (float) (2 * i) / dims);
        }
        return powers;
    }
}
