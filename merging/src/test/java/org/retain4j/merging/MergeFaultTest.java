package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Merges that are killed, run out of disk, or get models and plans that somebody broke. */
class MergeFaultTest {

    private static final long LIMIT_SECONDS = 120;

    @TempDir Path folder = Path.of("");

    private static List<String> visible(Path out) throws IOException {
        if (!Files.exists(out)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(out)) {
            return all.map(file -> file.getFileName().toString())
                    .filter(name -> !name.startsWith("."))
                    .sorted()
                    .toList();
        }
    }

    /** Returns the staged weight files that are finished, with the time at which they were. */
    private static Map<String, FileTime> finished(Path out) throws IOException {
        Map<String, FileTime> times = new HashMap<>();
        if (!Files.exists(out)) {
            return times;
        }
        try (Stream<Path> all = Files.walk(out)) {
            for (Path file : all.filter(p -> p.toString().endsWith(".safetensors.json")).toList()) {
                times.put(file.getFileName().toString(), Files.getLastModifiedTime(file));
            }
        }
        return times;
    }

    private static String hash(Path model) throws IOException {
        try (Weights weights = Weights.ofModel(model)) {
            return ModelFolder.hashOfTensors(weights);
        }
    }

    @Test
    void aKilledProcessLeavesNothingVisibleAndItsFinishedFilesAreTakenOver()
            throws IOException, InterruptedException {
        Path straight = folder.resolve("straight");
        KilledMerge.merge().run(straight);
        Path out = folder.resolve("out");
        Path output = folder.resolve("output.txt");
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                KilledMerge.class.getName(),
                                out.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            while (finished(out).size() < 2) {
                assertThat(process.isAlive()).as(Files.readString(output)).isTrue();
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.sleep(1);
            }
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(visible(out)).isEmpty();
        int before = finished(out).size();
        List<Integer> staged = new ArrayList<>();
        KilledMerge.merge()
                .threads(1)
                .progress(
                        (done, total) -> {
                            try {
                                staged.add(finished(out).size());
                            } catch (IOException e) {
                                throw new IllegalStateException(e);
                            }
                        })
                .run(out);
        assertThat(staged.get(0)).isEqualTo(before);
        assertThat(visible(out)).isEqualTo(visible(straight));
        assertThat(hash(out)).isEqualTo(hash(straight));
        Merge.verify(out);
        assertThat(out).isDirectoryNotContaining("glob:**/.retain4j*");
    }

    @Test
    void finishedFilesAreNotWrittenAgain() throws IOException {
        Path out = folder.resolve("out");
        assertThatThrownBy(
                        () ->
                                KilledMerge.merge()
                                        .threads(1)
                                        .progress((done, total) -> stopAfterTwo(out))
                                        .run(out))
                .hasMessage("stop");
        Map<String, FileTime> before = finished(out);
        assertThat(before).hasSizeGreaterThanOrEqualTo(2);
        Map<String, FileTime> last = new HashMap<>();
        KilledMerge.merge()
                .threads(1)
                .progress(
                        (done, total) -> {
                            try {
                                last.putAll(finished(out));
                            } catch (IOException e) {
                                throw new IllegalStateException(e);
                            }
                        })
                .run(out);
        assertThat(last).containsAllEntriesOf(before);
    }

    private static void stopAfterTwo(Path out) {
        try {
            if (finished(out).size() >= 2) {
                throw new IllegalStateException("stop");
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aFullDiskIsNamedAndTheMergeGoesOnWhenThereIsRoom()
            throws IOException, InterruptedException {
        Path disk = Files.createDirectory(folder.resolve("disk"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk.toString()) == 0,
                "this user may not mount a small file system");
        try {
            Path out = disk.resolve("out");
            assertThatThrownBy(() -> KilledMerge.merge().run(out))
                    .isInstanceOf(IOException.class)
                    .hasMessageContainingAll("is full", "free space");
            assertThat(visible(out)).isEmpty();
            int kept = finished(out).size();
            assertThat(run("mount", "-o", "remount,size=2m", disk.toString())).isZero();
            KilledMerge.merge().run(out);
            Merge.verify(out);
            assertThat(kept).isPositive();
        } finally {
            assertThat(run("umount", disk.toString())).isZero();
        }
    }

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }

    private Merge linear(String... models) throws MergeException {
        StringBuilder plan = new StringBuilder("merge_method: linear\nmodels:\n");
        for (String model : models) {
            plan.append("- {model: \"").append(model).append("\", parameters: {weight: 1}}\n");
        }
        return Merge.of(MergePlan.parse("plan", plan.toString())).root(folder);
    }

    private void refused(Merge merge, String... parts) throws IOException {
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> merge.run(out))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(parts);
        assertThat(visible(out)).isEmpty();
    }

    @Test
    void brokenWeightFilesAreNamed() throws IOException {
        String name = "model.norm.weight";
        Fixtures.model(folder.resolve("a"), Map.of(name, new float[8]));
        Path broken = Fixtures.model(folder.resolve("b"), Map.of(name, new float[8]));
        Path file = broken.resolve("model.safetensors");
        long length = Files.size(file);
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.setLength(length - 3);
        }
        refused(linear("a", "b"), file.toString());
        Files.write(file, new byte[] {1, 2, 3});
        refused(linear("a", "b"), file.toString());
        Files.delete(file);
        refused(linear("a", "b"), broken.toString());
    }

