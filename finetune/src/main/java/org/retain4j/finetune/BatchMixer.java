package org.retain4j.finetune;

/** Something that adds rows to the new data, for example replayed old data. */
public interface BatchMixer extends Stateful {

    /** Returns a source that mixes rows into those of the new data. */
    BatchSource mix(BatchSource newData);
}
