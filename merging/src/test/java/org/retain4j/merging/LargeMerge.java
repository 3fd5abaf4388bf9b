package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A merge of large models in a process of its own, which prints its largest resident size. */
final class LargeMerge {

    private static final int LAYERS = 24;
    private static final int WIDTH = 4096;

    private LargeMerge() {}

    /** Writes a model of that many bytes whose weights are all zero, and take no disk. */
    static void sparse(Path folder, long bytes) throws IOException {
        Files.createDirectories(folder);
        long rows = bytes / LAYERS / 2 / WIDTH;
        long size = rows * WIDTH * 2;
        StringBuilder header = new StringBuilder("{");
        for (int layer = 0; layer < LAYERS; layer++) {
            header.append(layer == 0 ? "" : ",");
            header.append("\"model.layers.").append(layer).append(".mlp.down_proj.weight\":");
            header.append("{\"dtype\":\"BF16\",\"shape\":[").append(rows).append(",");
            header.append(WIDTH).append("],\"data_offsets\":[").append(layer * size);
            header.append(",").append((layer + 1) * size).append("]}");
        }
        header.append("}");
        while (header.length() % 8 != 0) {
            header.append(' ');
        }
        ByteBuffer start = ByteBuffer.allocate(8 + header.length());
        start.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length());
        start.put(header.toString().getBytes(StandardCharsets.US_ASCII)).flip();
        try (FileChannel file =
                FileChannel.open(
                        folder.resolve("model.safetensors"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE)) {
            file.write(start);
            long last = 8L + header.length() + LAYERS * size - 1;
            file.write(ByteBuffer.allocate(1), last);
        }
        Files.writeString(folder.resolve("config.json"), "{\"num_hidden_layers\": " + LAYERS + "}");
    }

    /** Merges the models a and b in a folder with a method and prints the peak in megabytes. */
    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        MergePlan plan =
                MergePlan.parse(
                        "plan",
                        """
                        merge_method: %s
                        base_model: a
                        models:
                        - {model: a, parameters: {weight: 0.5}}
                        - {model: b, parameters: {weight: 0.5, density: 0.6}}
                        dtype: bfloat16
                        """
                                .formatted(arguments[1]));
        Merge.of(plan).root(folder).run(folder.resolve("out"));
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                System.out.println(Long.parseLong(line.replaceAll("[^0-9]", "")) / 1000);
            }
        }
    }
}
