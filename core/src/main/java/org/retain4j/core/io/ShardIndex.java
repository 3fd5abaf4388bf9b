package org.retain4j.core.io;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The text of {@code model.safetensors.index.json}. */
final class ShardIndex {

    /** Order of Unicode characters, which is that of their bytes in UTF-8 but not of Java. */
    private static final Comparator<String> BY_CHARACTER =
            Comparator.comparing(
                    text -> text.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

    private ShardIndex() {}

    /**
     * Returns the index as transformers writes it: what Python's {@code json.dumps(index, indent=2,
     * sort_keys=True)} gives, and a line feed.
     */
    static String of(ShardPlan plan) throws IOException {
        long parameters = 0;
        long bytes = 0;
        Map<String, String> fileOf = new TreeMap<>(BY_CHARACTER);
        for (Map.Entry<String, List<TensorSpec>> file : plan.files().entrySet()) {
            for (TensorSpec tensor : file.getValue()) {
                fileOf.put(tensor.name(), file.getKey());
                bytes = Math.addExact(bytes, tensor.byteCount());
                parameters += tensor.byteCount() / tensor.dtype().bytes();
            }
        }
        StringWriter text = new StringWriter();
        try (JsonGenerator out = SafetensorsHeader.JSON.createGenerator(text)) {
            out.setPrettyPrinter(
                    new DefaultPrettyPrinter(
                                    Separators.createDefaultInstance()
                                            .withObjectFieldValueSpacing(Separators.Spacing.AFTER))
                            .withObjectIndenter(new DefaultIndenter("  ", "\n")));
            out.setHighestNonEscapedChar('~');
            out.writeStartObject();
            out.writeObjectFieldStart("metadata");
            out.writeNumberField("total_parameters", parameters);
            out.writeNumberField("total_size", bytes);
            out.writeEndObject();
            out.writeObjectFieldStart("weight_map");
            for (Map.Entry<String, String> entry : fileOf.entrySet()) {
                out.writeStringField(entry.getKey(), entry.getValue());
            }
            out.writeEndObject();
            out.writeEndObject();
        }
        return text.append('\n').toString();
    }
}
