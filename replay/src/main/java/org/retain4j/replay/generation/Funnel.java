package org.retain4j.replay.generation;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What became of written examples, filter after filter.
 *
 * @param stages the filters in their order, with counts
 */
public record Funnel(List<Stage> stages) {

    /**
     * A filter with its counts.
     *
     * @param name name of the filter
     * @param in examples that came to it
     * @param out examples that it kept
     */
    public record Stage(String name, int in, int out) {}

    /** Copies the list. */
    public Funnel {
        stages = List.copyOf(stages);
    }

    /** Runs filters one after the other and writes their counts into a list. */
    static List<PseudoExample> run(
            List<PseudoExample> examples, List<ExampleFilter> filters, List<Stage> stages)
            throws IOException {
        List<PseudoExample> left = examples;
        for (ExampleFilter filter : filters) {
            List<PseudoExample> kept = filter.keep(left);
            stages.add(new Stage(filter.name(), left.size(), kept.size()));
            left = kept;
        }
        return left;
    }

    /** Returns the number of examples at the start. */
    public int written() {
        return stages.isEmpty() ? 0 : stages.get(0).in();
    }

    /** Returns the number of examples that all filters kept. */
    public int kept() {
        return stages.isEmpty() ? 0 : stages.get(stages.size() - 1).out();
    }

    /** Returns the report, a line a filter. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (Stage stage : stages) {
            lines.add(
                    String.format(
                            Locale.ROOT,
                            "%-12s %,6d in %,6d out",
                            stage.name(),
                            stage.in(),
                            stage.out()));
        }
        return lines;
    }
}
