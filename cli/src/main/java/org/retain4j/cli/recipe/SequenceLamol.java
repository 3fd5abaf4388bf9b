package org.retain4j.cli.recipe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.recipe.SequenceConfig.LamolSection;
import org.retain4j.cli.train.FineTuning;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.Folders;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.VocabularyExtension;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.Example;
import org.retain4j.replay.generation.GenerationCache;
import org.retain4j.replay.generation.Lamol;
import org.retain4j.replay.generation.LamolFormat;

/** Prepares the tasks of a sequence for LAMOL: its tokens, its rows, and the examples it writes. */
final class SequenceLamol {

    static final String DATA = "lamol.jsonl";

    private static final String BASE = "lamol-base";

    private final LamolSection section;
    private final List<String> names;
    private final Path folder;
    private final long seed;

    SequenceLamol(LamolSection section, List<String> names, Path folder, long seed) {
        this.section = section;
        this.names = names;
        this.folder = folder;
        this.seed = seed;
    }

    /** Returns the tasks that have start tokens of their own; null for one that all share. */
    @Nullable List<String> tasks() {
        return section.taskTokens ? names : null;
    }

    /** Returns a folder with the base model and the tokens, which is made when it is missing. */
    Path base(FinetuneRun run, @Nullable Path model) throws IOException {
        Path own = folder.resolve(BASE);
        if (Files.exists(own.resolve("config.json"))) {
            return own;
        }
        List<String> tokens = new ArrayList<>(List.of(LamolFormat.ANSWER));
        List<String> tasks = tasks();
        if (tasks == null) {
            tokens.add(LamolFormat.START);
        } else {
            tasks.forEach(task -> tokens.add(LamolFormat.start(task)));
        }
        Path temporary = folder.resolve("." + BASE);
        Folders.delete(temporary);
        try (CausalLm loaded = run.load(model);
                CausalLm extended = VocabularyExtension.extend(loaded, tokens, seed)) {
            extended.save(temporary);
        }
        Files.move(temporary, own);
        return own;
    }

    /**
     * Writes the rows of a task: its own, and those that the model writes for earlier tasks.
     *
     * @param keys the run of the task, whose train is what is learned
     * @param before folder of the model before the task
     */
    void prepare(int stage, FinetuneRun run, Path before, FineTuning.Display display)
            throws IOException {
        Path own = folder.resolve(names.get(stage));
        Files.createDirectories(own);
        try (CausalLm model = Pretrained.load(before)) {
            LamolFormat format = LamolFormat.of(model.tokenizer(), tasks());
            int most = Math.min(run.maxLength(), model.spec().maxPositions());
            List<TrainRow> rows = new ArrayList<>();
            int[] dropped = {0};
            run.examples(
                    example -> {
                        try {
                            rows.add(row(stage, example, format, model.tokenizer(), most));
                        } catch (IllegalArgumentException e) {
                            dropped[0]++;
                        }
                    });
            if (rows.isEmpty()) {
                throw new UsageException(
                        "tasks."
                                + names.get(stage)
                                + ": lamol needs rows of a prompt and a completion, or of an"
                                + " instruction and its output; there are none that fit");
            }
            if (dropped[0] > 0) {
                display.note("lamol: " + dropped[0] + " rows are too long or no pairs");
            }
            if (stage > 0) {
                write(stage, model, format, rows, display);
            }
            SequenceMemory.write(own.resolve(DATA), rows);
        }
    }

    private void write(
            int stage,
            CausalLm model,
            LamolFormat format,
            List<TrainRow> rows,
            FineTuning.Display display)
            throws IOException {
        Lamol lamol =
                new Lamol(section.gamma, section.topK, section.maxTokens, section.batchSize, seed);
        Lamol.Samples written =
                lamol.write(
                        model,
                        format,
                        rows.size(),
                        stage,
                        GenerationCache.in(folder.resolve("generated")),
                        done -> display.update(done, lamol.size(rows.size(), stage), "lamol"));
        for (Lamol.Sample sample : written.samples()) {
            rows.add(TrainRow.of(format.encode(sample)));
        }
        for (Lamol.Yield yield : written.yields()) {
            display.note(
                    String.format(
                            Locale.ROOT,
                            "lamol: %d of %d examples of %s are kept",
                            yield.kept(),
                            yield.written(),
                            section.taskTokens ? names.get(yield.task()) : "earlier tasks"));
        }
    }

    private static TrainRow row(
            int stage, Example example, LamolFormat format, Tokenizer tokenizer, int most) {
        if (example instanceof Example.Completion pair) {
            return row(stage, pair.prompt(), "", pair.completion(), format, tokenizer, most);
        }
        if (example instanceof Example.Instruction one) {
            return row(
                    stage, one.input(), one.instruction(), one.output(), format, tokenizer, most);
        }
        throw new IllegalArgumentException("no pair of a prompt and an answer");
    }

    private static TrainRow row(
            int stage,
            String context,
            String question,
            String answer,
            LamolFormat format,
            Tokenizer tokenizer,
            int most) {
        return TrainRow.of(
                format.encode(
                        stage,
                        tokenizer.encode(context, false),
                        tokenizer.encode(
                                context.isEmpty() || question.isEmpty()
                                        ? question
                                        : "\n" + question,
                                false),
                        tokenizer.encode(answer, false),
                        most));
    }
}
