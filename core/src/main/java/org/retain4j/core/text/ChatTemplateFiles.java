package org.retain4j.core.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.jinja.TemplateException;

/**
 * The chat templates and special tokens that the files of a model folder hold.
 *
 * @param sources templates by name, in their order
 * @param specialTokens texts, or lists of texts, by name
 */
record ChatTemplateFiles(Map<String, Source> sources, Map<String, Object> specialTokens) {

    /** A template and where it was found. */
    record Source(String text, String origin) {}

    private static final int MAX_BYTES = 64 << 20;
    private static final int MAX_TEMPLATES = 100;
    private static final String CONFIG = "tokenizer_config.json";
    private static final String SINGLE = "chat_template.jinja";
    private static final String MORE = "additional_chat_templates";
    private static final String JINJA = ".jinja";
    private static final List<String> TOKENS =
            List.of(
                    "bos_token",
                    "eos_token",
                    "unk_token",
                    "sep_token",
                    "pad_token",
                    "cls_token",
                    "mask_token");
    private static final JsonMapper JSON = new JsonMapper();

    /** The files of a model, in a folder or in memory. */
    interface Contents {
        /** Returns a file, or null when there is none of this name. */
        byte @Nullable [] bytes(String name) throws IOException;

        /** Returns the names of the files {@code additional_chat_templates/*.jinja}. */
        List<String> additional() throws IOException;

        /** Returns how a file is named in messages. */
        String origin(String name);

        static Contents of(Path folder) {
            return new InFolder(folder);
        }

        static Contents of(String origin, Map<String, byte[]> files) {
            return new InMemory(origin, files);
        }
    }

    private record InFolder(Path folder) implements Contents {
        @Override
        public byte @Nullable [] bytes(String name) throws IOException {
            Path file = folder.resolve(name);
            if (!Files.isRegularFile(file)) {
                return null;
            }
            try (InputStream in = Files.newInputStream(file)) {
                return in.readNBytes(MAX_BYTES + 1);
            }
        }

        @Override
        public List<String> additional() throws IOException {
            Path more = folder.resolve(MORE);
            if (!Files.isDirectory(more)) {
                return List.of();
            }
            try (Stream<Path> all = Files.list(more)) {
                return all.map(file -> MORE + "/" + file.getFileName())
                        .filter(name -> name.endsWith(JINJA))
                        .limit(MAX_TEMPLATES + 1L)
                        .sorted()
                        .toList();
            }
        }

        @Override
        public String origin(String name) {
            return folder.resolve(name).toString();
        }
    }

    private record InMemory(String origin, Map<String, byte[]> files) implements Contents {
        @Override
        public byte @Nullable [] bytes(String name) {
            return files.get(name);
        }

        @Override
        public List<String> additional() {
            return files.keySet().stream()
                    .filter(name -> name.startsWith(MORE + "/") && name.endsWith(JINJA))
                    .sorted()
                    .toList();
        }

        @Override
        public String origin(String name) {
            return name + " of " + origin;
        }
    }

    static Map<String, Object> readTokens(Contents files) throws IOException {
        Map<String, Object> tokens = new LinkedHashMap<>();
        for (String name : List.of("special_tokens_map.json", CONFIG)) {
            JsonNode json = json(files, name);
            if (json != null) {
                addTokens(json, tokens);
            }
        }
        return tokens;
    }

    static ChatTemplateFiles read(Contents files, String where) throws IOException {
        Map<String, Source> sources = files(files);
        JsonNode config = sources.isEmpty() ? json(files, CONFIG) : null;
        if (config != null) {
            sources = entries(config.path("chat_template"), files.origin(CONFIG));
        }
        if (sources.isEmpty()) {
            throw new TemplateException(
                    where
                            + " has no chat template; expected chat_template.jinja, or chat_template"
                            + " in "
                            + CONFIG
                            + ", as chat models have; give a template of your own otherwise");
        }
        return new ChatTemplateFiles(sources, readTokens(files));
    }

    private static Map<String, Source> files(Contents files) throws IOException {
        Map<String, Source> sources = new LinkedHashMap<>();
        byte[] single = bytes(files, SINGLE);
        if (single != null) {
            sources.put("default", new Source(text(single, files, SINGLE), files.origin(SINGLE)));
        }
        List<String> additional = files.additional();
        if (additional.size() > MAX_TEMPLATES) {
            throw new TemplateException(
                    files.origin(MORE)
                            + " has more than "
                            + MAX_TEMPLATES
                            + " chat templates, the limit");
        }
        for (String file : additional) {
            byte[] bytes = bytes(files, file);
            if (bytes != null) {
                String name = file.substring(MORE.length() + 1, file.length() - JINJA.length());
                sources.put(name, new Source(text(bytes, files, file), files.origin(file)));
            }
        }
        return sources;
    }

    private static Map<String, Source> entries(JsonNode node, String file)
            throws TemplateException {
        Map<String, Source> sources = new LinkedHashMap<>();
        String origin = "chat_template in " + file;
        if (node.isTextual()) {
            sources.put("default", new Source(node.textValue(), origin));
        } else if (node.isArray() && node.size() <= MAX_TEMPLATES) {
            for (JsonNode entry : node) {
                if (!entry.path("name").isTextual() || !entry.path("template").isTextual()) {
                    throw new TemplateException(
                            origin + " has an entry without the texts name and template");
                }
                String name = entry.get("name").textValue();
                sources.put(
                        name,
                        new Source(
                                entry.get("template").textValue(),
                                "chat_template \"" + name + "\" in " + file));
            }
        } else if (!node.isMissingNode() && !node.isNull()) {
            throw new TemplateException(
                    origin
                            + " is neither a text nor a list of at most "
                            + MAX_TEMPLATES
                            + " named templates");
        }
        return sources;
    }

    private static void addTokens(JsonNode json, Map<String, Object> tokens) {
        for (String name : TOKENS) {
            String content = content(json.path(name));
            if (content != null) {
                tokens.put(name, content);
            }
        }
        List<String> additional = new ArrayList<>();
        for (JsonNode token : json.path("additional_special_tokens")) {
            String content = content(token);
            if (content != null) {
                additional.add(content);
            }
        }
        if (!additional.isEmpty()) {
            tokens.put("additional_special_tokens", additional);
        }
    }

    private static @Nullable String content(JsonNode node) {
        JsonNode text = node.isObject() ? node.path("content") : node;
        return text.isTextual() ? text.textValue() : null;
    }

    private static @Nullable JsonNode json(Contents files, String name) throws IOException {
        byte[] bytes = bytes(files, name);
        if (bytes == null) {
            return null;
        }
        try {
            JsonNode root = JSON.readTree(bytes);
            if (root == null || !root.isObject()) {
                throw new TemplateException(files.origin(name) + " is not a JSON object");
            }
            return root;
        } catch (JsonProcessingException e) {
            throw new TemplateException(
                    files.origin(name) + " is not valid JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static String text(byte[] bytes, Contents files, String name) throws IOException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new TemplateException(files.origin(name) + " is not text in UTF-8", e);
        }
    }

    private static byte @Nullable [] bytes(Contents files, String name) throws IOException {
        byte[] bytes = files.bytes(name);
        if (bytes != null && bytes.length > MAX_BYTES) {
            throw new TemplateException(
                    files.origin(name) + " is larger than " + MAX_BYTES + " bytes, the limit");
        }
        return bytes;
    }
}
