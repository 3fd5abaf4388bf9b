package org.retain4j.finetune;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;

/** All weights of a model at one moment. */
record Snapshot(Map<String, float[]> weights) {

    static Snapshot of(CausalLm model) {
        Map<String, float[]> weights = new LinkedHashMap<>();
        for (Parameter parameter : model.parameters()) {
            weights.put(parameter.name(), parameter.value().toFloatArray());
        }
        return new Snapshot(weights);
    }

    /** Whether a weight has the same bits in both. */
    boolean same(String name, Snapshot other) {
        float[] a = weights.get(name);
        float[] b = other.weights.get(name);
        return a.length == b.length && Arrays.equals(bits(a), bits(b));
    }

    /** Whether all weights have the same bits in both. */
    boolean same(Snapshot other) {
        return weights.keySet().equals(other.weights.keySet())
                && weights.keySet().stream().allMatch(name -> same(name, other));
    }

    double distance(Snapshot other) {
        double largest = 0;
        for (Map.Entry<String, float[]> entry : weights.entrySet()) {
            float[] b = other.weights.get(entry.getKey());
            for (int i = 0; i < b.length; i++) {
                double difference = Math.abs((double) entry.getValue()[i] - b[i]);
                // a NaN must not pass for a small difference
                largest = Double.isNaN(difference) ? difference : Math.max(largest, difference);
            }
        }
        return largest;
    }

    /** SHA-256 over names and bits, in hexadecimal. */
    String sha256() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            weights.forEach(
                    (name, values) -> {
                        digest.update(name.getBytes(StandardCharsets.UTF_8));
                        ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
                        bytes.asFloatBuffer().put(values);
                        digest.update(bytes);
                    });
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }
}
