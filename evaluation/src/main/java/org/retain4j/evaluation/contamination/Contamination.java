package org.retain4j.evaluation.contamination;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.retain4j.evaluation.tasks.Item;
import org.retain4j.evaluation.tasks.Task;
import org.retain4j.evaluation.tasks.TaskData;
import org.retain4j.evaluation.tasks.TaskException;

/**
 * Finds evaluated items in training texts by 13-grams of words, as GPT-3's authors did (Brown et
 * al. 2020, arXiv:2005.14165, appendix C).
 *
 * <p>Words are lower-cased and lose their punctuation. An item is contaminated if {@value #WORDS}
 * words in a row of its question and right answer are also in a training text. An item with fewer
 * words, but at least {@value #SHORTEST}, must be there as a whole; a shorter one cannot be told
 * from ordinary language and is only counted. Memory grows with the items, not with the training
 * texts, which pass through word by word. N-grams are compared by hashes of 64 bits. For one
 * thread.
 */
public final class Contamination {

    /** Words of an n-gram. */
    public static final int WORDS = 13;

    /** Words of the shortest item that is looked for. */
    public static final int SHORTEST = 8;

    private static final Pattern LABEL_BEFORE = Pattern.compile("^\\s*(Question|Q):\\s*");
    private static final Pattern LABEL_BEHIND = Pattern.compile("\\s*(Answer|A):\\s*$");
    private static final long BASE = 0x9e3779b97f4a7c15L | 1;

    /** The items, by task; an item's place in {@link #items} is its number. */
    private final Map<String, List<Integer>> byTask;

    private final List<Watched> items;

    /** Hashes in ascending order, the item of each, and whether it was found. */
    private final long[] hashes;

    private final int[] owners;
    private final boolean[] found;
    private final int[] lengths;
    private final String[] sources;
    private long texts;

    private record Watched(String task, String id, int grams) {}

    private Contamination(Builder from) {
        byTask = from.byTask;
        items = List.copyOf(from.items);
        lengths = from.lengths.stream().mapToInt(Integer::intValue).toArray();
        sources = new String[items.size()];
        Integer[] order = IntStream.range(0, from.count).boxed().toArray(Integer[]::new);
        Arrays.sort(
                order,
                (a, b) -> {
                    int byHash = Long.compareUnsigned(from.hashes[a], from.hashes[b]);
                    return byHash != 0 ? byHash : Integer.compare(from.owners[a], from.owners[b]);
                });
        hashes = new long[order.length];
        owners = new int[order.length];
        for (int i = 0; i < order.length; i++) {
            hashes[i] = from.hashes[order[i]];
            owners[i] = from.owners[order[i]];
        }
        found = new boolean[order.length];
    }

    /** Starts with no items. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects the items to look for. For one thread. */
    public static final class Builder {
        private final Map<String, List<Integer>> byTask = new LinkedHashMap<>();
        private final List<Watched> items = new ArrayList<>();
        private final TreeSet<Integer> lengths = new TreeSet<>();
        private long[] hashes = new long[1024];
        private int[] owners = new int[1024];
        private int count;

        private Builder() {}

        /**
         * Adds an item.
         *
         * @param task name of its task
         * @param id tells it from others of the task
         * @param text what was evaluated: the question and the right answer
         */
        public Builder add(String task, String id, String text) {
            List<Long> words = new ArrayList<>();
            WordHashes splitter = new WordHashes(words::add);
            splitter.add(text);
            splitter.end();
            int length = Math.min(WORDS, words.size());
            int number = items.size();
            int first = count;
            if (length >= SHORTEST) {
                lengths.add(length);
                Windows windows =
                        new Windows(new int[] {length}, (hash, size) -> gram(hash, number, first));
                words.forEach(windows::word);
            }
            byTask.computeIfAbsent(task, t -> new ArrayList<>()).add(number);
            items.add(new Watched(task, id, count - first));
            return this;
        }

        /**
         * Adds the items of a task by their row numbers, without the labels of their prompts.
         *
         * @param limit only the first items, as {@code limit} of an evaluation; 0 for all. Of a
         *     task with subjects all are added
         * @throws TaskException if a row is not one of the task
         */
        public Builder add(Task task, TaskData data, int limit) throws TaskException {
            int end = data.rows().size();
            if (limit > 0 && !task.isGrouped()) {
                end = Math.min(limit, end);
            }
            for (int i = 0; i < end; i++) {
                Item item = task.item(data.rows().get(i));
                String question =
                        LABEL_BEHIND
                                .matcher(LABEL_BEFORE.matcher(item.question()).replaceFirst(""))
                                .replaceFirst("");
                add(task.name(), String.valueOf(i), question + " " + item.answer());
            }
            return this;
        }

