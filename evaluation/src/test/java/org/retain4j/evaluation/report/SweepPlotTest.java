package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.knowm.xchart.XYChart;

class SweepPlotTest {

    private static final SweepPlot.Axis LESS = new SweepPlot.Axis("bits", false);
    private static final SweepPlot.Axis MORE = new SweepPlot.Axis("acc", true);

    private static SweepPlot plot() {
        return new SweepPlot(
                LESS,
                MORE,
                new SweepPlot.Point("", 4, 0.5),
                List.of(
                        new SweepPlot.Line(
                                "full",
                                List.of(
                                        new SweepPlot.Point("1e-4", 3, 0.4),
                                        new SweepPlot.Point("1e-3", Double.NaN, 0.1),
                                        new SweepPlot.Point("1e-2", 2, 0.2))),
                        new SweepPlot.Line("none", List.of()),
                        new SweepPlot.Line("one", List.of(new SweepPlot.Point("", 3, 0.3)))));
    }

    @Test
    void betterIsUpAndRightWhicheverWayTheScoresGo() throws Exception {
        XYChart chart = plot().chart();
        assertThat(chart.getSeries("line 0").getXData()).containsExactly(-3.0, -2.0);
        assertThat(chart.getSeries("line 0").getYData()).containsExactly(0.4, 0.2);
        assertThat(chart.getSeries("line 1")).isNull();
        assertThat(chart.getSeries("base").getXData()).containsExactly(-4.0);
    }

    @Test
    void aPictureIsDrawn() throws Exception {
        assertThat(plot().svg()).startsWith("<svg ").doesNotContain("<text", "<image");
    }
}