    @Test
    void numbersThatAreNoneAreNamed() throws IOException {
        String name = "model.norm.weight";
        Fixtures.model(folder.resolve("a"), Map.of(name, new float[8]));
        float[] values = new float[8];
        values[5] = Float.NaN;
        Path bad = Fixtures.model(folder.resolve("b"), Map.of(name, values));
        refused(linear("a", "b"), name, bad.toString(), "element 5", "NaN");
        values[5] = Float.NEGATIVE_INFINITY;
        Fixtures.model(folder.resolve("b"), Map.of(name, values));
        refused(linear("a", "b"), name, bad.toString(), "element 5", "-Infinity");
        Fixtures.model(folder.resolve("b"), Map.of(name, new float[] {0, 1e38f, 0, 0, 0, 0, 0, 0}));
        MergePlan plan =
                MergePlan.parse(
                        "plan",
                        """
                        merge_method: linear
                        models: [{model: b, parameters: {weight: 1}}]
                        out_dtype: float16
                        """);
        refused(Merge.of(plan).root(folder), name, "float16");
    }

    @Test
    void tensorsOfOtherKindsAreNamed() throws IOException {
        Fixtures.model(folder.resolve("a"), Map.of("model.norm.weight", new float[8]));
        Fixtures.model(folder.resolve("b"), Map.of("model.norm.weight", new float[6]));
        Fixtures.model(folder.resolve("c"), Map.of("model.norm_2.weight", new float[8]));
        refused(linear("a", "b"), "model.norm.weight", "[8]", "[6]");
        refused(linear("a", "c"), "c has no tensor model.norm.weight");
    }

    @Test
    void pathsThatLeadOutOfAModelAreRefused() throws IOException {
        Fixtures.model(folder.resolve("a"), Map.of("model.norm.weight", new float[8]));
        Path tricky =
                Fixtures.model(folder.resolve("b"), Map.of("model.norm.weight", new float[8]));
        Files.move(tricky.resolve("model.safetensors"), folder.resolve("outside.safetensors"));
        Files.writeString(
                tricky.resolve("model.safetensors.index.json"),
                "{\"weight_map\": {\"model.norm.weight\": \"../outside.safetensors\"}}");
        refused(linear("a", "b"), "index.json", "outside.safetensors");
        refused(linear("a", "nul\\0byte"), "nul");
    }

    @Test
    void memoryThatDoesNotSufficeIsRefusedBeforeAnythingIsWritten() throws IOException {
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> KilledMerge.merge().memory(1 << 20).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContainingAll("bytes of memory", "allow more");
        assertThat(out).doesNotExist();
    }

    @Test
    void theNumberOfThreadsChangesNothing() throws IOException {
        Path one = folder.resolve("one");
        Path many = folder.resolve("many");
        KilledMerge.merge().threads(1).run(one);
        KilledMerge.merge().threads(7).maxShardBytes(1 << 30).run(many);
        assertThat(hash(many)).isEqualTo(hash(one));
    }

    @Test
    void otherFilesOfTheFolderAreCheckedToo() throws IOException {
        Path out = folder.resolve("out");
        KilledMerge.merge().run(out);
        Merge.verify(out);
        Files.writeString(out.resolve("config.json"), "{}");
        assertThatThrownBy(() -> Merge.verify(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContainingAll("config.json", "merge again");
        assertThat(Files.readString(out.resolve("README.md")))
                .startsWith("---\nbase_model:\n- \"base\"\n")
                .contains("dare_ties", "seed: 3");
    }
}
