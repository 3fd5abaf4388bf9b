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

    private Path text() throws IOException {
        String line = "Once upon a time there was a little dog. It was very happy and ran. ";
        return Files.writeString(folder.resolve("text.txt"), line.repeat(20));
    }

    @Test
    void fisherAndRegMeanMergeWithStatisticsOfTheModels() throws IOException {
        for (String kind : new String[] {"fisher", "gram"}) {
            for (String model : new String[] {"base", "doubled"}) {
                Invocation run =
                        merge(
                                "statistics",
                                "--model",
                                folder.resolve(model).toString(),
                                "--data",
                                text().toString(),
                                "--kind",
                                kind,
                                "--sequences",
                                "4",
                                "--max-length",
                                "32",
                                "--out",
                                folder.resolve(model + "-" + kind + ".safetensors").toString());
                assertThat(run.exit()).as(run.err()).isZero();
            }
        }
        for (String method : new String[] {"fisher", "regmean"}) {
            String kind = method.equals("fisher") ? "fisher" : "gram";
            Files.writeString(
                    plan,
                    """
                    merge_method: %s
                    models:
                      - model: base
                        parameters: {statistics: base-%s.safetensors}
                      - model: doubled
                        parameters: {statistics: doubled-%s.safetensors}
                    """
                            .formatted(method, kind, kind));
            Path out = folder.resolve("out-" + method);
            Invocation run = merge(plan.toString(), out.toString(), "--root", folder.toString());
            assertThat(run.exit()).as(run.err()).isZero();
            try (CausalLm merged = Pretrained.load(out);
                    CausalLm model = Pretrained.load(base)) {
                String name = "model.layers.1.mlp.down_proj.weight";
                float[] found = merged.parameter(name).value().toFloatArray();
                float[] before = model.parameter(name).value().toFloatArray();
                double share = 0;
                double length = 0;
                for (int i = 0; i < found.length; i++) {
                    share += (double) found[i] * before[i];
                    length += (double) before[i] * before[i];
                }
                assertThat(share / length).isBetween(1.0, 2.0);
            }
            assertThat(Files.readString(out.resolve("merge.json"))).contains("\"statistics\" : {");
        }
        Files.writeString(
                plan, "merge_method: fisher\nmodels: [{model: base}, {model: doubled}]\n");
        Path out = folder.resolve("out");
        Invocation run = merge(plan.toString(), out.toString(), "--root", folder.toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("needs statistics of base", "--kind fisher");
        assertThat(out.resolve("model.safetensors")).doesNotExist();
    }

    @Test
    void alignedModelsAreTheModelAndComputeTheSame() throws IOException {
        Path aligned = folder.resolve("aligned");
        Invocation run =
                merge(
                        "align",
                        base.toString(),
                        folder.resolve("doubled").toString(),
                        aligned.toString());
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("neurons moved", "1.0000 -> 1.0000");
        assertThat(aligned.resolve("model.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("doubled").resolve("model.safetensors"));
    }

    @Test
    void theReportTellsWhereModelsDifferAndCanBeLeftOut() throws IOException {
        Path out = folder.resolve("out");
        merge(plan.toString(), out.toString(), "--root", folder.toString(), "--threads", "1");
        String page = Files.readString(out.resolve("report.html"));
        assertThat(page).contains("<svg", "mlp.down_proj", "Share of elements that changed");
        assertThat(Files.readString(out.resolve("report.json"))).contains("\"delta_norms\"");
        Path without = folder.resolve("without");
        merge(plan.toString(), without.toString(), "--root", folder.toString(), "--no-report");
        assertThat(without.resolve("report.html")).doesNotExist();
        assertThat(without.resolve("model.safetensors"))
                .hasSameBinaryContentAs(out.resolve("model.safetensors"));
        assertThat(merge(plan.toString(), out.toString(), "--threads", "0").exit()).isEqualTo(2);
    }
}
