package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.ChatFormat;
import org.retain4j.finetune.data.DataException;
import org.retain4j.finetune.data.EncodedDataset;
import org.retain4j.finetune.data.Example;
import org.retain4j.finetune.data.ExampleReader;
import org.retain4j.finetune.data.Problem;
import org.retain4j.replay.SelfGenerated;
import org.retain4j.replay.generation.GenerationCache;
import org.retain4j.replay.generation.PseudoExample;
import org.retain4j.replay.generation.SelfSynthesizedRehearsal.Seed;
import org.retain4j.replay.generation.Written;

/** Old data that models write for a run, in the form of its own data. */
final class WrittenData {

    /** A stand-in for an answer, to find what stands before it. */
    private static final String ANSWER = "x";

    private final RunConfig config;
    private final ReplaySection section;
    private final TrainingData.Encoding encoding;
    private final FineTuning.Display display;
    private final List<String> notes = new ArrayList<>();

    WrittenData(
            RunConfig config,
            ReplaySection section,
            TrainingData.Encoding encoding,
            FineTuning.Display display) {
        this.config = config;
        this.section = section;
        this.encoding = encoding;
        this.display = display;
    }

    /** Returns what became of the texts, a line each. */
    List<String> notes() {
        return notes;
    }

    /**
     * Returns whether the section asks for data that a model writes.
     *
     * <p>Rows of LAMOL were written before the run.
     */
    static boolean isWanted(ReplaySection section) {
        return section.selfGenerated != null || section.magpie != null || section.ssr != null;
    }

    /** Lets the model, as it is before training, write the data. */
    BatchSource write(CausalLm model) throws IOException {
        ReplaySection.SelfGeneratedSection own = section.selfGenerated;
        if (own != null) {
            return new SelfGenerated(own.samples, own.length, config.seed).write(model);
        }
        GenerationCache cache = GenerationCache.in(folder());
        ReplaySection.MagpieSection magpie = section.magpie;
        if (magpie != null) {
            ChatFormat chat = Objects.requireNonNull(encoding.chat());
            int all = 2 * magpie.samples;
            Written written =
                    magpie.generator(config.seed)
                            .write(
                                    model,
                                    chat.template(),
                                    magpie.filters(model),
                                    cache,
                                    done -> display.update(done, all, "magpie"));
            return rows("magpie", written, false);
        }
        return rehearsal(Objects.requireNonNull(section.ssr), model, cache);
    }

    private BatchSource rehearsal(
            ReplaySection.SsrSection ssr, CausalLm model, GenerationCache cache)
            throws IOException {
        List<Seed> seeds = new ArrayList<>();
        boolean[] plain = {false};
        for (DataSpec spec : ssr.data) {
            encoding.reader("replay.ssr.data", spec)
                    .forEach(
                            new ExampleReader.Visitor() {
                                @Override
                                public void example(Example example, Path file, long line) {
                                    plain[0] |= example instanceof Example.Completion;
                                    seeds.add(seed(example, file, line));
                                }

                                @Override
                                public void problem(Problem problem) {
                                    notes.add("replay.ssr.data, skipped: " + problem);
                                }
                            });
        }
        CausalLm writer = ssr.writer == null ? null : writer(ssr.writer);
        try {
            Written written =
                    ssr.generator(config.seed)
                            .write(
                                    writer == null ? model : writer,
                                    model,
                                    seeds,
                                    seed -> question(seed, plain[0]),
                                    List.of(),
                                    cache,
                                    done -> display.update(done, 2L * ssr.samples, "ssr"));
            return rows("ssr", written, plain[0]);
        } finally {
            if (writer != null) {
                writer.close();
            }
        }
    }

    private CausalLm writer(String name) throws IOException {
        return name.startsWith("embedded:")
                ? Pretrained.load(name)
                : Pretrained.load(Path.of(name));
    }

    private static Seed seed(Example example, Path file, long line) {
        if (example instanceof Example.Completion pair) {
            return new Seed("", pair.prompt(), pair.completion());
        }
        if (example instanceof Example.Instruction row) {
            return row.input().isEmpty()
                    ? new Seed("", row.instruction(), row.output())
                    : new Seed(row.instruction(), row.input(), row.output());
        }
        if (example instanceof Example.Conversation chat) {
            String user = content(chat, "user", false);
            String answer = content(chat, "assistant", true);
            if (user != null && answer != null) {
                return new Seed("", user, answer);
            }
        }
        throw new UsageException(
                "replay.ssr.data: "
                        + file
                        + ", line "
                        + line
                        + " is no question with an answer; give prompts with completions,"
                        + " instructions or messages");
    }

    private static @Nullable String content(Example.Conversation chat, String role, boolean last) {
        String found = null;
        for (Map<String, ?> message : chat.messages()) {
            if (role.equals(message.get("role")) && (last || found == null)) {
                found = String.valueOf(message.get("content"));
            }
        }
        return found;
    }

    private static Example example(String instruction, String input, String answer, boolean plain) {
        return plain
                ? new Example.Completion(instruction, answer)
                : new Example.Instruction(instruction, input, answer, null, List.of());
    }

    /** Returns the tokens before the answer, as they stand in training. */
    private int[] question(Seed seed, boolean plain) {
        boolean defined = !seed.definition().isEmpty();
        Example example =
                example(
                        defined ? seed.definition() : seed.input(),
                        defined ? seed.input() : "",
                        ANSWER,
                        plain);
        try {
            TrainRow row = encoding.encoder().encode(example).get(0);
            int end = 1;
            while (end < row.weights().length && row.weights()[end] == 0) {
                end++;
            }
            return Arrays.copyOf(row.ids(), end);
        } catch (DataException e) {
            throw new UsageException("replay.ssr: " + e.getMessage());
        }
    }

    private BatchSource rows(String name, Written written, boolean plain) throws IOException {
        notes.add(
                "replay."
                        + name
                        + ": "
                        + written.funnel().written()
                        + " texts written, "
                        + written.examples().size()
                        + " kept");
        notes.addAll(written.funnel().lines());
        notes.forEach(display::note);
        if (written.examples().isEmpty()) {
            throw new UsageException(
                    "replay."
                            + name
                            + ": no text passed all filters; "
                            + String.join("; ", written.funnel().lines()));
        }
        written.save(Path.of(config.outputDir).resolve("generated.jsonl"));
        List<TrainRow> rows = new ArrayList<>();
        for (PseudoExample one : written.examples()) {
            rows.addAll(
                    encoding.encoder()
                            .encode(example(one.instruction(), one.input(), one.answer(), plain)));
        }
        return TrainingData.source(config, EncodedDataset.of(rows), 0);
    }

    private Path folder() {
        return section.generationCache == null
                ? Path.of(config.outputDir).resolve("generated")
                : Path.of(section.generationCache);
    }
}
