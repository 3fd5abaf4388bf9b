package org.retain4j.core.io;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Which tensors go into which file of a model folder.
 *
 * <p>The rule is that of {@code save_pretrained}: tensors in the given order, a new file when the
 * next tensor would make the current one larger than the limit; a tensor above the limit gets a
 * file of its own, which does not end the current one.
 *
 * @param files tensors by file name, both in order
 */
record ShardPlan(Map<String, List<TensorSpec>> files) {

    static final String SINGLE = "model.safetensors";
    static final String INDEX = "model.safetensors.index.json";

    /** Names of the weight files that other saves may have left. */
    static final Pattern SHARD_NAME = Pattern.compile("model-[0-9]{5}-of-[0-9]{5}\\.safetensors");

    private static final int MAX_SHARDS = 99_999;

    /** Distributes tensors over files of at most {@code maxBytes} bytes of tensor data each. */
    static ShardPlan of(Collection<TensorSpec> tensors, long maxBytes) {
        if (maxBytes < 1) {
            throw new IllegalArgumentException(
                    "The largest size of a shard is " + maxBytes + "; expected at least 1 byte");
        }
        List<List<TensorSpec>> shards = new ArrayList<>();
        List<TensorSpec> current = new ArrayList<>();
        long size = 0;
        for (TensorSpec tensor : tensors) {
            long bytes = tensor.byteCount();
            if (bytes > maxBytes) {
                shards.add(List.of(tensor));
                continue;
            }
            if (size > maxBytes - bytes) {
                shards.add(current);
                current = new ArrayList<>();
                size = 0;
            }
            current.add(tensor);
            size += bytes;
        }
        if (!current.isEmpty() || shards.isEmpty()) {
            shards.add(current);
        }
        if (shards.size() > MAX_SHARDS) {
            throw new IllegalArgumentException(
                    "With at most "
                            + maxBytes
                            + " bytes each there would be "
                            + shards.size()
                            + " shards; expected at most "
                            + MAX_SHARDS
                            + "; allow larger ones");
        }
        Map<String, List<TensorSpec>> files = new LinkedHashMap<>();
        for (List<TensorSpec> shard : shards) {
            files.put(name(files.size() + 1, shards.size()), Collections.unmodifiableList(shard));
        }
        return new ShardPlan(Collections.unmodifiableMap(files));
    }

    private static String name(int number, int count) {
        return count == 1
                ? SINGLE
                : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", number, count);
    }

    boolean isSingle() {
        return files.size() == 1;
    }
}
