package org.retain4j.finetune.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.jinja.TemplateException;

/**
 * A chat template together with what tells it from others, for the key of the token cache.
 *
 * @param template the template
 * @param fingerprint changes whenever the template or its special tokens do
 */
public record ChatFormat(ChatTemplate template, String fingerprint) {

    private static final List<String> FILES =
            List.of(
                    "chat_template.jinja",
                    "chat_template.json",
                    "tokenizer_config.json",
                    "special_tokens_map.json");
    private static final String MORE = "additional_chat_templates";

    /**
     * Loads the template of a model folder, see {@link ChatTemplate#load}.
     *
     * @throws TemplateException when there is none, or one that is not well formed
     */
    public static ChatFormat load(Path folder) throws IOException {
        ChatTemplate template = ChatTemplate.load(folder);
        List<Path> files = new ArrayList<>();
        for (String name : FILES) {
            files.add(folder.resolve(name));
        }
        if (Files.isDirectory(folder.resolve(MORE))) {
            try (Stream<Path> more = Files.list(folder.resolve(MORE))) {
                more.sorted().forEach(files::add);
            }
        }
        StringBuilder hashes = new StringBuilder();
        for (Path file : files) {
            if (Files.isRegularFile(file)) {
                hashes.append(file.getFileName()).append(' ').append(Sha256.of(file)).append('\n');
            }
        }
        return new ChatFormat(template, Sha256.of(utf8(hashes.toString())));
    }

    /**
     * Makes a chat format from the source of a template, see {@link ChatTemplate#of(String, Map)}.
     *
     * @throws TemplateException when it is not well formed
     */
    public static ChatFormat of(String source, Map<String, ?> specialTokens)
            throws TemplateException {
        String tokens = new TreeMap<>(specialTokens).toString();
        return new ChatFormat(
                ChatTemplate.of(source, specialTokens),
                Sha256.of(utf8(source.length() + "\n" + source + tokens)));
    }

    /**
     * Makes a chat format of the files of a model by their contents, see {@link
     * ChatTemplate#ofFiles}.
     *
     * @param origin where they come from, for messages
     * @throws TemplateException when there is no template, or one that is not well formed
     */
    public static ChatFormat ofFiles(String origin, Map<String, byte[]> files) throws IOException {
        ChatTemplate template = ChatTemplate.ofFiles(origin, files);
        StringBuilder hashes = new StringBuilder();
        new TreeMap<>(files)
                .forEach(
                        (name, contents) -> {
                            if (FILES.contains(name) || name.startsWith(MORE)) {
                                hashes.append(name)
                                        .append(' ')
                                        .append(Sha256.of(contents))
                                        .append('\n');
                            }
                        });
        return new ChatFormat(template, Sha256.of(utf8(hashes.toString())));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
