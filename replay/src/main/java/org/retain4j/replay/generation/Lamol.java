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

/**
 * One language model that solves tasks and writes examples of earlier ones, from a token that
 * starts them (LAMOL, Sun, Ho and Lee 2020, arXiv:1909.03329).
 *
 * <p>Each example is learned twice, as an answer and as a text ({@link LamolFormat}, {@link
 * LamolLosses}). Before a later task the model writes a share of the new task's number of rows for
 * the earlier ones, which join the new rows. Needs no old data. Costs twice the tokens of a step,
 * and the generation.
 *
 * @param gamma γ, examples to write as a share of the new ones; 0.05 in the code, 0.2 in the paper
 * @param topK tokens that are drawn from, at temperature 1
 * @param maxTokens most tokens of an example; longer ones are dropped
 * @param batch examples that are written at once
 * @param seed seed of the draws
 */
public record Lamol(double gamma, int topK, int maxTokens, int batch, long seed) {

    /** Default γ, that of the paper. */
    public static final double DEFAULT_GAMMA = 0.2;

    /** Default λ, weight of the loss of the text. */
    public static final double DEFAULT_LAMBDA = 0.25;

    /**
     * Creates the generator.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public Lamol {
        if (!(gamma >= 0) || gamma > 10 || topK < 1 || maxTokens < 3 || batch < 1) {
            throw new IllegalArgumentException(
                    "lamol needs gamma in [0, 10], top_k and a batch of one or more, and three"
                            + " tokens of an example");
        }
    }

    /** Returns the settings of the code, with the paper's γ. */
    public static Lamol of(double gamma, int maxTokens, long seed) {
        return new Lamol(gamma, 20, maxTokens, 32, seed);
    }

    /**
     * An example that was written.
     *
     * @param task number of the earlier task whose token started it; 0 for a shared token
     * @param ids tokens after the start token, without the end
     */
    public record Sample(int task, int[] ids) {}

    /**
     * What became of the examples of one task.
     *
     * @param task number of the task
     * @param written examples that were asked for
     * @param kept those that are well formed and no copies
     */
    public record Yield(int task, int written, int kept) {}

    /**
     * Examples and the yield of every task.
     *
     * @param samples well-formed examples
     * @param yields counts in the order of the tasks
     */
    public record Samples(List<Sample> samples, List<Yield> yields) {
        /** Copies the lists. */
        public Samples {
            samples = List.copyOf(samples);
            yields = List.copyOf(yields);
        }
    }

    /**
     * Returns how many examples are written before a task: ⌈γ N⌉, made a multiple of the number of
     * earlier tasks by leaving the rest out.
     *
     * @param newExamples N, rows of the new task
     * @param earlier number of earlier tasks, 1 or more
     */
    public int size(int newExamples, int earlier) {
        // γ N must not come out above a whole number by the rounding of γ
        int wanted = (int) Math.ceil(gamma * newExamples - 1e-9);
        return wanted / earlier * earlier;
    }

    /**
     * Writes examples of earlier tasks.
     *
     * @param model the model before the new task
     * @param newExamples rows of the new task
     * @param earlier number of earlier tasks, 1 or more
     * @param progress hears the number of examples that are there
     */
    public Samples write(
            CausalLm model,
            LamolFormat format,
            int newExamples,
            int earlier,
            GenerationCache cache,
            LongConsumer progress)
            throws IOException {
        int each = size(newExamples, earlier) / earlier;
        List<int[]> starts = new ArrayList<>();
        List<Integer> tasks = new ArrayList<>();
        for (int task = 0; task < earlier; task++) {
            for (int i = 0; i < each; i++) {
                starts.add(format.start(task));
                tasks.add(task);
            }
        }
        GenerationConfig config =
                GenerationConfig.of(maxTokens)
                        .withSampling(new Sampling(1, topK, 1))
                        .withStopIds(Set.of(format.end()))
                        .withSeed(seed);
        Writer writer =
                new Writer(
                        model,
                        GenerationCache.hash(model),
                        cache,
                        batch,
                        (done, all) -> progress.accept(done));
        List<Generation> texts = starts.isEmpty() ? List.of() : writer.run(starts, config);
        int[] kept = new int[earlier];
        Map<List<Integer>, Sample> samples = new LinkedHashMap<>();
        for (int i = 0; i < texts.size(); i++) {
            int[] ids = texts.get(i).ids();
            int[] body =
                    texts.get(i).reason() == StopReason.EOS
                            ? Arrays.copyOf(ids, ids.length - 1)
                            : null;
            if (body != null && format.isWellFormed(body)) {
                Sample sample = new Sample(tasks.get(i), body);
                List<Integer> key = new ArrayList<>(List.of(sample.task()));
                for (int id : body) {
                    key.add(id);
                }
                @Nullable Sample copy = samples.putIfAbsent(key, sample);
                kept[sample.task()] += copy == null ? 1 : 0;
            }
        }
        List<Yield> yields = new ArrayList<>();
        for (int task = 0; task < earlier; task++) {
            yields.add(new Yield(task, each, kept[task]));
        }
        return new Samples(List.copyOf(samples.values()), yields);
    }
}
