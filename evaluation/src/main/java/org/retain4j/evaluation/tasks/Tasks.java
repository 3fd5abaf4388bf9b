package org.retain4j.evaluation.tasks;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The tasks that come with the library, by name. Stateless and thread-safe. */
public final class Tasks {

    private static final Map<String, Task> BY_NAME = byName();

    private Tasks() {}

    private static Map<String, Task> byName() {
        Map<String, Task> tasks = new TreeMap<>();
        Stream.of(MultipleChoiceTasks.all(), TextTasks.all(), GenerationTasks.all())
                .flatMap(List::stream)
                .forEach(task -> tasks.put(task.name(), task));
        return tasks;
    }

    /** Returns all names in alphabetical order. */
    public static List<String> names() {
        return List.copyOf(BY_NAME.keySet());
    }

    /** Returns a task, or nothing when there is none of that name. */
    public static Optional<Task> find(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /**
     * Returns {@code humaneval}, which is not among the {@link #names()}, since it runs programs
     * that the model wrote.
     */
    public static Task humaneval(CodeRunner runner) {
        return GenerationTasks.humaneval(runner);
    }
}
