package org.retain4j.finetune.checkpoint;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

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
 * @param best by which number the best weights are found and loaded after the run, or null to keep
 *     those of the last step ({@code load_best_model_at_end})
 */
public record CheckpointOptions(
        Path folder,
        long saveSteps,
        int saveTotalLimit,
        OnSaveError onSaveError,
        String dataHash,
        @Nullable Best best) {

    /**
     * What the best weights are.
     *
     * @param metric name of a result of evaluations, for example {@code eval_loss} ({@code
     *     metric_for_best_model})
     * @param greaterIsBetter whether a larger number is better ({@code greater_is_better})
     */
    public record Best(String metric, boolean greaterIsBetter) {

        /** Returns whether a number is better than the best one so far, which is NaN for none. */
        public boolean isBetter(double value, double best) {
            if (Double.isNaN(value) || Double.isNaN(best)) {
                return !Double.isNaN(value);
            }
            return greaterIsBetter ? value > best : value < best;
        }
    }

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
        return new CheckpointOptions(folder, 500, 0, OnSaveError.STOP, "", null);
    }

    /** Returns these options with another distance of checkpoints. */
    public CheckpointOptions every(long steps) {
        return new CheckpointOptions(folder, steps, saveTotalLimit, onSaveError, dataHash, best);
    }

    /** Returns these options with another number of checkpoints to keep, 0 for all. */
    public CheckpointOptions keep(int limit) {
        return new CheckpointOptions(folder, saveSteps, limit, onSaveError, dataHash, best);
    }

    /** Returns these options with another meaning of a save that fails. */
    public CheckpointOptions onSaveError(OnSaveError value) {
        return new CheckpointOptions(folder, saveSteps, saveTotalLimit, value, dataHash, best);
    }

    /** Returns these options for data with this hash. */
    public CheckpointOptions data(String hash) {
        return new CheckpointOptions(folder, saveSteps, saveTotalLimit, onSaveError, hash, best);
    }

    /**
     * Returns these options with the best weights loaded after the run.
     *
     * <p>A step whose evaluation is better than all before is saved too, whatever the distance of
     * checkpoints, and its checkpoint is kept beyond the limit.
     *
     * @param metric name of a result of evaluations, for example {@code eval_loss}
     * @param greaterIsBetter whether a larger number is better
     */
    public CheckpointOptions best(String metric, boolean greaterIsBetter) {
        return new CheckpointOptions(
                folder,
                saveSteps,
                saveTotalLimit,
                onSaveError,
                dataHash,
                new Best(metric, greaterIsBetter));
    }
}
