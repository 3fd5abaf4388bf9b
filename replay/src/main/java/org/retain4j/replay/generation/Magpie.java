package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.generate.StopReason;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;

/**
 * Lets an instruction model write the instructions that it was tuned on: it continues its chat
 * template where a user's message belongs, and then answers what it wrote greedily (Magpie, Xu et
 * al. 2024, arXiv:2406.08464).
 *
 * <p>The paper's graded filters are replaced by {@link ExampleFilters}. Costs the generation of all
 * tokens, kept or not, and a forward pass of each prompt. Needs no data; the model must have been
 * tuned with a chat template.
 *
 * @param samples messages to write, before the filters
 * @param sampling how messages are drawn; the paper: temperature 1, top-p 1
 * @param firstTemperature temperature of a message's first token, on which its topic depends
 * @param promptTokens most tokens of a message; longer ones are dropped
 * @param answerTokens most tokens of an answer; longer ones are dropped
 * @param system system message that steers the topics; null for the template's own
 * @param firstLine whether a message ends with its first line
 * @param batch messages that are written at once
 * @param seed seed of the draws
 */
public record Magpie(
        int samples,
        Sampling sampling,
        double firstTemperature,
        int promptTokens,
        int answerTokens,
        @Nullable String system,
        boolean firstLine,
        int batch,
        long seed) {

    private static final String ROLE = "assistant";

    /**
     * Creates the generator.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public Magpie {
        if (samples < 1 || promptTokens < 2 || answerTokens < 1 || batch < 1) {
            throw new IllegalArgumentException(
                    "magpie needs a sample, two tokens of a prompt, one of an answer, and a batch"
                            + " of one or more");
        }
        if (!(firstTemperature > 0) || Double.isInfinite(firstTemperature)) {
            throw new IllegalArgumentException(
                    "the first temperature must be positive, is " + firstTemperature);
        }
    }

    /** Returns the paper's settings for so many samples, with messages of 128 tokens. */
    public static Magpie of(int samples, long seed) {
        return new Magpie(samples, Sampling.temperature(1), 1, 128, 256, null, true, 32, seed);
    }

    /** Returns the filters that take the place of the paper's judge, with their usual bounds. */
    public static List<ExampleFilter> filters(CausalLm base) {
        return List.of(
                ExampleFilters.length(8),
                ExampleFilters.complete(),
                ExampleFilters.refusal(),
                ExampleFilters.repetition(0.2),
                ExampleFilters.perplexity(base, 2, 300),
                ExampleFilters.nearDuplicates(0.7));
    }

    /**
     * Writes examples.
     *
     * @param cache where batches are kept
     * @param progress hears the number of texts that are there
     */
    public Written write(
            CausalLm model,
            ChatTemplate template,
            List<ExampleFilter> filters,
            GenerationCache cache,
            LongConsumer progress)
            throws IOException {
        String hash = GenerationCache.hash(model);
        long[] before = {0};
        Writer writer =
                new Writer(
                        model,
                        hash,
                        cache,
                        batch,
                        (done, total) -> progress.accept(before[0] + done));
        List<Funnel.Stage> stages = new ArrayList<>();
        List<String> messages = messages(model, template, writer, stages);
        before[0] = samples;
        List<PseudoExample> answered = answers(messages, template, model, writer, stages);
        List<PseudoExample> kept = Funnel.run(answered, filters, stages);
        return new Written(kept, new Funnel(stages));
    }

    private List<String> messages(
            CausalLm model, ChatTemplate template, Writer writer, List<Funnel.Stage> stages)
            throws IOException {
        PreQueryTemplate query = PreQueryTemplate.of(template, model.tokenizer(), system);
        List<String> stops = new ArrayList<>(query.stopStrings());
        stops.add(ROLE);
        if (firstLine) {
            stops.add("\n");
        }
        GenerationConfig config =
                GenerationConfig.of(promptTokens)
                        .withSampling(sampling)
                        .withStopIds(query.stopIds())
                        .withStopStrings(stops)
                        .withSeed(seed);
        List<int[]> starts = new ArrayList<>();
        for (int i = 0; i < samples; i++) {
            starts.add(query.ids());
        }
        if (firstTemperature != sampling.temperature()) {
            starts = withFirst(starts, writer, config);
        }
        List<String> messages = new ArrayList<>();
        int prefix = query.ids().length;
        List<Generation> written = writer.run(starts, config);
        for (int i = 0; i < samples; i++) {
            if (written.get(i).reason() == StopReason.LENGTH) {
                continue;
            }
            int[] first = Arrays.copyOfRange(starts.get(i), prefix, starts.get(i).length);
            String start = first.length == 0 ? "" : model.tokenizer().decode(first, true);
            String message = (start + written.get(i).text()).strip();
            if (!message.isEmpty()) {
                messages.add(message);
            }
        }
        stages.add(new Funnel.Stage("ended", samples, messages.size()));
        return messages;
    }

    private List<int[]> withFirst(List<int[]> starts, Writer writer, GenerationConfig config)
            throws IOException {
        Sampling hot =
                new Sampling(
                        firstTemperature,
                        sampling.topK(),
                        sampling.topP(),
                        sampling.minP(),
                        sampling.repetitionPenalty());
        GenerationConfig one =
                new GenerationConfig(1, hot, Set.of(), List.of(), seed + 1, config.firstRow());
        List<int[]> begun = new ArrayList<>();
        List<Generation> first = writer.run(starts, one);
        for (int i = 0; i < first.size(); i++) {
            int[] start = starts.get(i);
            int[] longer = Arrays.copyOf(start, start.length + 1);
            longer[start.length] = first.get(i).ids()[0];
            begun.add(longer);
        }
        return begun;
    }

    private List<PseudoExample> answers(
            List<String> messages,
            ChatTemplate template,
            CausalLm model,
            Writer writer,
            List<Funnel.Stage> stages)
            throws IOException {
        List<int[]> prompts = new ArrayList<>();
        for (String message : messages) {
            List<Map<String, ?>> chat = new ArrayList<>();
            if (system != null) {
                chat.add(Map.of("role", "system", "content", system));
            }
            chat.add(Map.of("role", "user", "content", message));
            String text = template.render(ChatRequest.of(chat).withGenerationPrompt());
            prompts.add(model.tokenizer().encode(text, false));
        }
        List<Generation> answers =
                prompts.isEmpty()
                        ? List.of()
                        : writer.run(
                                prompts,
                                GenerationConfig.of(answerTokens)
                                        .withStopIds(Writer.ends(model.tokenizer())));
        List<PseudoExample> answered = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            if (answers.get(i).reason() == StopReason.EOS) {
                Map<String, Object> provenance = new LinkedHashMap<>();
                provenance.put("generator", "magpie");
                provenance.put("seed", seed);
                provenance.put("number", i);
                provenance.put("temperature", sampling.temperature());
                provenance.put("model", writer.hash());
                answered.add(
                        new PseudoExample(
                                messages.get(i), "", answers.get(i).text().strip(), provenance));
            }
        }
        stages.add(new Funnel.Stage("answered", messages.size(), answered.size()));
        return answered;
    }
}
