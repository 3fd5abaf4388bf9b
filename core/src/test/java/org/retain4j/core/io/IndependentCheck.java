package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;

/**
 * Checks written weights against the format description, byte by byte, with nothing of the reader
 * that is under test.
 */
final class IndependentCheck {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static final Map<String, Integer> BITS =
            Map.of(
                    "BOOL", 8, "U8", 8, "I8", 8, "F16", 16, "BF16", 16, "I32", 32, "F32", 32, "F64",
                    64, "I64", 64);

    /** A tensor as found in a file. */
    record Found(String dtype, String shape, byte[] bytes) {}

    private IndependentCheck() {}

    /** Returns all tensors of a file after checking its layout. */
    static Map<String, Found> file(Path path) throws IOException {
        byte[] all = Files.readAllBytes(path);
        assertThat(all.length).isGreaterThan(8);
        byte[] bigEndian = new byte[8];
        for (int i = 0; i < 8; i++) {
            bigEndian[i] = all[7 - i];
        }
        int headerLength = new BigInteger(bigEndian).intValueExact();
        assertThat((8 + headerLength) % 8).as("alignment of the data").isZero();
        String text = new String(all, 8, headerLength, StandardCharsets.UTF_8);
        assertThat(text).startsWith("{");
        assertThat(text.stripTrailing()).endsWith("}");
        JsonNode header = MAPPER.readTree(text);
        assertThat(header.get("__metadata__")).isEqualTo(MAPPER.readTree("{\"format\":\"pt\"}"));
        Map<Long, Long> spans = new TreeMap<>();
        Map<String, Found> tensors = new TreeMap<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = header.fields(); it.hasNext(); ) {
            Map.Entry<String, JsonNode> entry = it.next();
            if (entry.getKey().equals("__metadata__")) {
                continue;
            }
            JsonNode info = entry.getValue();
            long begin = info.get("data_offsets").get(0).asLong();
            long end = info.get("data_offsets").get(1).asLong();
            String dtype = info.get("dtype").asText();
            long bits = BITS.get(dtype);
            for (JsonNode size : info.get("shape")) {
                bits *= size.asLong();
            }
            assertThat(8 * (end - begin)).as(entry.getKey()).isEqualTo(bits);
            if (end > begin) {
                assertThat(spans.put(begin, end)).as("two tensors at %s", begin).isNull();
                assertThat((8 + headerLength + begin) % (BITS.get(dtype) / 8))
                        .as("alignment of %s", entry.getKey())
                        .isZero();
            }
            int start = Math.toIntExact(8 + headerLength + begin);
            tensors.put(
                    entry.getKey(),
                    new Found(
                            dtype,
                            info.get("shape").toString(),
                            java.util.Arrays.copyOfRange(all, start, start + (int) (end - begin))));
        }
        long at = 0;
        for (Map.Entry<Long, Long> span : spans.entrySet()) {
            assertThat(span.getKey()).as("no hole, no overlap").isEqualTo(at);
            at = span.getValue();
        }
        assertThat(8 + headerLength + at).as("no bytes behind the data").isEqualTo(all.length);
        return tensors;
    }

    /** Returns all tensors of a folder with an index after checking that and all files. */
    static Map<String, Found> folder(Path folder) throws IOException {
        JsonNode index = MAPPER.readTree(folder.resolve("model.safetensors.index.json").toFile());
        Map<String, Found> tensors = new TreeMap<>();
        Map<String, Map<String, Found>> files = new TreeMap<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = index.get("weight_map").fields();
                it.hasNext(); ) {
            Map.Entry<String, JsonNode> entry = it.next();
            String name = entry.getValue().asText();
            if (!files.containsKey(name)) {
                files.put(name, file(folder.resolve(name)));
            }
            assertThat(files.get(name)).containsKey(entry.getKey());
            tensors.put(entry.getKey(), files.get(name).get(entry.getKey()));
        }
        long size = 0;
        int count = 0;
        for (Map<String, Found> file : files.values()) {
            count += file.size();
            for (Found tensor : file.values()) {
                size += tensor.bytes().length;
            }
        }
        assertThat(count).as("tensors in the files and in the index").isEqualTo(tensors.size());
        assertThat(index.get("metadata").get("total_size").asLong()).isEqualTo(size);
        int number = 0;
        for (String name : files.keySet()) {
            assertThat(name)
                    .isEqualTo(
                            String.format(
                                    "model-%05d-of-%05d.safetensors", ++number, files.size()));
        }
        try (var all = Files.list(folder)) {
            assertThat(all.filter(path -> path.toString().endsWith(".safetensors")))
                    .hasSize(files.size());
        }
        return tensors;
    }
}
