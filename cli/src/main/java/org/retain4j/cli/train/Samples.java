package org.retain4j.cli.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.ChatFormat;

/**
 * Prompts that a model answers greedily, to show what training changed.
 *
 * @param prompts what is shown of them, and their tokens
 * @param newTokens largest number of tokens of an answer
 */
record Samples(List<Prompt> prompts, int newTokens) {

    private static final int OF_TEXT = 16;
    private static final int SHOWN = 400;

    /**
     * A prompt.
     *
     * @param shown as a human reads it
     * @param ids as the model does
     */
    record Prompt(String shown, int[] ids) {}

    /** Takes the prompts of a run, or the starts of the first rows of its data. */
    static Samples of(RunConfig config, BaseModel base, TrainingData data) throws IOException {
        List<Prompt> prompts = new ArrayList<>();
        if (config.sampleTokens > 0) {
            for (SamplePrompt prompt : config.samplePrompts) {
                prompts.add(prompt(prompt, base));
            }
            if (config.samplePrompts.isEmpty()) {
                data.first().forEach(row -> prompts.add(start(row, base.tokenizer())));
                if (!data.retain().isEmpty()) {
                    prompts.add(start(data.retain().get(0), base.tokenizer()));
                }
            }
        }
        int room = base.spec().maxPositions() - config.sampleTokens;
        return new Samples(
                prompts.stream()
                        .filter(prompt -> prompt.ids().length > 0 && prompt.ids().length <= room)
                        .toList(),
                config.sampleTokens);
    }

    private static Prompt prompt(SamplePrompt prompt, BaseModel base) throws IOException {
        ChatFormat chat = base.chat();
        String user = prompt.user != null ? prompt.user : chat == null ? null : prompt.either;
        if (user != null) {
            if (chat == null) {
                throw new IOException(
                        "sample_prompts: the model has no chat template for the message \""
                                + user
                                + "\"; give text: instead of user:, or chat_template");
            }
            String text =
                    chat.template()
                            .render(
                                    ChatRequest.of(List.of(Map.of("role", "user", "content", user)))
                                            .withGenerationPrompt());
            return new Prompt(user, base.tokenizer().encode(text, false));
        }
        String text = String.valueOf(prompt.text != null ? prompt.text : prompt.either);
        return new Prompt(text, base.tokenizer().encode(text));
    }

    /** Returns what stands before the first token that counts; of a text, its first tokens. */
    private static Prompt start(TrainRow row, Tokenizer tokenizer) {
        int end = 1;
        while (end < row.weights().length && row.weights()[end] == 0) {
            end++;
        }
        if (end == 1) {
            end = Math.min(OF_TEXT, row.ids().length / 2 + 1);
        }
        int[] ids = Arrays.copyOf(row.ids(), end);
        String shown = tokenizer.decode(ids, true);
        return new Prompt(
                shown.length() <= SHOWN ? shown : "… " + shown.substring(shown.length() - SHOWN),
                ids);
    }

    /** Returns the answers of a model, in the order of the prompts. */
    List<String> answers(CausalLm model) {
        if (prompts.isEmpty()) {
            return List.of();
        }
        Generator generator = new Generator(model, Sampling.greedy());
        List<String> answers = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            for (Prompt prompt : prompts) {
                answers.add(
                        generator
                                .run(List.of(prompt.ids()), generator.config(newTokens))
                                .get(0)
                                .text());
            }
        }
        return answers;
    }
}
