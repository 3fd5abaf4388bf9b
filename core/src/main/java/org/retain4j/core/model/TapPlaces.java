package org.retain4j.core.model;

import java.util.List;
import org.retain4j.core.nn.DecoderBlock;
import org.retain4j.core.nn.Taps;

/** Where taps can stand in a model. */
record TapPlaces(DecoderSpec spec, List<DecoderBlock> blocks) {

    /**
     * Refuses taps that would never be asked.
     *
     * @throws IllegalArgumentException if there is no module of a tap's name, or none that shows
     *     its input
     */
    void requireModules(Taps taps) {
        DecoderSpec.Names names = spec.names();
        for (String module : taps.modules()) {
            boolean end = module.equals(names.embedding()) || module.equals(names.norm());
            if (end && taps.readsInput(module)) {
                throw new IllegalArgumentException(
                        "the input of "
                                + module
                                + " cannot be tapped; tap its output, or the input of "
                                + spec.blockName(0)
                                + " or output of "
                                + spec.blockName(blocks.size() - 1));
            }
            if (!end && blocks.stream().noneMatch(block -> block.hasModule(module))) {
                throw new IllegalArgumentException(
                        "the model has no module "
                                + module
                                + " to tap; modules are "
                                + names.embedding()
                                + ", "
                                + spec.blockName(0)
                                + " to "
                                + spec.blockName(blocks.size() - 1)
                                + ", their parts such as "
                                + blocks.get(0).linears().get(0).name()
                                + ", and "
                                + names.norm());
            }
        }
    }

    /** Returns the last block with a tap, −1 for none, or the number of blocks for the norm. */
    int lastTapped(Taps taps) {
        if (taps.isBelow(spec.names().norm())) {
            return blocks.size();
        }
        for (int i = blocks.size() - 1; i >= 0; i--) {
            if (taps.isBelow(blocks.get(i).name())) {
                return i;
            }
        }
        return -1;
    }
}
