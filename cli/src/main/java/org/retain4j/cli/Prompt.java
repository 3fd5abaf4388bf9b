package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatRequest;

/**
 * A prompt as it was given, before there is a model to encode it.
 *
 * @param where where it stands, for messages
 * @param text text, or null
 * @param ids token ids, or null
 * @param chat conversation, or null
 */
record Prompt(
        String where, @Nullable String text, int @Nullable [] ids, @Nullable ChatRequest chat) {

    private static final JsonMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(200)
                                                    .build())
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    static Prompt ofText(String where, String text) {
        return new Prompt(where, text, null, null);
    }

    /** Reads ids that are separated by commas. */
    static Prompt ofIds(String where, String list) {
        List<Integer> ids = new ArrayList<>();
        for (String id : list.split(",", -1)) {
            try {
                ids.add(Integer.parseInt(id.strip()));
            } catch (NumberFormatException e) {
                throw new UsageException(
                        where + " must be whole numbers separated by commas, is \"" + list + "\"");
            }
        }
        return new Prompt(where, null, ids.stream().mapToInt(i -> i).toArray(), null);
    }

    /**
     * Reads a file with a prompt in each line; empty lines are passed over.
     *
     * @throws UsageException if the file is missing, or a line is not a prompt
     */
    static List<Prompt> read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new UsageException(
                    "--prompts: " + file + " does not exist or is no file, give a JSON lines file");
        }
        List<Prompt> prompts = new ArrayList<>();
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                number++;
                if (!line.isBlank()) {
                    prompts.add(parse(file + " line " + number, line));
                }
            }
        } catch (CharacterCodingException e) {
            throw new UsageException("--prompts: " + file + " is not text in UTF-8");
        }
        if (prompts.isEmpty()) {
            throw new UsageException("--prompts: " + file + " has no prompt");
        }
        return prompts;
    }

    private static Prompt parse(String where, String line) throws IOException {
        JsonNode node;
        try {
            node = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new UsageException(where + " is not JSON: " + e.getOriginalMessage());
        }
        if (node.isTextual()) {
            return ofText(where, node.textValue());
        }
        for (String key : List.of("prompt", "text")) {
            if (node.path(key).isTextual()) {
                return ofText(where, node.get(key).textValue());
            }
        }
        for (String key : List.of("ids", "prompt_ids")) {
            if (node.path(key).isArray()) {
                return new Prompt(
                        where, null, ids(where + " \"" + key + "\"", node.get(key)), null);
            }
        }
        if (node.path("messages").isArray()) {
            return new Prompt(where, null, null, ChatRequest.parse(line, where));
        }
        throw new UsageException(
                where
                        + " is no prompt; expected a JSON text, or an object with a text \"prompt\""
                        + " or \"text\", or a list \"ids\" or \"messages\"");
    }

    private static int[] ids(String where, JsonNode list) {
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            if (!list.get(i).isInt()) {
                throw new UsageException(where + " must hold whole numbers only");
            }
            ids[i] = list.get(i).intValue();
        }
        return ids;
    }

    /** Returns the tokens of the prompt. */
    int[] ids(CausalLm model, boolean asChat) throws IOException {
        int[] result;
        if (ids != null) {
            result = ids;
        } else if (chat != null) {
            result = GenerateCommand.encodeChat(model, chat);
        } else if (asChat) {
            ChatRequest request =
                    ChatRequest.of(
                            List.of(Map.of("role", "user", "content", String.valueOf(text))));
            result = GenerateCommand.encodeChat(model, request);
        } else {
            result = model.tokenizer().encode(String.valueOf(text));
        }
        if (result.length == 0) {
            throw new UsageException(where + " is empty for this model, give at least one token");
        }
        return result;
    }
}
