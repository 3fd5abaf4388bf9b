package org.retain4j.finetune.checkpoint;

import java.nio.file.Path;

/**
 * Where and how often a run is saved.
 *
 * <p>Immutable: {@code CheckpointOptions.in(folder).every(500).keep(2).data(hash)}. A run is also
 * saved after its last step.
 *
 * @param folder receives folders {@code checkpoint-STEP}; created when missing
 * @param saveSteps steps from one checkpoint to the next ({@code save_steps})
 * @param saveTotalLimit how many of the newest are kept, 0 for all ({@code save_total_limit})
 * @param onSaveError what a save that fails means for the run ({@code on_save_error})
 * @param dataHash text that tells the data from other data, such as a SHA-256; a resume with
 *     another one is refused
 */
public record CheckpointOptions(
        Path folder, long saveSteps, int saveTotalLimit, OnSaveError onSaveError, String dataHash) {

    /** What a save that fails, for example on a full disk, means for the run. */
    public enum OnSaveError {
        /** It stops; earlier checkpoints stay as they are. */
        STOP,
        /** It says so, goes on, and tries again at the next save. */
        CONTINUE
    }

    /**
     * Creates options.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public CheckpointOptions {
        if (saveSteps < 1) {
            throw new IllegalArgumentException("save_steps must be at least 1, is " + saveSteps);
        }
        if (saveTotalLimit < 0) {
            throw new IllegalArgumentException(
                    "save_total_limit must be 0 (keep all) or more, is " + saveTotalLimit);
        }
    }

    /** Returns the defaults of transformers: every 500 steps, all kept; a failed save stops. */
    public static CheckpointOptions in(Path folder) {
        return new CheckpointOptions(folder, 500, 0, OnSaveError.STOP, "");
    }

    /** Returns these options with another distance of checkpoints. */
    public CheckpointOptions every(long steps) {
        return new CheckpointOptions(folder, steps, saveTotalLimit, onSaveError, dataHash);
    }

    /** Returns these options with another number of checkpoints to keep, 0 for all. */
    public CheckpointOptions keep(int limit) {
        return new CheckpointOptions(folder, saveSteps, limit, onSaveError, dataHash);
    }

    /** Returns these options with another meaning of a save that fails. */
    public CheckpointOptions onSaveError(OnSaveError value) {
        return new CheckpointOptions(folder, saveSteps, saveTotalLimit, value, dataHash);
    }

    /** Returns these options for data with this hash. */
    public CheckpointOptions data(String hash) {
        return new CheckpointOptions(folder, saveSteps, saveTotalLimit, onSaveError, hash);
    }
}
