package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** What holds for all adapters. */
class LoraProperties {

    private static final String MODULE = "model.layers.0.self_attn.q_proj";

    private static Path adapter(int rank, double alpha, long seed) throws IOException {
        Path folder = Files.createTempDirectory("adapter");
        try (Scope scope = Scope.open()) {
            Tensor a = Random.at(seed, 0, "a").normal(1, rank, 7);
            Tensor b = Random.at(seed, 0, "b").normal(1, 9, rank);
            Map<String, AdapterWriter.Value> values = new TreeMap<>();
            values.put(StoredAdapter.PREFIX + MODULE + ".lora_A.weight", () -> a);
            values.put(StoredAdapter.PREFIX + MODULE + ".lora_B.weight", () -> b);
            LoraConfig config = LoraConfig.rank(rank).alpha(alpha).targets(List.of("q_proj"));
            new AdapterWriter(config, false, values).write(folder);
        }
        return folder;
    }

    private static void delete(Path... folders) throws IOException {
        for (Path folder : folders) {
            Files.deleteIfExists(folder.resolve(ConfigFile.NAME));
            Files.deleteIfExists(folder.resolve(StoredAdapter.WEIGHTS));
            Files.deleteIfExists(folder);
        }
    }

    /** Concatenation is the exact weighted sum, and so is an SVD of full rank. */
    @Property(tries = 25)
    void combinationsOfFullRankAreWeightedSums(
            @ForAll @IntRange(min = 1, max = 5) int first,
            @ForAll @IntRange(min = 1, max = 5) int second,
            @ForAll @DoubleRange(min = -2, max = 2) double one,
            @ForAll @DoubleRange(min = -2, max = 2) double two,
            @ForAll long seed)
            throws IOException {
        Path a = adapter(first, 3, seed);
        Path b = adapter(second, 5, seed + 1);
        Path cat = Files.createTempDirectory("cat");
        Path svd = Files.createTempDirectory("svd");
        try {
            int rank = LoraCombine.as(LoraCombine.Type.CAT).add(a, one).add(b, two).run(cat);
            assertThat(rank).isEqualTo(first + second);
            LoraCombine.as(LoraCombine.Type.SVD).add(a, one).add(b, two).svdRank(7).run(svd);
            try (StoredAdapter left = StoredAdapter.open(a);
                    StoredAdapter right = StoredAdapter.open(b);
                    StoredAdapter both = StoredAdapter.open(cat);
                    StoredAdapter best = StoredAdapter.open(svd);
                    Scope scope = Scope.open()) {
                Tensor sum = left.delta(MODULE).mul(one).add(right.delta(MODULE).mul(two));
                Golden.assertClose(both.delta(MODULE), sum, 1e-3);
                Golden.assertClose(best.delta(MODULE), sum, 1e-3);
            }
        } finally {
            delete(a, b, cat, svd);
        }
    }

    /** A configuration is the same after it was written and read. */
    @Property(tries = 100)
    void configurationsSurviveTheirFile(
            @ForAll @IntRange(min = 1, max = 512) int rank,
            @ForAll @DoubleRange(min = -100, max = 100) double alpha,
            @ForAll @Size(max = 4) List<@AlphaChars @StringLength(min = 1, max = 9) String> names,
            @ForAll boolean rslora,
            @ForAll boolean dora)
            throws IOException {
        LoraConfig config =
                LoraConfig.rank(rank)
                        .alpha(alpha)
                        .targets(names.stream().distinct().sorted().toList())
                        .rslora(rslora)
                        .dora(dora)
                        .baseModel("org/näme");
        String text = ConfigFile.text(config, false);
        assertThat(text).doesNotContain("ä");
        assertThat(ConfigFile.parse("test", text).config()).isEqualTo(config);
    }

    /** A name fits a list when it is in it or ends with a dot and one of its entries. */
    @Property(tries = 200)
    void listsFitEndsOfNames(
            @ForAll @AlphaChars @StringLength(min = 1, max = 5) String name,
            @ForAll @AlphaChars @StringLength(min = 1, max = 5) String end) {
        Targets targets = Targets.of(List.of(end));
        assertThat(targets.isNamed("model." + end)).isTrue();
        assertThat(targets.isNamed(name)).isEqualTo(name.equals(end));
        assertThat(targets.isNamed("model." + name + end)).isFalse();
    }
}
