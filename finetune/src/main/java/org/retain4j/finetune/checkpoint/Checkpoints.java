package org.retain4j.finetune.checkpoint;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * The checkpoints of a run: folders {@code checkpoint-STEP} that are whole or not there.
 *
 * <p>One holds the model as a Hugging Face folder, or of a model with adapters only their weights
 * ({@code adapter.safetensors}), {@code optimizer.safetensors}, {@code plugins.safetensors} where a
 * plug-in keeps tensors, and {@code state.json} with step, settings, numbers and the SHA-256 of
 * every file. It is written under a temporary name, stored on disk (fsync) and renamed. Not safe
 * for concurrent use on one folder.
 */
public final class Checkpoints {

    private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})");
    private static final String TEMPORARY = ".checkpoint-";

    private Checkpoints() {}

    /** Returns the checkpoints of a run folder, oldest step first; none if there is no folder. */
    public static List<Path> list(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(path -> step(path) >= 0 && Files.isDirectory(path))
                    .sorted(Comparator.comparingLong(Checkpoints::step))
                    .toList();
        }
    }

    /** Returns the checkpoint of the highest step, if there is one. */
    public static Optional<Path> latest(Path folder) throws IOException {
        List<Path> all = list(folder);
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    /** Returns the folder of a step's checkpoint, whether it is there or not. */
    public static Path of(Path folder, long step) {
        return folder.resolve("checkpoint-" + step);
    }

    private static long step(Path path) {
        Matcher matcher = NAME.matcher(String.valueOf(path.getFileName()));
        return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
    }

    /** Removes what a killed process left half written. */
    public static void removeUnfinished(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Path> unfinished;
        try (Stream<Path> entries = Files.list(folder)) {
            unfinished =
                    entries.filter(path -> String.valueOf(path.getFileName()).startsWith(TEMPORARY))
                            .toList();
        }
        for (Path path : unfinished) {
            Folders.delete(path);
        }
    }

    /**
     * Writes a checkpoint and removes those beyond the limit.
     *
     * @param bestStep step whose checkpoint is kept in any case, 0 for none
     * @return its folder
     * @throws IOException if it cannot be written; earlier checkpoints are then as they were
     */
    public static Path write(
            CheckpointOptions options, CausalLm model, RunState state, long bestStep)
            throws IOException {
        Path folder = options.folder();
        Path target = of(folder, state.step());
        Path temporary = folder.resolve(TEMPORARY + state.step() + "-" + UUID.randomUUID());
        try (Scope scope = Scope.open()) {
            Files.createDirectories(temporary);
            if (model.isAdapted()) {
                StateTensors.write(temporary.resolve(StateFile.ADAPTER_FILE), trained(model));
            } else {
                model.save(temporary);
            }
            StateFile.write(temporary, state);
            Folders.store(temporary);
            Path replaced = folder.resolve(TEMPORARY + "old-" + UUID.randomUUID());
            if (Files.exists(target)) {
                Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            Folders.store(folder);
            Folders.delete(replaced);
        } catch (IOException | RuntimeException | Error e) {
            try {
                Folders.delete(temporary);
            } catch (IOException left) {
                e.addSuppressed(left);
            }
            if (e instanceof FileSystemException plain) {
                String reason = plain.getReason();
                throw new IOException(
                        "Cannot write "
                                + target
                                + ": "
                                + (reason == null ? plain.toString() : reason)
                                + "; check the disk and folder",
                        plain);
            }
            throw e;
        }
        prune(options, state.step(), bestStep);
        return target;
    }

    /**
     * Reads a checkpoint into a model of the same shape.
     *
     * @param settings settings of the run that resumes, which must be those of the checkpoint
     * @return the state, its tensors on the CPU and in the caller's scope
     * @throws CheckpointException if it is missing or damaged, or of another run or model; the
     *     model is then as it was, unless the disk fails while the weights are read
     */
    public static RunState read(Path checkpoint, CausalLm model, Map<String, String> settings)
            throws CheckpointException {
        try {
            RunState state = StateFile.read(checkpoint, settings);
            loadWeights(checkpoint, model);
            return state;
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException("Cannot read " + checkpoint + ": " + e.getMessage(), e);
        }
    }

    /** Returns the weights of the adapters, all that training changes then. */
    private static Map<String, Tensor> trained(CausalLm model) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        model.trainable().forEach(parameter -> tensors.put(parameter.name(), parameter.value()));
        return tensors;
    }

    private static TensorSource weights(Path checkpoint, CausalLm model) throws IOException {
        return model.isAdapted()
                ? SafetensorsFile.open(checkpoint.resolve(StateFile.ADAPTER_FILE))
                : SafetensorsFolder.open(checkpoint);
    }

    private static void loadWeights(Path checkpoint, CausalLm model) throws IOException {
        List<Parameter> parameters = model.isAdapted() ? model.trainable() : model.parameters();
        try (TensorSource files = weights(checkpoint, model)) {
            for (Parameter parameter : parameters) {
                TensorInfo info = files.tensors().get(parameter.name());
                long[] shape = parameter.value().shape();
                if (info == null
                        || !info.equals(
                                new TensorInfo(
                                        info.name(),
                                        DType.FLOAT32,
                                        Arrays.stream(shape).boxed().toList(),
                                        info.begin(),
                                        info.byteCount()))) {
                    throw new CheckpointException(
                            checkpoint
                                    + " is of another model: "
                                    + parameter.name()
                                    + " is "
                                    + (info == null ? "missing" : info.dtype() + " " + info.shape())
                                    + " there and float32 "
                                    + Arrays.toString(shape)
                                    + " here");
                }
            }
            for (Parameter parameter : parameters) {
                try (Scope scope = Scope.open()) {
                    parameter
                            .value()
                            .detach()
                            .copyInPlace(StateTensors.read(files, files.tensor(parameter.name())));
                }
            }
        }
    }

    private static void prune(CheckpointOptions options, long step, long bestStep)
            throws IOException {
        if (options.saveTotalLimit() == 0) {
            return;
        }
        List<Path> done =
                list(options.folder()).stream().filter(path -> step(path) <= step).toList();
        List<Path> removable =
                done.stream().filter(path -> step(path) != step && step(path) != bestStep).toList();
        int surplus = Math.max(0, done.size() - options.saveTotalLimit());
        for (Path old : removable.subList(0, Math.min(surplus, removable.size()))) {
            // a deletion that is cut short must not leave something that looks like a checkpoint
            Path going = options.folder().resolve(TEMPORARY + "old-" + UUID.randomUUID());
            Files.move(old, going, StandardCopyOption.ATOMIC_MOVE);
            Folders.delete(going);
        }
    }
}
