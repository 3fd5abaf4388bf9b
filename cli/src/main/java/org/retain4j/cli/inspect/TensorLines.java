package org.retain4j.cli.inspect;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.retain4j.cli.inspect.ModelFacts.TensorFacts;

/** Puts tensors of the same name but for numbers, type and shape on one line. */
final class TensorLines {

    private static final int MAX_DIGITS = 9;

    /**
     * A line for one or more tensors.
     *
     * @param name name with the range of each number, for example {@code layers.0-29.mlp.weight}
     * @param count number of tensors
     * @param bytes size of all of them
     */
    record Line(String name, String dtype, List<Long> shape, int count, long bytes) {}

    private record Key(List<String> fixed, String dtype, List<Long> shape) {}

    private TensorLines() {}

    /** Returns the lines in the order of their first tensors. */
    static List<Line> summary(List<TensorFacts> tensors) {
        Map<Key, List<TensorFacts>> groups = new LinkedHashMap<>();
        for (TensorFacts tensor : tensors) {
            List<String> fixed =
                    parts(tensor).stream().map(part -> isNumber(part) ? "#" : part).toList();
            groups.computeIfAbsent(
                            new Key(fixed, tensor.dtype(), tensor.shape()), k -> new ArrayList<>())
                    .add(tensor);
        }
        return groups.values().stream().map(TensorLines::line).toList();
    }

    private static Line line(List<TensorFacts> group) {
        List<String> name = new ArrayList<>(parts(group.get(0)));
        for (int i = 0; i < name.size(); i++) {
            if (isNumber(name.get(i))) {
                TreeSet<Integer> numbers = new TreeSet<>();
                for (TensorFacts tensor : group) {
                    numbers.add(Integer.valueOf(parts(tensor).get(i)));
                }
                name.set(i, ranges(numbers));
            }
        }
        return new Line(
                String.join(".", name),
                group.get(0).dtype(),
                group.get(0).shape(),
                group.size(),
                group.stream().mapToLong(TensorFacts::bytes).sum());
    }

    private static String ranges(TreeSet<Integer> numbers) {
        List<String> ranges = new ArrayList<>();
        int first = numbers.first();
        int last = first;
        for (int number : numbers.tailSet(first, false)) {
            if (number != last + 1) {
                ranges.add(range(first, last));
                first = number;
            }
            last = number;
        }
        ranges.add(range(first, last));
        // With more gaps than can be read, the ends say enough beside the count.
        return ranges.size() <= 4
                ? String.join(",", ranges)
                : numbers.first() + ".." + numbers.last();
    }

    private static String range(int first, int last) {
        return first == last ? "" + first : first + "-" + last;
    }

    private static List<String> parts(TensorFacts tensor) {
        return List.of(tensor.name().split("\\.", -1));
    }

    private static boolean isNumber(String part) {
        return !part.isEmpty()
                && part.length() <= MAX_DIGITS
                && part.chars().allMatch(c -> c >= '0' && c <= '9');
    }
}
