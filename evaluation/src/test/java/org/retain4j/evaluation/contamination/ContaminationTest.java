package org.retain4j.evaluation.contamination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ContaminationTest {

    private static String words(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> "w" + i).collect(Collectors.joining(" "));
    }

    private static TaskContamination look(String item, String... texts) {
        Contamination search = Contamination.builder().add("t", "7", item).build();
        for (int i = 0; i < texts.length; i++) {
            search.look("file, text " + (i + 1), texts[i]);
        }
        assertThat(search.texts()).isEqualTo(texts.length);
        List<TaskContamination> found = search.found();
        assertThat(found).hasSize(1);
        return found.get(0);
    }

    @Test
    void thirteenWordsInARowAreFoundAndTwelveAreNot() {
        TaskContamination found =
                look(words(0, 20), "x " + words(3, 15), "y " + words(3, 16) + " z");
        assertThat(found.items()).isEqualTo(1);
        assertThat(found.contaminated())
                .containsExactly(new ContaminatedItem("7", 1, 8, "file, text 2"));
        assertThat(found.contaminated().get(0).overlap()).isCloseTo(0.125, within(1e-12));
        assertThat(look(words(0, 20), words(0, 12)).contaminated()).isEmpty();
        assertThat(look(words(0, 20), words(0, 20)).contaminated().get(0).overlap()).isEqualTo(1);
    }

    @Test
    void nothingIsFoundAcrossTexts() {
        assertThat(look(words(0, 13), words(0, 7), words(7, 13)).contaminated()).isEmpty();
    }

    @Test
    void caseAndPunctuationDoNotMatter() {
        String item = "What is the largest ocean on Earth? It is the Pacific, of course, say all.";
        assertThat(
                        look(
                                        item,
                                        "so WHAT is the “largest” ocean on earth — it is the pacific of"
                                                + " course; say all")
                                .contaminated())
                .hasSize(1);
        assertThat(look("Ὀδυσσεύς α β γ δ ε ζ η", "ὈΔΥΣΣΕΎΣ α β γ δ ε ζ η").contaminated())
                .hasSize(1);
    }

    @Test
    void shortItemsMustBeThereAsAWholeAndVeryShortOnesAreCounted() {
        assertThat(look(words(0, 8), "a " + words(0, 8) + " b").contaminated()).hasSize(1);
        assertThat(look(words(0, 8), words(0, 7)).contaminated()).isEmpty();
        TaskContamination tiny = look(words(0, 7), words(0, 7));
        assertThat(tiny.contaminated()).isEmpty();
        assertThat(tiny.tooShort()).isEqualTo(1);
    }

    @Test
    void ideographsAreWords() {
        String item = "太平洋是地球上最大的海洋面积超过";
        assertThat(look(item, "我们知道" + item + "。").contaminated()).hasSize(1);
        assertThat(look(item, item.substring(4)).contaminated()).isEmpty();
    }

    /** Words are cut by the caller's buffers, never by the text. */
    @Test
    void partsOfATextJoin() {
        Contamination search = Contamination.builder().add("t", "1", words(0, 13)).build();
        try (Contamination.Text text = search.begin("s")) {
            for (char c : ("lead " + words(0, 13)).toCharArray()) {
                text.add(String.valueOf(c));
            }
        }
        assertThat(search.found().get(0).contaminated()).hasSize(1);
        Contamination ended = Contamination.builder().add("t", "1", words(0, 13)).build();
        try (Contamination.Text text = ended.begin("s")) {
            text.add("w0 w1 w2 w3 w4 w5 w");
            text.endWord();
            text.add("6 w7 w8 w9 w10 w11 w12");
        }
        assertThat(ended.found().get(0).contaminated()).isEmpty();
    }

    @Test
    void tasksKeepTheirOrderAndShareText() {
        Contamination search =
                Contamination.builder()
                        .add("b", "1", words(0, 14))
                        .add("a", "1", words(0, 14))
                        .add("b", "2", words(50, 64))
                        .build();
        search.look("s", words(0, 14));
        List<TaskContamination> found = search.found();
        assertThat(found.stream().map(TaskContamination::task)).containsExactly("b", "a");
        assertThat(found.get(0).items()).isEqualTo(2);
        assertThat(found.get(0).contaminated().stream().map(ContaminatedItem::item))
                .containsExactly("1");
        assertThat(found.get(1).contaminated()).hasSize(1);
    }
}
