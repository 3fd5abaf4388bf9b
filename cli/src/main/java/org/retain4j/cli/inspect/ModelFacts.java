package org.retain4j.cli.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What an inspection found.
 *
 * <p>Immutable but for the JSON nodes, safe for all threads that leave these alone.
 *
 * @param path of the folder or file, or the name of what is neither
 * @param kind {@code model folder}, {@code adapter folder}, {@code GGUF file} or {@code safetensors
 *     file}
 * @param config main keys of the configuration, in order
 * @param notes what else there is to know, each a line
 * @param tensors all tensors, in the order of the files
 * @param parameters number of parameters by part of the model; parts without any are left out
 * @param totalParameters sum of those
 * @param totalBytes size of all tensors
 * @param tokenizer null when there is none that can be used
 * @param tokenizerError why the tokenizer or its configuration cannot be used, null when they can
 *     or there are none
 * @param chatTemplate null when there is none
 * @param licence name of the licence and the file that says so, null when no file does
 */
public record ModelFacts(
        String path,
        String kind,
        Map<String, JsonNode> config,
        List<String> notes,
        List<TensorFacts> tensors,
        Map<String, Long> parameters,
        long totalParameters,
        long totalBytes,
        @Nullable TokenizerFacts tokenizer,
        @Nullable String tokenizerError,
        @Nullable ChatTemplateFacts chatTemplate,
        @Nullable String licence) {

    /** Returns the same facts of a model that goes by another name. */
    public ModelFacts withPath(String name) {
        return new ModelFacts(
                name,
                kind,
                config,
                notes,
                tensors,
                parameters,
                totalParameters,
                totalBytes,
                tokenizer,
                tokenizerError,
                chatTemplate,
                licence);
    }

    /**
     * A tensor.
     *
     * @param dtype spelled as in safetensors headers
     */
    public record TensorFacts(String name, String dtype, List<Long> shape, long bytes) {}

    /**
     * A tokenizer.
     *
     * @param type kind of its model, for example {@code BPE}
     * @param vocabularySize largest id plus one
     * @param addedTokens contents of the added tokens in the order of their ids
     * @param special ids of the named special tokens, by name
     * @param endIds all ids that end a text or turn
     */
    public record TokenizerFacts(
            String type,
            int vocabularySize,
            List<String> addedTokens,
            Map<String, Integer> special,
            List<Integer> endIds) {}

    /**
     * A chat template.
     *
     * @param origin file that it is in
     * @param length number of characters
     * @param firstLine its first line that is not blank
     */
    public record ChatTemplateFacts(String origin, int length, String firstLine) {}
}
