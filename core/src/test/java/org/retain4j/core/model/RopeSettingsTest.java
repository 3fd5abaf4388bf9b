package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.nn.Rotary;

/** Frequencies of transformers for many rope settings; see golden/rope/README.md. */
class RopeSettingsTest {

    private static final Path FILE = Path.of("src/test/resources/golden/rope/frequencies.json");

    private record Case(JsonNode json) {
        @Override
        public String toString() {
            return json.get("name").asText();
        }
    }

    static Stream<Case> cases() throws IOException {
        List<Case> cases = new ArrayList<>();
        new ObjectMapper().readTree(FILE.toFile()).forEach(node -> cases.add(new Case(node)));
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void frequenciesEqualTheReference(Case one) throws IOException {
        JsonNode json = one.json();
        DecoderSpec spec = spec(json);
        int which = json.get("layer").asText().equals("sliding_attention") ? 1 : 0;
        Rotary.Spec rotary = spec.rotaries().get(which);
        float[] found =
                rotary.scaling()
                        .inverseFrequencies(
                                rotary.dims(), rotary.theta(), json.get("length").asLong());
        JsonNode expected = json.get("inv_freq");
        assertThat(found).hasSize(expected.size());
        for (int i = 0; i < found.length; i++) {
            double wanted = expected.get(i).asDouble();
            assertThat((double) found[i])
                    .as("frequency %d", i)
                    .isCloseTo(wanted, within(1e-6 * wanted));
        }
        double factor = json.get("attention_factor").asDouble();
        assertThat(rotary.scaling().attentionFactor()).isCloseTo(factor, within(1e-9));
    }

    @Test
    void rowsOfOneLengthClassShareTheirFrequencies() throws IOException {
        for (Case one : (Iterable<Case>) cases()::iterator) {
            Rotary.Spec rotary = spec(one.json()).rotaries().get(0);
            for (long a : new long[] {1, 63, 64, 65, 99, 4096, 4097}) {
                for (long b : new long[] {2, 64, 65, 100, 4096, 4098}) {
                    if (rotary.scaling().lengthClass(a) == rotary.scaling().lengthClass(b)) {
                        assertThat(frequencies(rotary, a))
                                .as("%s", one)
                                .isEqualTo(frequencies(rotary, b));
                    }
                }
            }
        }
    }

    private static float[] frequencies(Rotary.Spec rotary, long length) {
        return rotary.scaling().inverseFrequencies(rotary.dims(), rotary.theta(), length);
    }

    private static DecoderSpec spec(JsonNode json) throws IOException {
        return Pretrained.spec(ModelConfig.parse("test", json.get("config").toString()));
    }
}
