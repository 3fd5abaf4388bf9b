package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.recipe.SequenceConfig.BufferSection;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.checkpoint.StateTensors;
import org.retain4j.replay.PooledStates;
import org.retain4j.replay.buffer.Herding;
import org.retain4j.replay.buffer.ReplayBuffer;

/**
 * The bounded memory of a sequence of tasks: encoded rows of earlier tasks, in files beside each
 * task's results, so that a sequence goes on with the rows it had.
 */
final class SequenceMemory {

    private static final String STATE = "buffer.safetensors";
    private static final String HERD = "herd.jsonl";
    private static final int IGNORED = -100;
    private static final JsonMapper JSON = new JsonMapper();

    private final BufferSection section;
    private final long seed;

    SequenceMemory(BufferSection section, long seed) {
        this.section = section;
        this.seed = seed;
    }

    /**
     * Takes in the rows of a task that has ended.
     *
     * @param folders folders of all tasks so far, that of this task last
     * @param rows the rows of the task; packed ones are taken apart
     * @param model the model after the task, for herding
     */
    void add(List<Path> folders, List<TrainRow> rows, CausalLm model) throws IOException {
        Path own = folders.get(folders.size() - 1);
        int task = folders.size() - 1;
        List<TrainRow> examples = new ArrayList<>();
        rows.forEach(row -> unpack(row, examples));
        if (section.policy == BufferSection.Policy.HERDING) {
            float[][] features =
                    PooledStates.of(model, examples.stream().map(TrainRow::ids).toList());
            List<TrainRow> herd =
                    Herding.choose(features, section.capacity).stream().map(examples::get).toList();
            write(own.resolve(HERD), herd);
            for (int t = 0; t < folders.size(); t++) {
                List<String> lines = Files.readAllLines(folders.get(t).resolve(HERD));
                int share = Math.max(1, section.capacity / folders.size());
                AtomicFile.write(
                        own.resolve(file(t)),
                        String.join("\n", lines.subList(0, Math.min(share, lines.size()))) + "\n");
            }
            return;
        }
        ReplayBuffer buffer =
                new ReplayBuffer(
                        ReplayBuffer.Policy.valueOf(section.policy.name()), section.capacity, seed);
        if (task > 0) {
            load(buffer, folders.get(task - 1).resolve(STATE));
        }
        for (TrainRow row : examples) {
            buffer.add(row, task);
        }
        try (Scope saving = Scope.open()) {
            StateDict state = buffer.save();
            Map<String, String> numbers = new LinkedHashMap<>();
            state.numbers().forEach((name, value) -> numbers.put(name, String.valueOf(value)));
            StateTensors.write(own.resolve(STATE), state.tensors(), numbers);
        }
        for (int t = 0; t <= task; t++) {
            write(own.resolve(file(t)), buffer.rows(t));
        }
    }

    /** Returns the files of rows that a task reads, a file an earlier task that has rows left. */
    List<Path> files(Path before, int earlier) throws IOException {
        List<Path> files = new ArrayList<>();
        for (int t = 0; t < earlier; t++) {
            Path file = before.resolve(file(t));
            if (Files.isRegularFile(file) && Files.size(file) > 0) {
                files.add(file);
            }
        }
        return files;
    }

    private static String file(int task) {
        return "buffer-" + task + ".jsonl";
    }

    private static void load(ReplayBuffer buffer, Path file) throws IOException {
        try (SafetensorsFile stored = SafetensorsFile.open(file);
                Scope reading = Scope.open()) {
            Map<String, Long> numbers = new LinkedHashMap<>();
            stored.metadata().forEach((name, value) -> numbers.put(name, Long.parseLong(value)));
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (TensorInfo info : stored.tensors().values()) {
                tensors.put(info.name(), StateTensors.read(stored, info));
            }
            buffer.load(new StateDict(tensors, numbers));
        } catch (NumberFormatException e) {
            throw new IOException(file + " is damaged; remove the folder of its task", e);
        }
    }

    private static void unpack(TrainRow row, List<TrainRow> into) {
        int[] starts = row.starts();
        for (int i = 0; i < starts.length; i++) {
            int end = i + 1 < starts.length ? starts[i + 1] : row.ids().length;
            if (end - starts[i] > 1) {
                into.add(
                        new TrainRow(
                                Arrays.copyOfRange(row.ids(), starts[i], end),
                                Arrays.copyOfRange(row.weights(), starts[i], end),
                                false));
            }
        }
    }

    /** Writes rows as tokens with labels, which templates are part of. */
    static void write(Path file, List<TrainRow> rows) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (TrainRow row : rows) {
            ObjectNode line = JSON.createObjectNode();
            ArrayNode ids = line.putArray("input_ids");
            ArrayNode labels = line.putArray("labels");
            for (int t = 0; t < row.ids().length; t++) {
                ids.add(row.ids()[t]);
                labels.add(row.weights()[t] > 0 ? row.ids()[t] : IGNORED);
            }
            lines.append(JSON.writeValueAsString(line)).append('\n');
        }
        AtomicFile.write(file, lines.toString());
    }

    /** Returns the memory of a sequence; null when it keeps all rows. */
    static @Nullable SequenceMemory of(@Nullable BufferSection section, long seed) {
        return section == null ? null : new SequenceMemory(section, seed);
    }
}
