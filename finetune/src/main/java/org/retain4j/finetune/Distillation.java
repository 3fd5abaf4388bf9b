package org.retain4j.finetune;

import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Tensor;

/** A loss that keeps the model's predictions close to those of a teacher on the same tokens. */
public interface Distillation extends Stateful {

    /** Returns the teacher; it is only read. */
    CausalLm teacher();

    /**
     * Adds the gradient of the loss to the chunk's and returns the loss, weighted and summed.
     *
     * @param teacherLogits the teacher's scores at the same positions
     * @return one element
     */
    Tensor accumulate(LogitChunk chunk, Tensor teacherLogits);

    /**
     * Puts the teacher into the state in which it teaches, until the result is closed: nothing
     * unless the teacher is the trained model itself with its adapters turned off.
     */
    default Teaching teaching() {
        return () -> {};
    }

    /** A time in which a model is the teacher. */
    interface Teaching extends AutoCloseable {
        /** Ends it. */
        @Override
        void close();
    }
}
