package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;

/** Plans over the embedded model and a copy whose weights are doubled. */
class MergeCommandTest {

    @TempDir Path folder;
    private Path base;
    private Path plan;

    @BeforeEach
    void write() throws IOException {
        base = Files.createDirectory(folder.resolve("base"));
        Pretrained.writeEmbedded(base);
        try (CausalLm model = Pretrained.load(base);
                Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                parameter.value().detach().addInPlace(parameter.value().detach().copy(), 1);
            }
            model.save(folder.resolve("doubled"));
        }
        plan = folder.resolve("plan.yaml");
        Files.writeString(
                plan,
                """
                merge_method: linear
                models:
                  - model: base
                    parameters: {weight: 1}
                  - model: doubled
                    parameters: {weight: 3}
                dtype: float32
                """);
    }

    private Invocation merge(String... more) {
        String[] all = new String[more.length + 1];
        all[0] = "merge";
        System.arraycopy(more, 0, all, 1, more.length);
        return Invocation.of(all);
    }

    @Test
    void writesTheWeightedMeanAndCanCheckIt() throws IOException {
        Path out = folder.resolve("out");

        Invocation run = merge(plan.toString(), out.toString(), "--root", folder.toString());

        assertThat(run.exit()).as(run.err()).isZero();
        try (CausalLm merged = Pretrained.load(out);
                CausalLm model = Pretrained.load(base)) {
            float[] found = merged.parameter("model.norm.weight").value().toFloatArray();
            float[] before = model.parameter("model.norm.weight").value().toFloatArray();
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).isCloseTo(1.75f * before[i], within(1e-5f));
            }
        }
        assertThat(merge("--verify", out.toString()).exit()).isZero();
        Path weights = out.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 1] ^= 1;
        Files.write(weights, bytes);
        Invocation damaged = merge("--verify", out.toString());
        assertThat(damaged.exit()).isEqualTo(1);
        assertThat(damaged.err()).contains("other weights than were written");
    }

    @Test
    void mistakesAreNamed() throws IOException {
        assertThat(merge().err()).contains("PLAN.yaml and OUT are needed");
        assertThat(merge("no.yaml", "out").err()).contains("no.yaml does not exist");
        Files.writeString(plan, "merge_metod: linear\nmodels: [{model: base}]\n");
        Invocation typo = merge(plan.toString(), folder.resolve("out").toString());
        assertThat(typo.exit()).isNotZero();
        assertThat(typo.err()).contains("merge_metod", "merge_method");
        assertThat(folder.resolve("out")).doesNotExist();
    }
}
