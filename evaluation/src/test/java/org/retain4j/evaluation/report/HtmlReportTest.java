package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtmlReportTest {
    private static final String ATTACK = "\"><script>alert('x')</script>&\u0000";

    @TempDir Path folder;

    @Test
    void holdsFindingsPlotsNumbersSettingsAndSamples() throws IOException {
        Path file = folder.resolve("report.html");
        HtmlReport.write(Examples.eightMethods(), file);
        String html = Files.readString(file);
        assertThat(html)
                .contains("6 of 7 other methods kept clearly more of the old text.")
                .contains("<td>EWC λ=0.3</td>", "1.550", "1.490 … 1.610")
                .contains("<span class=\"more\">−0.540</span>")
                .contains("819,200", "81,920", "65,536", "42 s", "20 min 35 s")
                .contains("arXiv:1612.00796", "3.0e-4 (chosen)", "diverged", "<td>4.2</td>")
                .contains("batchSize", "2 cores")
                .contains("ein König, der hatte eine Tochter, EWC");
        assertThat(Pattern.compile("<svg ").matcher(html).results().count()).isEqualTo(3);
    }

    /** No script, and nothing that a browser would fetch. */
    @Test
    void opensWithoutNetwork() {
        assertThat(HtmlReport.render(Examples.eightMethods()))
                .doesNotContain("<script", "<link", "<img", "@import", " src=", " href=")
                .contains("default-src 'none'");
    }

    @Test
    void escapesEveryTextOfTheResult() {
        MethodResult method =
                new MethodResult(
                        ATTACK,
                        ATTACK,
                        ATTACK,
                        Map.of(ATTACK, List.of(ATTACK)),
                        1e-3,
                        List.of(),
                        Examples.around(2, 0.1),
                        Examples.around(2, 0.1),
                        null,
                        null,
                        List.of(),
                        1,
                        1,
                        1,
                        1,
                        1,
                        List.of(new TextSample(ATTACK, ATTACK)));
        ComparisonResult result =
                new ComparisonResult(
                        ATTACK,
                        ATTACK,
                        ATTACK,
                        ATTACK,
                        ATTACK,
                        Examples.around(4, 0.1),
                        Examples.around(1, 0.1),
                        List.of(new TextSample(ATTACK, ATTACK)),
                        List.of(Examples.plain(2.87, 2.09), method),
                        Map.of(ATTACK, ATTACK),
                        Map.of(ATTACK, ATTACK),
                        1);
        String html = HtmlReport.render(result);
        assertThat(html)
                .doesNotContain("<script", "\u0000")
                .contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\uFFFD");
    }

    @Test
    void isWrittenWithoutPlotsWhereTheyCannotBeDrawn() {
        HtmlReport.Plot none =
                result -> {
                    throw new PlotUnavailableException("No <fonts> here.", new Error());
                };
        String html = HtmlReport.render(Examples.eightMethods(), none, none, none);
        assertThat(html)
                .contains("No &lt;fonts&gt; here.", "<td>EWC λ=0.3</td>")
                .doesNotContain("<svg");
    }

    @Test
    void saysSoWhenNothingHelped() {
        assertThat(
                        HtmlReport.render(
                                Examples.result(
                                        Examples.plain(2.87, 2.09),
                                        Examples.method("ewc", "EWC", 2.87, 2.1, 0.1))))
                .contains("The other method did not keep clearly more");
    }
}
