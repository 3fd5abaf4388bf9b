package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.List;

/** Keeps a part of written examples, judged without another model that grades them. */
public interface ExampleFilter {

    /** Returns the name that a report calls it. */
    String name();

    /** Returns those that stay, in their order. */
    List<PseudoExample> keep(List<PseudoExample> examples) throws IOException;
}
