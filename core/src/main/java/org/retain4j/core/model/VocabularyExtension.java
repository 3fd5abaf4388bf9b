package org.retain4j.core.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSource;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.text.Tokenizer;

/**
 * Adds special tokens to a model: entries of the tokenizer, and rows of the embedding and the head.
 *
 * <p>A new row is the mean of all rows and a little noise, so that the model neither expects nor
 * excludes the token. Rows that the model has and its tokenizer does not use are used first.
 */
public final class VocabularyExtension {

    private static final String TOKENIZER = "tokenizer.json";
    private static final String ADDED = "added_tokens";
    private static final JsonMapper JSON = new JsonMapper();

    private VocabularyExtension() {}

    /**
     * Returns a copy of a model with more tokens, with nothing attached.
     *
     * @param tokens their texts, none empty; those that are in the vocabulary already stay
     * @param seed seed of the noise
     * @throws ModelException if the configuration or the tokenizer cannot be extended
     * @throws IllegalStateException if the model has no tokenizer
     */
    public static CausalLm extend(CausalLm model, List<String> tokens, long seed)
            throws IOException {
        List<String> missing =
                tokens.stream()
                        .distinct()
                        .filter(token -> model.tokenizer().tokenToId(token).isEmpty())
                        .toList();
        if (missing.isEmpty()) {
            return model.copy();
        }
        Map<String, byte[]> files = new LinkedHashMap<>(model.sidecars());
        int first = model.tokenizer().vocabularySize();
        files.put(TOKENIZER, tokenizer(files.get(TOKENIZER), missing, first));
        Tokenizer tokenizer = Tokenizer.of("the extended model", files);
        for (int i = 0; i < missing.size(); i++) {
            if (tokenizer.tokenToId(missing.get(i)).orElse(-1) != first + i) {
                tokenizer.close();
                throw new ModelException(
                        "the tokenizer does not take the new token "
                                + missing.get(i)
                                + " at its end; choose another text");
            }
        }
        int before = model.spec().vocabularySize();
        ModelConfig config = model.config();
        if (first + missing.size() > before) {
            config = resized(config, first + missing.size());
        }
        return CausalLm.build(
                Pretrained.spec(config),
                config,
                tokenizer,
                files,
                model.device(),
                model.precision(),
                owner -> grown(model, owner, seed));
    }

    private static byte[] tokenizer(byte @Nullable [] json, List<String> tokens, int first)
            throws IOException {
        if (json == null || !(JSON.readTree(json) instanceof ObjectNode root)) {
            throw new ModelException("the model has no tokenizer.json that could be extended");
        }
        ArrayNode added = root.withArray(ADDED);
        for (int i = 0; i < tokens.size(); i++) {
            ObjectNode entry = added.addObject();
            entry.put("id", first + i);
            entry.put("content", tokens.get(i));
            entry.put("single_word", false);
            entry.put("lstrip", false);
            entry.put("rstrip", false);
            entry.put("normalized", false);
            entry.put("special", true);
        }
        return JSON.writeValueAsBytes(root);
    }

    private static ModelConfig resized(ModelConfig config, int vocabulary) throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(config.text());
        JsonNode inner = root.get("text_config");
        ObjectNode holder =
                !root.has("vocab_size") && inner instanceof ObjectNode nested ? nested : root;
        holder.put("vocab_size", vocabulary);
        return ModelConfig.parse(
                config.origin(), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root));
    }

    private static ParameterSource grown(CausalLm model, Scope owner, long seed) {
        return (name, shape) -> {
            try (Scope scope = Scope.open()) {
                Tensor old = model.parameter(name).value().detach();
                long[] had = old.shape();
                if (Arrays.equals(had, shape)) {
                    return new Parameter(name, owner.adopt(old.copy()));
                }
                Tensor noise =
                        Random.at(seed, 0, "new-rows-" + name)
                                .normal(0.01, shape[0] - had[0], shape[1])
                                .to(old.device());
                Tensor rows = noise.add(old.mean(0, true));
                return new Parameter(name, owner.adopt(Tensor.cat(List.of(old, rows), 0)));
            }
        };
    }
}
