package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.generate.StopReason;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.replay.PooledStates;

/**
 * Makes old data from a handful of real examples: the base model writes more of their kind in
 * context, the latest model answers them, and of clusters of them those near the centres are taken
 * (self-synthesized rehearsal, Huang et al. 2024, arXiv:2403.01244).
 *
 * <p>Each task, the examples of one definition, is written for by itself, with demonstrations from
 * all ordered choices of its examples in turn. Costs the generation of all tokens, kept or not, and
 * a forward pass of each text that is kept.
 *
 * @param samples texts to write for each task, before anything is dropped
 * @param shots demonstrations before each; fewer where a task has fewer examples
 * @param sampling how texts are drawn; the paper's code has a repetition penalty of 1.2
 * @param clusters groups of each task
 * @param quota most examples that are taken of each task
 * @param definitionTokens most tokens of definition and input together
 * @param inputTokens most tokens of an input
 * @param outputTokens most tokens of an answer
 * @param batch texts that are written at once
 * @param seed seed of the draws
 */
public record SelfSynthesizedRehearsal(
        int samples,
        int shots,
        Sampling sampling,
        int clusters,
        int quota,
        int definitionTokens,
        int inputTokens,
        int outputTokens,
        int batch,
        long seed) {

    private static final String INPUT = "Input:";
    private static final String OUTPUT = "Output:";

    /**
     * A real example.
     *
     * @param definition what the task is; empty when the input says it all
     * @param input not empty
     * @param output not empty
     */
    public record Seed(String definition, String input, String output) {}

    /**
     * Creates the generator.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public SelfSynthesizedRehearsal {
        if (samples < 1 || shots < 1 || clusters < 1 || quota < 1 || batch < 1) {
            throw new IllegalArgumentException(
                    "ssr needs a sample, a shot, a cluster, a quota and a batch of one or more");
        }
        if (definitionTokens < 1 || inputTokens < 1 || outputTokens < 1) {
            throw new IllegalArgumentException("ssr needs room for tokens of every part");
        }
    }

    /** Returns the settings of the paper's code for so many samples of each task. */
    public static SelfSynthesizedRehearsal of(int samples, long seed) {
        return new SelfSynthesizedRehearsal(
                samples,
                2,
                Sampling.temperature(1).withRepetitionPenalty(1.2),
                20,
                200,
                500,
                800,
                128,
                32,
                seed);
    }

    /** An input that was written, by the number of its text. */
    private record Draft(int number, String input) {}

    /**
     * Writes examples.
     *
     * @param base the model that writes in context, best one that was not tuned
     * @param latest the model that answers: the one that is trained on; may be the same
     * @param question tokens of a prompt for the latest model, of an example without an answer
     * @param filters what else must hold; may be empty
     * @param progress hears the number of texts that are there
     * @throws IllegalArgumentException if there is no seed
     */
    public Written write(
            CausalLm base,
            CausalLm latest,
            List<Seed> seeds,
            Function<Seed, int[]> question,
            List<ExampleFilter> filters,
            GenerationCache cache,
            LongConsumer progress)
            throws IOException {
        if (seeds.isEmpty()) {
            throw new IllegalArgumentException("ssr needs examples to start from, there are none");
        }
        Map<String, List<Seed>> tasks = new LinkedHashMap<>();
        seeds.forEach(
                one -> tasks.computeIfAbsent(one.definition(), key -> new ArrayList<>()).add(one));
        String baseHash = GenerationCache.hash(base);
        String latestHash = base == latest ? baseHash : GenerationCache.hash(latest);
        long[] done = {0};
        Writer.Progress told = (now, all) -> progress.accept(done[0] + now);
        Writer writer = new Writer(base, baseHash, cache, batch, told);
        Writer answerer = new Writer(latest, latestHash, cache, batch, told);
        int[] counts = new int[5];
        List<PseudoExample> answered = new ArrayList<>();
        for (Map.Entry<String, List<Seed>> task : tasks.entrySet()) {
            List<Generation> texts = texts(task.getKey(), task.getValue(), base, writer);
            counts[0] += texts.size();
            done[0] += texts.size();
            List<Draft> drafts = parsed(texts);
            counts[1] += drafts.size();
            List<Draft> fitting = fitting(task.getKey(), drafts, base.tokenizer());
            counts[2] += fitting.size();
            answered.addAll(answers(task.getKey(), fitting, latest, question, answerer, baseHash));
            done[0] += fitting.size();
        }
        List<Funnel.Stage> stages = new ArrayList<>();
        stages.add(new Funnel.Stage("one pair", counts[0], counts[1]));
        stages.add(new Funnel.Stage("fits", counts[1], counts[2]));
        stages.add(new Funnel.Stage("answered", counts[2], answered.size()));
        List<PseudoExample> filtered = Funnel.run(answered, filters, stages);
        List<PseudoExample> chosen = representatives(filtered, latest);
        stages.add(new Funnel.Stage("clusters", filtered.size(), chosen.size()));
        return new Written(chosen, new Funnel(stages));
    }

    private List<Generation> texts(
            String definition, List<Seed> seeds, CausalLm base, Writer writer) throws IOException {
        List<int[]> choices = ordered(seeds.size(), Math.min(shots, seeds.size()));
        int[] order = Random.at(seed, 0, "ssr-shots" + definition).permutation(choices.size());
        List<int[]> prompts = new ArrayList<>();
        for (int i = 0; i < samples; i++) {
            StringBuilder text = new StringBuilder(definition.strip());
            for (int shot : choices.get(order[i % order.length])) {
                text.append(text.length() == 0 ? "" : "\n\n")
                        .append(INPUT + " ")
                        .append(seeds.get(shot).input().strip())
                        .append("\n" + OUTPUT + " ")
                        .append(seeds.get(shot).output().strip());
            }
            prompts.add(base.tokenizer().encode(text.append("\n\n" + INPUT).toString()));
        }
        GenerationConfig config =
                GenerationConfig.of(inputTokens + outputTokens)
                        .withSampling(sampling)
                        .withStopIds(Writer.ends(base.tokenizer()))
                        // the next pair: all after it would be dropped
                        .withStopStrings(List.of("\n" + INPUT))
                        .withSeed(Random.at(seed, 0, "ssr" + definition).nextLong());
        return writer.run(prompts, config);
    }

    /** Returns all ordered choices of some of n things without repetition. */
    static List<int[]> ordered(int n, int some) {
        List<int[]> all = new ArrayList<>();
        extend(n, new int[some], 0, all);
        return all;
    }

    private static void extend(int n, int[] choice, int length, List<int[]> all) {
        if (length == choice.length) {
            all.add(choice.clone());
            return;
        }
        for (int i = 0; i < n; i++) {
            boolean used = false;
            for (int before = 0; before < length; before++) {
                used |= choice[before] == i;
            }
            if (!used) {
                choice[length] = i;
                extend(n, choice, length + 1, all);
            }
        }
    }

    /** Returns the inputs of those texts that are one pair of input and output. */
    private static List<Draft> parsed(List<Generation> texts) {
        List<Draft> drafts = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            String input = input(texts.get(i).text());
            if (input != null) {
                drafts.add(new Draft(i, input));
            }
        }
        return drafts;
    }

    /** Returns the input of a text that goes on after {@code Input:}; null if it is malformed. */
    static @Nullable String input(String text) {
        int at = text.indexOf(OUTPUT);
        if (at < 0 || text.indexOf(OUTPUT, at + 1) >= 0 || text.contains(INPUT)) {
            return null;
        }
        String input = text.substring(0, at).strip();
        String output = text.substring(at + OUTPUT.length()).strip();
        return input.isEmpty() || output.isEmpty() ? null : input;
    }

    private List<Draft> fitting(String definition, List<Draft> drafts, Tokenizer tokenizer) {
        int own = tokenizer.encode(definition, false).length;
        return drafts.stream()
                .filter(
                        draft -> {
                            int length = tokenizer.encode(draft.input(), false).length;
                            return own + length <= definitionTokens && length <= inputTokens;
                        })
                .toList();
    }

    private List<PseudoExample> answers(
            String definition,
            List<Draft> drafts,
            CausalLm latest,
            Function<Seed, int[]> question,
            Writer answerer,
            String baseHash)
            throws IOException {
        if (drafts.isEmpty()) {
            return List.of();
        }
        List<int[]> prompts = new ArrayList<>();
        for (Draft draft : drafts) {
            prompts.add(question.apply(new Seed(definition, draft.input(), "")));
        }
        List<Generation> answers =
                answerer.run(
                        prompts,
                        GenerationConfig.of(outputTokens)
                                .withStopIds(Writer.ends(latest.tokenizer())));
        List<PseudoExample> answered = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            String answer = answers.get(i).text().stripTrailing();
            if (answers.get(i).reason() == StopReason.EOS && !answer.isBlank()) {
                Map<String, Object> provenance = new LinkedHashMap<>();
                provenance.put("generator", "ssr");
                provenance.put("seed", seed);
                provenance.put("number", drafts.get(i).number());
                provenance.put("temperature", sampling.temperature());
                provenance.put("model", baseHash);
                provenance.put("answered_by", answerer.hash());
                boolean defined = !definition.isEmpty();
                answered.add(
                        new PseudoExample(
                                defined ? definition : drafts.get(i).input(),
                                defined ? drafts.get(i).input() : "",
                                answer,
                                provenance));
            }
        }
        return answered;
    }

    private List<PseudoExample> representatives(List<PseudoExample> examples, CausalLm latest) {
        Map<String, List<PseudoExample>> tasks = new LinkedHashMap<>();
        for (PseudoExample example : examples) {
            String task = example.input().isEmpty() ? "" : example.instruction();
            tasks.computeIfAbsent(task, key -> new ArrayList<>()).add(example);
        }
        List<PseudoExample> chosen = new ArrayList<>();
        for (List<PseudoExample> task : tasks.values()) {
            if (task.size() <= quota) {
                chosen.addAll(task);
                continue;
            }
            float[][] features =
                    PooledStates.of(
                            latest,
                            task.stream()
                                    .map(one -> latest.tokenizer().encode(one.prompt()))
                                    .toList());
            for (int index : KMeans.of(features, clusters, seed).representatives(quota)) {
                chosen.add(task.get(index));
            }
        }
        return chosen;
    }
}
