package org.retain4j.merging;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The value of a parameter in a plan, which may differ by place and by name of a tensor. */
sealed interface PlanValue {

    /** Returns the value at a tensor, null if the plan has none for it. */
    @Nullable Double at(String tensor, double place);

    /** A gradient: values at equal distances from place 0 to 1, a line between them. */
    record Gradient(List<Double> points) implements PlanValue {
        @Override
        public Double at(String tensor, double place) {
            double position = place * (points.size() - 1);
            int left = (int) Math.min(Math.floor(position), points.size() - 1);
            int right = Math.min(left + 1, points.size() - 1);
            double share = position - left;
            return (1 - share) * points.get(left) + share * points.get(right);
        }
    }

    /**
     * A value for the tensors whose name contains a text.
     *
     * @param filter the text; {@code *} fits all
     */
    record Filtered(String filter, PlanValue value) {
        boolean fits(String tensor) {
            return filter.equals("*") || tensor.contains(filter);
        }
    }

    /** The first value whose filter fits. */
    record Choice(List<Filtered> cases) implements PlanValue {
        @Override
        public @Nullable Double at(String tensor, double place) {
            for (Filtered one : cases) {
                if (one.fits(tensor)) {
                    return one.value().at(tensor, place);
                }
            }
            return null;
        }
    }

    /** Reads a value. */
    static PlanValue read(String key, PlanNode node) throws MergeException {
        Double number = node.number();
        if (number != null) {
            return new Gradient(List.of(number));
        }
        if (node.kind() == PlanNode.Kind.MAPPING) {
            throw node.error(
                    "the value of "
                            + key
                            + " is a mapping; put filters into a list, as in [{filter: mlp, value:"
                            + " 0.5}, {value: 1}]");
        }
        if (node.kind() == PlanNode.Kind.SCALAR || node.items().isEmpty()) {
            throw node.error(
                    key
                            + " is "
                            + (node.text().isEmpty() ? "empty" : node.text())
                            + "; expected a number, true, false, a list of numbers or a list of"
                            + " filters");
        }
        List<Double> points = new ArrayList<>();
        List<Filtered> cases = new ArrayList<>();
        for (PlanNode item : node.items()) {
            Double point = item.number();
            if (point != null) {
                points.add(point);
                continue;
            }
            item.requireKeys("a value of " + key, Set.of("filter", "value"));
            PlanNode filter = item.find("filter");
            PlanNode value = item.find("value");
            if (value == null) {
                throw item.error("a filter of " + key + " has no value");
            }
            String text = filter == null ? "*" : filter.requireText("the filter of " + key);
            cases.add(new Filtered(text, read(key, value)));
        }
        if (!points.isEmpty() && !cases.isEmpty()) {
            throw node.error(
                    key + " mixes numbers with filters; give numbers the form {value: 0.5}");
        }
        return cases.isEmpty() ? new Gradient(List.copyOf(points)) : new Choice(List.copyOf(cases));
    }
}
