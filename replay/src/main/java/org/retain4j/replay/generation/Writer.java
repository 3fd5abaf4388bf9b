package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.Tokenizer;

/** Continues many prompts with a model in batches, through a cache. Used by one thread. */
final class Writer {

    private final CausalLm model;
    private final String hash;
    private final GenerationCache cache;
    private final int batch;
    private final Progress progress;

    /** Hears how far the writing is. */
    interface Progress {
        void update(long done, long total);
    }

    Writer(CausalLm model, String hash, GenerationCache cache, int batch, Progress progress) {
        this.model = model;
        this.hash = hash;
        this.cache = cache;
        this.batch = batch;
        this.progress = progress;
    }

    /** Returns what ends a text: an end token, or the token that starts the next text. */
    static Set<Integer> ends(Tokenizer tokenizer) {
        Set<Integer> ends = new TreeSet<>(tokenizer.eosIds());
        tokenizer.bosId().ifPresent(ends::add);
        return ends;
    }

    /** Returns the hash of the model. */
    String hash() {
        return hash;
    }

    /**
     * Continues prompts; a row's draws do not depend on the size of the batches.
     *
     * @param config how; its tokens are cut to the model's positions
     */
    List<Generation> run(List<int[]> prompts, GenerationConfig config) throws IOException {
        List<Generation> all = new ArrayList<>();
        Generator generator = new Generator(model, Sampling.greedy());
        // of all prompts, so that a row does not depend on those beside it
        int longest = prompts.stream().mapToInt(ids -> ids.length).max().orElse(1);
        int room = model.spec().maxPositions() - longest;
        if (room < 1) {
            throw new IllegalArgumentException(
                    "a prompt of "
                            + longest
                            + " tokens leaves no room in "
                            + model.spec().maxPositions()
                            + " positions");
        }
        for (int first = 0; first < prompts.size(); first += batch) {
            List<int[]> part = prompts.subList(first, Math.min(prompts.size(), first + batch));
            GenerationConfig own =
                    new GenerationConfig(
                            Math.min(config.maxNewTokens(), room),
                            config.sampling(),
                            config.stopIds(),
                            config.stopStrings(),
                            config.seed(),
                            first);
            StringBuilder key =
                    new StringBuilder(hash)
                            .append(' ')
                            .append(own.maxNewTokens())
                            .append(own.sampling())
                            // the order of a set changes from one process to the next
                            .append(new TreeSet<>(own.stopIds()))
                            .append(own.stopStrings())
                            .append(' ')
                            .append(own.seed())
                            .append(' ')
                            .append(first);
            part.forEach(ids -> key.append(Arrays.toString(ids)));
            all.addAll(cache.get(key.toString(), part.size(), () -> generator.run(part, own)));
            progress.update(all.size(), prompts.size());
        }
        return all;
    }
}
