package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextTableTest {
    @Test
    void alignsColumnsAndStaysNarrow() {
        String text = TextTable.render(Examples.eightMethods());
        assertThat(text.lines())
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(120));
        assertThat(text)
                .contains(
                        "EWC λ=0.3          3.04 [2.97, 3.11]  1.55 [1.49, 1.61]"
                                + "  +0.17 [+0.12, +0.22]  -0.54 [-0.59, -0.49]  42  4.2   66 k\n",
                        "Base model         4.69 [4.61, 4.77]  1.27 [1.22, 1.32]\n",
                        "lower is better",
                        "method has 901 k.",
                        "95 % interval");
        assertThat(text.replace('\n', ' '))
                .contains("6 of 7 other methods kept clearly more of the old text.");
    }

    @Test
    void longAndHostileTitlesNeitherBreakTheTableNorSteerTheTerminal() {
        String text =
                TextTable.render(
                        Examples.result(
                                Examples.plain(2.87, 2.09),
                                Examples.method(
                                        "x", "\u001b[2J\u009b\n" + "x".repeat(80), 2.9, 1.5, 0.1)));
        assertThat(text).doesNotContain("\u001b", "\u009b").contains("?[2J??xxxxxxxxxxxxxxx…");
    }

    @Test
    void worksWithoutMethods() {
        assertThat(TextTable.render(Examples.result())).contains("Base model");
    }
}