        private void gram(long hash, int owner, int first) {
            for (int i = first; i < count; i++) {
                if (hashes[i] == hash) {
                    return;
                }
            }
            if (count == hashes.length) {
                hashes = Arrays.copyOf(hashes, 2 * count);
                owners = Arrays.copyOf(owners, 2 * count);
            }
            hashes[count] = hash;
            owners[count++] = owner;
        }

        /** Returns what looks for them. */
        public Contamination build() {
            return new Contamination(this);
        }
    }

    /** Takes the hash of every n-gram that ends at a word. */
    private interface Grams {
        void gram(long hash, int words);
    }

    /** Rolling hashes of the last words, for each length that is asked for. */
    private static final class Windows {
        private final int[] lengths;
        private final Grams grams;
        private final long[] recent = new long[WORDS];
        private final long[] rolling;
        private final long[] leaving;
        private long seen;

        Windows(int[] lengths, Grams grams) {
            this.lengths = lengths;
            this.grams = grams;
            rolling = new long[lengths.length];
            leaving = new long[lengths.length];
            for (int l = 0; l < lengths.length; l++) {
                leaving[l] = 1;
                for (int k = 0; k < lengths[l]; k++) {
                    leaving[l] *= BASE;
                }
            }
        }

        void word(long word) {
            for (int l = 0; l < lengths.length; l++) {
                int length = lengths[l];
                long old = seen < length ? 0 : recent[(int) ((seen - length) % WORDS)];
                rolling[l] = rolling[l] * BASE + word - old * leaving[l];
                if (seen + 1 >= length) {
                    grams.gram(rolling[l] + length, length);
                }
            }
            recent[(int) (seen++ % WORDS)] = word;
        }
    }

    /**
     * A training text that arrives in parts; nothing is found across two texts.
     *
     * <p>For one thread; close it to end the last word.
     */
    public final class Text implements AutoCloseable {
        private final WordHashes words;

        private Text(String source) {
            Windows windows = new Windows(lengths, (hash, size) -> mark(hash, source));
            words = new WordHashes(windows::word);
        }

        /** Takes the next part; a word may go on in the one after it. */
        public void add(CharSequence part) {
            words.add(part);
        }

        /** Ends a word. */
        public void endWord() {
            words.end();
        }

        @Override
        public void close() {
            words.end();
        }
    }

    /**
     * Begins a training text.
     *
     * @param source where it is from, such as {@code train.jsonl, text 17}
     */
    public Text begin(String source) {
        texts++;
        return new Text(source);
    }

    /** Looks into a training text. */
    public void look(String source, CharSequence text) {
        try (Text part = begin(source)) {
            part.add(text);
        }
    }

    private void mark(long hash, String source) {
        int low = 0;
        int high = hashes.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Long.compareUnsigned(hashes[middle], hash) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (int i = low; i < hashes.length && hashes[i] == hash; i++) {
            found[i] = true;
            if (sources[owners[i]] == null) {
                sources[owners[i]] = source;
            }
        }
    }

    /** Returns how many training texts were looked into. */
    public long texts() {
        return texts;
    }

    /** Returns what was found so far, the tasks in the order in which they were added. */
    public List<TaskContamination> found() {
        int[] matched = new int[items.size()];
        for (int i = 0; i < found.length; i++) {
            matched[owners[i]] += found[i] ? 1 : 0;
        }
        List<TaskContamination> all = new ArrayList<>();
        byTask.forEach(
                (task, numbers) -> {
                    List<ContaminatedItem> hit = new ArrayList<>();
                    int tooShort = 0;
                    for (int number : numbers) {
                        Watched item = items.get(number);
                        tooShort += item.grams() == 0 ? 1 : 0;
                        if (matched[number] > 0) {
                            hit.add(
                                    new ContaminatedItem(
                                            item.id(),
                                            matched[number],
                                            item.grams(),
                                            sources[number]));
                        }
                    }
                    all.add(new TaskContamination(task, numbers.size(), tooShort, hit));
                });
        return all;
    }
}
