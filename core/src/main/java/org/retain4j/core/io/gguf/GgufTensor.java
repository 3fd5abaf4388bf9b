package org.retain4j.core.io.gguf;

import java.util.List;

/**
 * Where a tensor lies in a GGUF file and what it is.
 *
 * @param dimensions sizes, each at least 1, fastest first (the reverse of PyTorch's order)
 * @param begin first byte in the file
 * @param byteCount number of bytes
 */
record GgufTensor(String name, GgufType type, List<Long> dimensions, long begin, long byteCount) {

    GgufTensor {
        dimensions = List.copyOf(dimensions);
    }

    long elementCount() {
        return byteCount / type.blockBytes() * type.blockElements();
    }
}
