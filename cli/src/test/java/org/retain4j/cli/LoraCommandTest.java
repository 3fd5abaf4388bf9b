package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.lora.Lora;
import org.retain4j.lora.LoraConfig;

/** The commands on adapters of the embedded model, whose B matrices are random instead of 0. */
class LoraCommandTest {

    private static final int[] IDS = {1, 403, 407, 261, 378, 410};

    @TempDir Path folder;
    private Path base;
    private Path adapter;

    @BeforeEach
    void write() throws IOException {
        base = folder.resolve("base");
        Files.createDirectory(base);
        Pretrained.writeEmbedded(base);
        adapter = adapter("adapter", 3);
    }

    private Path adapter(String name, long seed) throws IOException {
        Path target = folder.resolve(name);
        try (CausalLm model = Pretrained.load(base);
                Lora lora = Lora.attach(model, LoraConfig.rank(2).targets("all-linear"))) {
            try (Scope scope = Scope.open()) {
                for (Parameter parameter : lora.parameters()) {
                    if (parameter.name().contains("lora_B")) {
                        parameter
                                .value()
                                .detach()
                                .copyInPlace(
                                        Random.at(seed, 0, parameter.name())
                                                .normal(0.05, parameter.value().shape()));
                    }
                }
            }
            lora.save(target);
        }
        return target;
    }

    private double[] scores(Path model, Path... adapters) throws IOException {
        try (CausalLm loaded = Pretrained.load(model)) {
            if (adapters.length == 0) {
                return loaded.tokenLogProbs(TokenBatch.of(IDS))[0];
            }
            try (Lora lora = Lora.load(loaded, adapters[0])) {
                return loaded.tokenLogProbs(TokenBatch.of(IDS))[0];
            }
        }
    }

    private static void assertClose(double[] actual, double[] expected, double tolerance) {
        for (int i = 1; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(tolerance));
        }
    }

    private Invocation lora(String... words) {
        String[] all = new String[words.length + 1];
        all[0] = "lora";
        for (int i = 0; i < words.length; i++) {
            all[i + 1] =
                    words[i].replace("BASE", base.toString())
                            .replace("ADAPTER", adapter.toString())
                            .replace("OUT", folder.resolve("out").toString());
        }
        return Invocation.of(all);
    }

    @Test
    void mergesExtractsAndDescribes() throws IOException {
        Invocation merge = lora("merge", "BASE", "ADAPTER", "OUT");

        assertThat(merge.exit()).as(merge.err()).isZero();
        Path merged = folder.resolve("out");
        double[] expected = scores(base, adapter);
        assertThat(expected[3]).isNotCloseTo(scores(base)[3], within(1e-2));
        assertClose(scores(merged), expected, 1e-4);

        Path extracted = folder.resolve("extracted");
        Invocation extract =
                lora("extract", "BASE", merged.toString(), extracted.toString(), "--rank", "2");
        assertThat(extract.exit()).as(extract.err()).isZero();
        assertThat(extract.out()).contains("35 modules, residual 0.000");
        assertClose(scores(base, extracted), expected, 1e-3);

        Invocation info = lora("info", extracted.toString());
        assertThat(info.out()).contains("modules      35", "q_proj", "rank 2");
        JsonNode json =
                new ObjectMapper().readTree(lora("info", extracted.toString(), "--json").out());
        assertThat(json.get("modules")).hasSize(35);

        Invocation intruders = lora("intruders", "BASE", merged.toString(), "--leading", "4");
        assertThat(intruders.exit()).as(intruders.err()).isZero();
        assertThat(intruders.out()).contains("intruders in 35 matrices");
    }

    @Test
    void combinesTheSumOfProducts() throws IOException {
        Path other = adapter("other", 4);
        Path both = folder.resolve("both");

        Invocation combine =
                lora(
                        "combine",
                        "BASE",
                        both.toString(),
                        "--adapter",
                        "ADAPTER=0.5",
                        "--adapter",
                        other + "=0.25",
                        "--type",
                        "cat");

        assertThat(combine.exit()).as(combine.err()).isZero();
        assertThat(combine.out()).contains("rank 4");
        double[] expected;
        try (CausalLm model = Pretrained.load(base);
                Lora lora = Lora.load(model, adapter)) {
            lora.load("other", other);
            lora.activate(Map.of("default", 0.5, "other", 0.25));
            expected = model.tokenLogProbs(TokenBatch.of(IDS))[0];
        }
        assertClose(scores(base, both), expected, 1e-4);
    }

    @Test
    void anAdapterOfAnotherBaseIsRefusedByItsNameUnlessThatIsAllowed() throws IOException {
        Path config = adapter.resolve("adapter_config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace(
                                "\"base_model_name_or_path\": null",
                                "\"base_model_name_or_path\": \"some/other-model\""));
        List<String> words =
                List.of("generate", "--model", base.toString(), "--adapter", adapter.toString());
        List<String> all = new ArrayList<>(words);
        all.addAll(List.of("--prompt", "Once", "--max-new-tokens", "2"));
        Invocation refused = Invocation.of(all.toArray(String[]::new));
        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err().strip().lines()).hasSize(1);
        assertThat(refused.err()).contains("was made for some/other-model", "--any-base");
        all.add("--any-base");
        Invocation allowed = Invocation.of(all.toArray(String[]::new));
        assertThat(allowed.exit()).as(allowed.err()).isZero();
        Invocation merge = lora("merge", "BASE", "ADAPTER", "OUT");
        assertThat(merge.err()).contains("was made for some/other-model", "--any-base");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    merge BASE no-such OUT                                | no-such
                    merge no/such/base ADAPTER OUT                        | does not exist
                    merge BASE ADAPTER BASE                               | not empty
                    merge BASE ADAPTER OUT --dtype f64                    | --dtype must be f32, f16 or bf16
                    extract BASE BASE OUT                                 | differ
                    extract BASE BASE OUT --rank 0                        | --rank must be at least 1
                    combine BASE OUT --adapter ADAPTER=x                  | needs DIR=WEIGHT with a number
                    combine BASE OUT --adapter ADAPTER --type tie         | unknown combination
                    combine BASE OUT --adapter ADAPTER --density 2 --type ties | density must be
                    info BASE                                             | adapter_config.json
                    inf ADAPTER                                           | unknown command inf; did you mean info?
                    """)
    void mistakesAreNamed(String words, String message) throws IOException {
        Invocation run = lora(words.split("\\s+"));

        assertThat(run.exit()).isNotZero();
        assertThat(run.err()).contains(message).doesNotContain("\tat ");
        assertThat(run.err().strip().lines()).hasSize(1);
        assertThat(Files.exists(folder.resolve("out"))).isFalse();
    }
}
