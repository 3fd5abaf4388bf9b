package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Draws against CPython's; origin in golden/tasks/README.md. */
class PythonRandomTest {

    private static int[] ints(JsonNode node) {
        return IntStream.range(0, node.size()).map(i -> node.get(i).asInt()).toArray();
    }

    @Test
    void drawsWhatPythonDrawsInTheSameOrder() throws IOException {
        JsonNode wanted =
                new ObjectMapper()
                        .readTree(Path.of("src/test/resources/golden/tasks/metrics.json").toFile())
                        .get("python_random_in_this_order");
        PythonRandom random = new PythonRandom(wanted.get("seed").asLong());
        for (JsonNode value : wanted.get("random")) {
            assertThat(random.random()).isEqualTo(value.asDouble());
        }
        for (JsonNode value : wanted.get("randrange_100")) {
            assertThat(random.below(100)).isEqualTo(value.asInt());
        }
        for (JsonNode drawn : wanted.get("sample_range50_5")) {
            assertThat(random.sample(50, 5)).isEqualTo(ints(drawn));
        }
        assertThat(random.sample(10, 8)).isEqualTo(ints(wanted.get("sample_range10_8")));
        assertThat(random.choices(20, 6)).isEqualTo(ints(wanted.get("choices_range20_6")));
        List<Integer> list = new ArrayList<>(IntStream.range(0, 12).boxed().toList());
        random.shuffle(list);
        assertThat(list.stream().mapToInt(i -> i).toArray())
                .isEqualTo(ints(wanted.get("shuffle_range12")));
        assertThat(random.bits(40)).isEqualTo(wanted.get("getrandbits_40").asLong());
    }

    /** From CPython 3.11: {@code random.Random(s).sample(range(1000), 24)[-2:]} and so on. */
    @Test
    void seedsOfTwoWordsAndLongSamplesAreThoseOfPythonToo() {
        assertThat(new PythonRandom(1L << 40).random()).isEqualTo(0.1036394562812375);
        assertThat(new PythonRandom(-7).random()).isEqualTo(new PythonRandom(7).random());
        int[] many = new PythonRandom(5).sample(277, 24);
        assertThat(new int[] {many[0], many[22], many[23]}).isEqualTo(new int[] {130, 195, 204});
        int[] more = new PythonRandom(5).sample(278, 24);
        assertThat(new int[] {more[0], more[22], more[23]}).isEqualTo(new int[] {130, 71, 227});
    }

    @Test
    void wrongRequestsAreRefused() {
        PythonRandom random = new PythonRandom(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> random.sample(3, 4))
                .withMessageContaining("4 different items of 3");
        assertThatIllegalArgumentException().isThrownBy(() -> random.below(0));
        assertThatIllegalArgumentException().isThrownBy(() -> random.bits(64));
        assertThatIllegalArgumentException().isThrownBy(() -> random.choices(0, 1));
    }
}
