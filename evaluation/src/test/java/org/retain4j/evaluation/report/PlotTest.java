package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.entry;

import java.awt.AWTError;
import java.awt.Color;
import java.io.StringReader;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.knowm.xchart.XYChart;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class PlotTest {
    @Test
    void paretoPlotIsWellFormedAndShowsEveryMethod() throws Exception {
        ComparisonResult result = Examples.eightMethods();
        String svg = ParetoPlot.svg(result);
        Document document = parse(svg);
        assertThat(document.getDocumentElement().getAttribute("viewBox")).isEqualTo("0 0 780 520");
        Set<Color> colors = new HashSet<>();
        for (int i = 0; i < result.methods().size(); i++) {
            Color color = SvgChart.color(result, i);
            colors.add(color);
            assertThat(svg.toLowerCase())
                    .contains(
                            "rgb(%d,%d,%d)"
                                    .formatted(color.getRed(), color.getGreen(), color.getBlue()));
        }
        assertThat(colors).hasSize(8);
    }

    /** Outlines only: a viewer without the fonts of this machine sees the same. */
    @Test
    void pictureNeedsNeitherFontsNorOtherFiles() throws Exception {
        for (String svg :
                List.of(
                        ParetoPlot.svg(Examples.eightMethods()),
                        CurvePlot.learned(Examples.eightMethods()),
                        CurvePlot.retained(Examples.eightMethods()))) {
            assertThat(svg)
                    .startsWith("<svg ")
                    .doesNotContain("<text", "font-family", "<image", "href");
        }
    }

    /** Several pictures share one page, so their clip paths need names of their own. */
    @Test
    void innerNamesDifferBetweenPlots() throws Exception {
        String learned = CurvePlot.learned(Examples.eightMethods());
        assertThat(learned).contains("id=\"learned-").contains("url(#learned-");
        assertThat(ParetoPlot.svg(Examples.eightMethods())).doesNotContain("learned-");
    }

    @Test
    void drawsNearbyBaseNoMethodsAndOddTitles() throws Exception {
        parse(ParetoPlot.svg(Examples.result()));
        parse(CurvePlot.learned(Examples.result()));
        parse(
                ParetoPlot.svg(
                        Examples.result(
                                Examples.plain(4.6, 1.3),
                                Examples.method("a", "", 4.5, 1.29, 0.1),
                                Examples.method("a", "x\u0000\n" + "y".repeat(99), 4.3, 1.29, 0.1),
                                Examples.method("a", "</svg><script>", 4.4, 1.28, 0.1))));
    }

    @Test
    void meanLeavesOutStepsThatASeedDidNotReachOrDivergedAt() {
        List<Double> none = List.of(0.0, 0.0, 0.0);
        Curve one = new Curve(1, List.of(0, 10, 20), List.of(4.0, 3.0, 2.0), none, none);
        Curve two = new Curve(2, List.of(0, 10, 30), List.of(4.0, Double.NaN, 1.0), none, none);
        assertThat(CurvePlot.mean(List.of(one, two), Curve::learnedBitsPerByte))
                .containsExactly(entry(0, 4.0));
        assertThat(CurvePlot.mean(List.of(one), Curve::learnedBitsPerByte))
                .containsExactly(entry(0, 4.0), entry(10, 3.0), entry(20, 2.0));
    }

    /** The three ways in which a Java runtime without fonts fails. */
    @Test
    void missingFontsAreExplained() {
        InternalError wrapped = new InternalError("Can't load font manager");
        wrapped.initCause(fromAwt(new NullPointerException("fontconfig")));
        for (Throwable thrown :
                List.of(
                        fromAwt(new NoClassDefFoundError("Could not initialize class")),
                        fromAwt(new UnsatisfiedLinkError("libfreetype.so.6")),
                        fromAwt(new RuntimeException("Fontconfig head is null")),
                        wrapped)) {
            assertThatExceptionOfType(PlotUnavailableException.class)
                    .isThrownBy(() -> SvgChart.svg(() -> fail(thrown), "", "x"))
                    .withMessageContaining("no fonts")
                    .withMessageContaining("apt-get install fontconfig")
                    .withCause(thrown);
        }
    }

    /** The first failure to reach a display, and every later one. */
    @Test
    void missingDisplayIsExplained() {
        for (Throwable thrown :
                List.of(
                        new AWTError("Can't connect to X11 window server"),
                        fromAwt(
                                new NoClassDefFoundError(
                                        "Could not initialize class"
                                                + " java.awt.GraphicsEnvironment$LocalGE")))) {
            assertThatExceptionOfType(PlotUnavailableException.class)
                    .isThrownBy(() -> SvgChart.svg(() -> fail(thrown), "", "x"))
                    .withMessageContaining("-Djava.awt.headless=true");
        }
    }

    @Test
    void otherFailuresAreNotMistakenForMissingFonts() {
        assertThatIllegalStateException()
                .isThrownBy(
                        () -> SvgChart.svg(() -> fail(new IllegalStateException("bug")), "", "x"));
    }

    private static <T extends Throwable> T fromAwt(T thrown) {
        thrown.setStackTrace(
                new StackTraceElement[] {
                    new StackTraceElement("java.lang.Class", "forName0", "Class.java", -2),
                    new StackTraceElement("sun.font.FontManagerFactory", "getInstance", null, 47)
                });
        return thrown;
    }

    private static XYChart fail(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) thrown;
    }

    private static Document parse(String svg) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
    }
}
