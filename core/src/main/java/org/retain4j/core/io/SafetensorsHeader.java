package org.retain4j.core.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;

/**
 * The header of a safetensors file: eight bytes with its length, then JSON.
 *
 * <p>Rules: <a href="https://github.com/huggingface/safetensors#format">format description</a>.
 */
record SafetensorsHeader(
        Map<String, String> metadata, Map<String, TensorInfo> tensors, long dataStart) {

    static final String METADATA = "__metadata__";

    /** Limit of the reference implementation. */
    static final int MAX_HEADER_BYTES = 100_000_000;

    /** Keeps what a hostile header can make us allocate to a few hundred megabytes. */
    static final int MAX_TENSORS = 500_000;

    private static final int MAX_METADATA = 100_000;

    private static final int MAX_RANK = 64;

    /**
     * Parser and generator settings for JSON out of untrusted files.
     *
     * <p>Names are neither interned nor kept in a table, so that no file can fill either.
     */
    static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
                    .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(16).build())
                    .build();

    /** Order of the reference implementation's type list, which decides the order in the file. */
    private static final List<DType> FILE_ORDER =
            List.of(
                    DType.INT64,
                    DType.FLOAT64,
                    DType.FLOAT32,
                    DType.INT32,
                    DType.BFLOAT16,
                    DType.FLOAT16,
                    DType.INT8,
                    DType.UINT8,
                    DType.BOOL);

    /** Reads and checks everything; allocates no more than the header's length warrants. */
    static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
        long fileLength = channel.size();
        if (fileLength < 8) {
            throw new SafetensorsException(
                    file
                            + " has "
                            + fileLength
                            + " bytes; expected a safetensors file, which starts with the 8-byte"
                            + " length of its header");
        }
        long headerLength = readFully(file, channel, 0, 8).getLong();
        long limit = Math.min(MAX_HEADER_BYTES, fileLength - 8);
        if (headerLength < 2 || headerLength > limit) {
            throw new SafetensorsException(
                    file
                            + " declares a header of "
                            + Long.toUnsignedString(headerLength)
                            + " bytes; expected 2 to "
                            + limit
                            + "; the file is cut off or not a safetensors file");
        }
        byte[] json = readFully(file, channel, 8, (int) headerLength).array();
        if (json[0] != '{') {
            throw new SafetensorsException(
                    file + " has a header that does not start with '{'; expected a JSON object");
        }
        long dataStart = 8 + headerLength;
        return new Parse(file, json, fileLength - dataStart).run(dataStart);
    }

    private static ByteBuffer readFully(Path file, FileChannel channel, long position, int length)
            throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        readFully(file, channel, position, buffer);
        return buffer.flip();
    }

    static void readFully(Path file, FileChannel channel, long position, ByteBuffer destination)
            throws IOException {
        long at = position;
        while (destination.hasRemaining()) {
            int count = channel.read(destination, at);
            if (count < 0) {
                throw new SafetensorsException(
                        file
                                + " ends at byte "
                                + at
                                + " although it was longer when it was opened; do not change a"
                                + " model file while it is in use");
            }
            at += count;
        }
    }

    /** Returns the header that the reference implementation writes for these tensors. */
    static SafetensorsHeader plan(
            Path target, Collection<TensorSpec> specs, Map<String, String> metadata)
            throws SafetensorsException {
        List<TensorSpec> sorted = new ArrayList<>(specs);
        sorted.sort(
                Comparator.comparingInt((TensorSpec spec) -> FILE_ORDER.indexOf(spec.dtype()))
                        .thenComparing(
                                spec -> spec.name().getBytes(StandardCharsets.UTF_8),
                                Arrays::compareUnsigned));
        Map<String, TensorInfo> tensors = new LinkedHashMap<>();
        long begin = 0;
        for (TensorSpec spec : sorted) {
            long bytes = spec.byteCount();
            TensorInfo info = new TensorInfo(spec.name(), spec.dtype(), spec.shape(), begin, bytes);
            if (spec.name().equals(METADATA) || tensors.put(spec.name(), info) != null) {
                throw new SafetensorsException(
                        "Cannot write "
                                + target
                                + ": the tensor name "
                                + quote(spec.name())
                                + " is reserved or given twice; expected different names");
            }
            begin = Math.addExact(begin, bytes);
        }
        return new SafetensorsHeader(new TreeMap<>(metadata), tensors, 0);
    }

    /** Returns the length field and the JSON text, padded with spaces to a multiple of eight. */
    byte[] encode(Path target) throws IOException {
        CharsetEncoder utf8 = StandardCharsets.UTF_8.newEncoder();
        for (String text : texts()) {
            if (!utf8.canEncode(text)) {
                throw new SafetensorsException(
                        "Cannot write "
                                + target
                                + ": the tensor name or metadata text "
                                + quote(text)
                                + " is not valid Unicode");
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(new byte[8]);
        try (JsonGenerator out = JSON.createGenerator(bytes)) {
            out.writeStartObject();
            if (!metadata.isEmpty()) {
                out.writeObjectFieldStart(METADATA);
                for (Map.Entry<String, String> entry : metadata.entrySet()) {
                    out.writeStringField(entry.getKey(), entry.getValue());
                }
                out.writeEndObject();
            }
            for (TensorInfo info : tensors.values()) {
                out.writeObjectFieldStart(info.name());
                out.writeStringField("dtype", info.dtype().safetensorsName());
                out.writeArrayFieldStart("shape");
                for (long size : info.shape()) {
                    out.writeNumber(size);
                }
                out.writeEndArray();
                out.writeArrayFieldStart("data_offsets");
                out.writeNumber(info.begin());
                out.writeNumber(info.begin() + info.byteCount());
                out.writeEndArray();
                out.writeEndObject();
            }
            out.writeEndObject();
        }
        while (bytes.size() % 8 != 0) {
            bytes.write(' ');
        }
        byte[] header = bytes.toByteArray();
        if (header.length - 8 > MAX_HEADER_BYTES || tensors.size() > MAX_TENSORS) {
            throw new SafetensorsException(
                    "Cannot write "
                            + target
                            + ": its header would have "
                            + (header.length - 8)
                            + " bytes and "
                            + tensors.size()
                            + " tensors; expected at most "
                            + MAX_HEADER_BYTES
                            + " and "
                            + MAX_TENSORS
                            + "; split the tensors over several files");
        }
        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length - 8);
        return header;
    }

    private List<String> texts() {
        List<String> texts = new ArrayList<>(tensors.keySet());
        texts.addAll(metadata.keySet());
        texts.addAll(metadata.values());
        return texts;
    }

    /**
     * Returns the size in bytes.
     *
     * @throws ArithmeticException when a size is negative or the product overflows
     */
    static long byteCount(DType dtype, List<Long> shape) {
        long bytes = dtype.bytes();
        for (long size : shape) {
            if (size < 0) {
                throw new ArithmeticException("negative size");
            }
            bytes = Math.multiplyExact(bytes, size);
        }
        return bytes;
    }

    /** Returns text from a file in a form fit for a message: short and on one line. */
    static String quote(String text) {
        int end = text.offsetByCodePoints(0, Math.min(120, text.codePointCount(0, text.length())));
        String cut = text.substring(0, end).replaceAll("[\\p{Cntrl}]", "?");
        return "'" + cut + (end < text.length() ? "…'" : "'");
    }

    static String describe(List<Long> shape) {
        return shape.stream()
                        .limit(16)
                        .map(String::valueOf)
                        .collect(Collectors.joining(",", "[", ""))
                + (shape.size() > 16 ? ",…]" : "]");
    }

    /** One pass over the JSON text. */
    private static final class Parse {

        private final Path file;
        private final byte[] json;
        private final long dataLength;
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private final List<TensorInfo> infos = new ArrayList<>();

        Parse(Path file, byte[] json, long dataLength) {
            this.file = file;
            this.json = json;
            this.dataLength = dataLength;
        }

        SafetensorsHeader run(long dataStart) throws SafetensorsException {
            try (Reader reader =
                            new InputStreamReader(
                                    new ByteArrayInputStream(json),
                                    StandardCharsets.UTF_8
                                            .newDecoder()
                                            .onMalformedInput(CodingErrorAction.REPORT)
                                            .onUnmappableCharacter(CodingErrorAction.REPORT));
                    JsonParser parser = JSON.createParser(reader)) {
                object(parser);
            } catch (SafetensorsException e) {
                throw e;
            } catch (CharacterCodingException e) {
                throw new SafetensorsException(
                        file + " has a header that is not valid UTF-8; expected JSON text", e);
            } catch (JsonProcessingException e) {
                throw new SafetensorsException(
                        file
                                + " has a header that is not the expected JSON near character "
                                + (e.getLocation() == null ? 0 : e.getLocation().getCharOffset())
                                + ": "
                                + e.getOriginalMessage(),
                        e);
            } catch (IOException e) {
                throw new SafetensorsException(file + " has an unreadable header: " + e, e);
            }
            return new SafetensorsHeader(
                    Collections.unmodifiableMap(metadata), inOrder(), dataStart);
        }

        private void object(JsonParser parser) throws IOException {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                expect(key, parser.nextToken(), JsonToken.START_OBJECT, "a JSON object");
                if (key.equals(METADATA)) {
                    text(parser);
                } else if (infos.size() == MAX_TENSORS) {
                    throw new SafetensorsException(
                            file + " lists more than " + MAX_TENSORS + " tensors, the limit");
                } else {
                    infos.add(tensor(key, parser));
                }
            }
            if (parser.nextToken() != null) {
                throw new SafetensorsException(
                        file + " has text after the header's JSON object; expected only spaces");
            }
        }

        private void text(JsonParser parser) throws IOException {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                expect(METADATA, parser.nextToken(), JsonToken.VALUE_STRING, "texts only");
                metadata.put(key, parser.getText());
                if (metadata.size() > MAX_METADATA) {
                    throw fail(METADATA, "has more than " + MAX_METADATA + " entries, the limit");
                }
            }
        }

        private TensorInfo tensor(String name, JsonParser parser) throws IOException {
            DType dtype = null;
            List<Long> shape = null;
            List<Long> offsets = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                JsonToken value = parser.nextToken();
                switch (key) {
                    case "dtype" -> {
                        expect(name, value, JsonToken.VALUE_STRING, "dtype to be a text");
                        dtype = dtype(name, parser.getText());
                    }
                    case "shape" -> shape = numbers(name, key, parser, MAX_RANK);
                    case "data_offsets" -> offsets = numbers(name, key, parser, 2);
                    default ->
                            throw fail(
                                    name,
                                    "has the key "
                                            + quote(key)
                                            + "; expected dtype, shape and data_offsets only");
                }
            }
            if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
                throw fail(name, "needs dtype, shape and two data_offsets");
            }
            return checked(name, dtype, shape, offsets.get(0), offsets.get(1));
        }

        private DType dtype(String tensor, String name) throws SafetensorsException {
            DType dtype = DType.ofSafetensorsName(name);
            if (dtype == null) {
                throw fail(
                        tensor,
                        "has the dtype "
                                + quote(name)
                                + "; supported are "
                                + Arrays.stream(DType.values())
                                        .map(DType::safetensorsName)
                                        .collect(Collectors.joining(", ")));
            }
            return dtype;
        }

        private List<Long> numbers(String tensor, String key, JsonParser parser, int limit)
                throws IOException {
            expect(tensor, parser.currentToken(), JsonToken.START_ARRAY, key + " to be a list");
            List<Long> numbers = new ArrayList<>(4);
            for (JsonToken token = parser.nextToken();
                    token != JsonToken.END_ARRAY;
                    token = parser.nextToken()) {
                expect(tensor, token, JsonToken.VALUE_NUMBER_INT, key + " to hold whole numbers");
                long number = parser.getLongValue();
                if (number < 0 || numbers.size() == limit) {
                    throw fail(
                            tensor,
                            "has a negative number or more than " + limit + " numbers in " + key);
                }
                numbers.add(number);
            }
            return numbers;
        }

        private TensorInfo checked(String name, DType dtype, List<Long> shape, long begin, long end)
                throws SafetensorsException {
            if (begin > end || end > dataLength) {
                throw fail(
                        name,
                        "has data_offsets ["
                                + begin
                                + ","
                                + end
                                + "]; expected them in ascending order and within the "
                                + dataLength
                                + " bytes after the header; the file may be cut off");
            }
            long bytes;
            try {
                bytes = byteCount(dtype, shape);
            } catch (ArithmeticException e) {
                throw fail(name, "has a shape of 2^63 bytes or more: " + describe(shape));
            }
            if (bytes != end - begin) {
                throw fail(
                        name,
                        "spans "
                                + (end - begin)
                                + " bytes; expected "
                                + bytes
                                + " for "
                                + dtype.safetensorsName()
                                + describe(shape));
            }
            return new TensorInfo(name, dtype, shape, begin, bytes);
        }

        private Map<String, TensorInfo> inOrder() throws SafetensorsException {
            infos.sort(
                    Comparator.comparingLong(TensorInfo::begin)
                            .thenComparingLong(TensorInfo::byteCount));
            Map<String, TensorInfo> byName = new LinkedHashMap<>();
            long end = 0;
            for (TensorInfo info : infos) {
                if (info.begin() != end) {
                    throw fail(
                            info.name(),
                            "begins at byte "
                                    + info.begin()
                                    + (info.begin() < end
                                            ? " and overlaps its neighbour"
                                            : " and leaves a hole")
                                    + "; expected "
                                    + end);
                }
                end += info.byteCount();
                byName.put(info.name(), info);
            }
            if (end != dataLength) {
                throw new SafetensorsException(
                        file
                                + " has "
                                + (dataLength - end)
                                + " bytes behind its last tensor; expected none");
            }
            return Collections.unmodifiableMap(byName);
        }

        private void expect(
                String key, @Nullable JsonToken found, JsonToken expected, String description)
                throws IOException {
            if (found == null) {
                throw new EOFException("the JSON text ends early");
            }
            if (found != expected) {
                throw fail(key, "holds " + found + "; expected " + description);
            }
        }

        private SafetensorsException fail(String key, String problem) {
            return new SafetensorsException(
                    "In the header of " + file + ", " + quote(key) + " " + problem);
        }
    }
}
