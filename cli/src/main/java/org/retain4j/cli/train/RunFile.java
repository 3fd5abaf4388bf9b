package org.retain4j.cli.train;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.cfg.EnumFeature;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;

/**
 * Reads a YAML file such as a run.yaml with changes from the command line, and names every mistake
 * by its line. Stateless and thread-safe.
 */
public final class RunFile {

    private static final long LARGEST = 4 << 20;
    private static final List<String> REQUIRED = List.of("model", "output_dir", "train");

    /** Reads and writes settings in YAML. */
    public static final YAMLMapper YAML =
            YAMLMapper.builder(
                            YAMLFactory.builder()
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(DeserializationFeature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
                    .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                    .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                    .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
                    .enable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE)
                    .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                    .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                    .build();

    private final String origin;
    private final Map<String, Integer> lines;
    private final List<String> set;
    private final List<String> required;

    private RunFile(
            String origin, Map<String, Integer> lines, List<String> set, List<String> required) {
        this.origin = origin;
        this.lines = lines;
        this.set = set;
        this.required = required;
    }

    /**
     * Reads a file.
     *
     * @param file YAML
     * @param changes {@code key=value}, the key with points for what is inside sections; no value
     *     sets the key back to its default
     * @throws UsageException on every mistake; the message has file, line and key
     */
    static RunConfig read(Path file, List<String> changes) throws IOException {
        return read(file, changes, RunConfig.class, REQUIRED);
    }

    /**
     * Reads settings of another kind; otherwise as {@link #read(Path, List)}.
     *
     * @param type class with a field for every key
     * @param required keys that must have a value
     */
    public static <T> T read(Path file, List<String> changes, Class<T> type, List<String> required)
            throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new UsageException(
                    file
                            + (Files.exists(file) ? " is not a file" : " does not exist")
                            + ", give a YAML file");
        }
        if (Files.size(file) > LARGEST) {
            throw new UsageException(file + " is larger than 4 MB, such a file is not");
        }
        return parse(file.toString(), Files.readString(file), changes, type, required);
    }

    /** Reads a text; otherwise as {@link #read}. */
    static RunConfig parse(String origin, String text, List<String> changes) {
        return parse(origin, text, changes, RunConfig.class, REQUIRED);
    }

    /**
     * Reads a run from keys that are in memory.
     *
     * @param origin what messages name as their place
     */
    static RunConfig of(String origin, ObjectNode keys) {
        try {
            return new RunFile(origin, Map.of(), List.of(), REQUIRED).bind(keys, RunConfig.class);
        } catch (JsonProcessingException e) {
            throw new UsageException(origin + ": " + brief(e));
        }
    }

    private static <T> T parse(
            String origin,
            String text,
            List<String> changes,
            Class<T> type,
            List<String> required) {
        try {
            Map<String, Integer> lines = lines(origin, text);
            JsonNode root = YAML.readTree(text);
            if (!(root instanceof ObjectNode object)) {
                throw new UsageException(origin + " holds no keys, expected keys and values");
            }
            List<String> set = new ArrayList<>();
            for (String change : changes) {
                set.add(apply(object, change));
            }
            return new RunFile(origin, lines, set, required).bind(object, type);
        } catch (JsonProcessingException e) {
            throw new UsageException(place(origin, e.getLocation()) + ": " + brief(e));
        } catch (IOException e) {
            throw new UsageException(origin + ": " + e.getMessage());
        }
    }

    private <T> T bind(ObjectNode root, Class<T> type) throws JsonProcessingException {
        try {
            T config = YAML.treeToValue(root, type);
            for (String key : required) {
                if (!root.hasNonNull(key)) {
                    throw new UsageException(origin + ": " + key + " is missing");
                }
            }
            return config;
        } catch (UnrecognizedPropertyException e) {
            List<String> known =
                    e.getKnownPropertyIds().stream().map(String::valueOf).sorted().toList();
            String typed = e.getPropertyName();
            String suggestion = DidYouMean.suffix(typed, known);
            throw new UsageException(
                    where(e)
                            + ": unknown key "
                            + typed
                            + (suggestion.isEmpty()
                                    ? "; known are " + String.join(", ", known)
                                    : suggestion));
        } catch (InvalidFormatException e) {
            throw new UsageException(
                    where(e)
                            + " is \""
                            + e.getValue()
                            + "\", expected "
                            + expected(e.getTargetType(), String.valueOf(e.getValue())));
        } catch (MismatchedInputException e) {
            throw new UsageException(
                    where(e) + ": expected " + expected(e.getTargetType(), "") + hint(e));
        }
    }

    private static String hint(MismatchedInputException e) {
        return String.valueOf(e.getOriginalMessage()).contains("null")
                ? ", found nothing; remove the key for its default"
                : ", found something else";
    }

    private static String expected(@Nullable Class<?> type, String typed) {
        if (type == null) {
            return "another value";
        }
        if (type.isEnum()) {
            List<String> names = new ArrayList<>();
            for (Object constant : type.getEnumConstants()) {
                names.add(((Enum<?>) constant).name().toLowerCase(Locale.ROOT));
            }
            return "one of " + String.join(", ", names) + DidYouMean.suffix(typed, names);
        }
        if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        }
        if (type == double.class || type == Double.class) {
            return "a number";
        }
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) {
            return "a whole number";
        }
        if (type == String.class) {
            return "a text";
        }
        return List.class.isAssignableFrom(type)
                ? "a list"
                : type == DataSpec.class ? "a path or a section with data:" : "a section of keys";
    }

    private String where(JsonMappingException e) {
        String path = path(e);
        String key = path;
        for (String change : set) {
            if (path.equals(change) || path.startsWith(change + ".")) {
                return "--set " + path;
            }
        }
        while (!lines.containsKey(key) && key.contains(".")) {
            key = key.substring(0, key.lastIndexOf('.'));
        }
        Integer line = lines.get(key);
        return origin + (line == null ? "" : ", line " + line) + ": " + path;
    }

    private static String path(JsonMappingException e) {
        return e.getPath().stream()
                .map(
                        part ->
                                part.getFieldName() == null
                                        ? String.valueOf(part.getIndex())
                                        : part.getFieldName())
                .collect(Collectors.joining("."));
    }

    /** Returns the line of every key by its path, and refuses what Jackson would misread. */
    private static Map<String, Integer> lines(String origin, String text) throws IOException {
        Map<String, Integer> lines = new HashMap<>();
        try (YAMLParser parser = YAML.getFactory().createParser(text)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                int line = parser.currentTokenLocation().getLineNr();
                if (parser.isCurrentAlias()) {
                    throw new UsageException(
                            origin
                                    + ", line "
                                    + line
                                    + ": aliases (*"
                                    + parser.getText()
                                    + ") are not supported, write the value out");
                }
                lines.putIfAbsent(
                        parser.getParsingContext()
                                .pathAsPointer()
                                .toString()
                                .replaceFirst("^/", "")
                                .replace('/', '.'),
                        line);
            }
        }
        return lines;
    }

    private static String apply(ObjectNode root, String change) {
        int equals = change.indexOf('=');
        if (equals < 1) {
            throw new UsageException(
                    "--set needs key=value, as learning_rate=1e-4, is \"" + change + "\"");
        }
        String key = change.substring(0, equals).strip();
        JsonNode value;
        try {
            JsonNode read = YAML.readTree(change.substring(equals + 1));
            value = read.isMissingNode() ? NullNode.getInstance() : read;
        } catch (JsonProcessingException e) {
            throw new UsageException("--set " + key + ": the value is no YAML: " + brief(e));
        }
        try {
            set(root, key, value);
        } catch (UsageException e) {
            throw new UsageException("--set " + e.getMessage());
        }
        return key;
    }

    /**
     * Sets a key.
     *
     * @param key with points for what is inside sections
     * @param value null sets the key back to its default
     * @throws UsageException if the key leads into a value or past the end of a list
     */
    public static void set(ObjectNode root, String key, JsonNode value) {
        String[] parts = key.split("\\.", -1);
        JsonNode node = root;
        for (int i = 0; i < parts.length; i++) {
            boolean last = i == parts.length - 1;
            if (node instanceof ArrayNode array) {
                int index = parts[i].matches("\\d{1,6}") ? Integer.parseInt(parts[i]) : -1;
                if (index < 0 || index >= array.size()) {
                    throw new UsageException(
                            key + ": " + parts[i] + " is no place of a list of " + array.size());
                }
                if (last) {
                    array.set(index, value);
                }
                node = array.get(index);
            } else if (node instanceof ObjectNode object) {
                if (last && value.isNull()) {
                    object.remove(parts[i]);
                } else if (last) {
                    object.set(parts[i], value);
                } else {
                    JsonNode next = object.get(parts[i]);
                    node = next == null || next.isNull() ? object.putObject(parts[i]) : next;
                }
            } else {
                throw new UsageException(key + ": " + parts[i - 1] + " is a value, not a section");
            }
        }
    }

    private static String place(String origin, @Nullable JsonLocation location) {
        return origin + (location == null ? "" : ", line " + location.getLineNr());
    }

    private static String brief(JacksonException e) {
        String message = String.valueOf(e.getOriginalMessage());
        return message.lines().findFirst().orElse(message).strip();
    }
}
