package org.retain4j.evaluation.report;

import java.awt.AWTError;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The look that all our charts share, and their way into SVG.
 *
 * <p>XChart draws text as outlines, so a finished SVG looks the same everywhere and needs no font,
 * but drawing it needs one on this machine.
 */
final class SvgChart {
    /** For what is the same in all methods: the base model and its lines. */
    static final Color REFERENCE = new Color(0x6B6B6B);

    // Okabe and Ito's palette without its yellow, which is lost on white, then darker colours of
    // Tol's muted one. Plain fine-tuning takes black.
    private static final Color[] COLORS = {
        new Color(0x0072B2),
        new Color(0xD55E00),
        new Color(0x009E73),
        new Color(0xCC79A7),
        new Color(0xE69F00),
        new Color(0x56B4E9),
        new Color(0x882255),
        new Color(0x999933),
        new Color(0x332288),
    };
    private static final int LONGEST_LABEL = 26;
    private static final Pattern SVG_START = Pattern.compile("<svg\\b[^>]*>");

    private SvgChart() {}

    /** An empty chart with axes, grid and legend in place. */
    static XYChart chart(int width, int height, String xTitle, String yTitle) {
        XYChart chart =
                new XYChartBuilder()
                        .width(width)
                        .height(height)
                        .xAxisTitle(xTitle)
                        .yAxisTitle(yTitle)
                        .build();
        XYStyler styler = chart.getStyler();
        Color ink = new Color(0x222222);
        styler.setChartTitleVisible(false)
                .setChartBackgroundColor(Color.WHITE)
                .setChartFontColor(ink)
                .setPlotBackgroundColor(Color.WHITE)
                .setPlotBorderVisible(false)
                .setLegendPosition(LegendPosition.OutsideE)
                .setLegendBorderColor(Color.WHITE)
                .setLegendFont(font(Font.PLAIN, 15))
                .setLegendPadding(8)
                .setAnnotationTextFont(font(Font.ITALIC, 14))
                .setAnnotationTextFontColor(REFERENCE)
                .setMarkerSize(11)
                .setLocale(Locale.ROOT);
        styler.setAxisTitleFont(font(Font.PLAIN, 16))
                .setAxisTickLabelsFont(font(Font.PLAIN, 14))
                .setAxisTickLabelsColor(ink)
                .setPlotGridLinesColor(new Color(0xE4E4E4))
                .setPlotGridLinesStroke(new BasicStroke(1))
                .setAxisTickMarksColor(new Color(0x9A9A9A));
        return chart;
    }

    /** A line without markers that the legend does not name. */
    static void line(
            XYChart chart, String id, double[] x, double[] y, Color color, BasicStroke stroke) {
        XYSeries series = chart.addSeries(id, x, y);
        series.setXYSeriesRenderStyle(XYSeriesRenderStyle.Line);
        series.setLineColor(color);
        series.setLineStyle(stroke);
        series.setMarker(SeriesMarkers.NONE);
        series.setShowInLegend(false);
    }

    static BasicStroke dashed() {
        return new BasicStroke(
                1.3f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {6, 4}, 0);
    }

    /** The colour of the method at this place, the same in every chart of a report. */
    static Color color(ComparisonResult result, int method) {
        return isPlain(result, method)
                ? Color.BLACK
                : COLORS[order(result, method) % COLORS.length];
    }

    /** The marker of the method at this place; plain fine-tuning has the circle to itself. */
    static Marker marker(ComparisonResult result, int method) {
        return isPlain(result, method)
                ? SeriesMarkers.CIRCLE
                : ChartMarker.METHODS.get(order(result, method) % ChartMarker.METHODS.size());
    }

    private static boolean isPlain(ComparisonResult result, int method) {
        return result.methods().get(method).name().equals(MethodResult.PLAIN);
    }

    private static int order(ComparisonResult result, int method) {
        int order = 0;
        for (int i = 0; i < method; i++) {
            order += isPlain(result, i) ? 0 : 1;
        }
        return order;
    }

    /** A title short enough for the legend; never blank, which Java cannot lay out. */
    static String label(String title) {
        String clean = title.strip().replaceAll("\\p{Cc}+", " ");
        if (clean.isEmpty()) {
            return "(no title)";
        }
        return clean.codePointCount(0, clean.length()) <= LONGEST_LABEL
                ? clean
                : clean.substring(0, clean.offsetByCodePoints(0, LONGEST_LABEL - 1)) + "…";
    }

    /** A tick label without rounding noise, with at least this many decimals. */
    static String tick(double value, int decimals) {
        BigDecimal rounded =
                BigDecimal.valueOf(value).setScale(4, RoundingMode.HALF_EVEN).stripTrailingZeros();
        return (rounded.scale() < decimals ? rounded.setScale(decimals) : rounded).toPlainString();
    }

    /** The colour of the line at this place of a chart. */
    static Color color(int line) {
        return COLORS[line % COLORS.length];
    }

    /** A tick label of any size: four digits, in scientific notation where zeros would be many. */
    static String compact(double value) {
        double size = Math.abs(value);
        if (size == 0) {
            return "0";
        }
        BigDecimal rounded =
                new BigDecimal(value, new MathContext(4, RoundingMode.HALF_EVEN))
                        .stripTrailingZeros();
        if (size >= 1e-3 && size < 1e7) {
            return rounded.toPlainString();
        }
        int exponent = rounded.precision() - rounded.scale() - 1;
        return rounded.scaleByPowerOfTen(-exponent).stripTrailingZeros().toPlainString()
                + "e"
                + exponent;
    }

    /**
     * Draws a chart.
     *
     * @param chart builds the chart; AWT may fail there already
     * @param description read out in place of the picture; plain words, no user text
     * @param id distinguishes this picture's inner names from another's in the same page
     * @return one {@code svg} element without XML declaration
     */
    static String svg(Supplier<XYChart> chart, String description, String id)
            throws PlotUnavailableException {
        try {
            XYChart built = chart.get();
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            ChartEncoder.saveChart(built, bytes, "svg");
            return element(bytes.toString(StandardCharsets.UTF_8), built, description, id);
        } catch (IOException e) {
            throw new UncheckedIOException("Writing SVG to memory failed.", e);
        } catch (AWTError e) {
            throw noDisplay(e);
        } catch (LinkageError | InternalError | RuntimeException e) {
            if (!comesFromAwt(e)) {
                throw e;
            }
            // After a first AWTError the same class only says that it could not be initialised.
            throw e.toString().contains("GraphicsEnvironment") ? noDisplay(e) : noFonts(e);
        }
    }

    private static PlotUnavailableException noDisplay(Throwable cause) {
        return new PlotUnavailableException(
                "The plot could not be drawn because Java found no display (%s); start Java with"
                                .formatted(cause)
                        + " -Djava.awt.headless=true and write the report again.",
                cause);
    }

    /**
     * Without fontconfig, freetype or any font, Java throws a LinkageError, an InternalError or a
     * RuntimeException, depending on what is missing and on which attempt it is.
     */
    private static PlotUnavailableException noFonts(Throwable cause) {
        return new PlotUnavailableException(
                ("The plot could not be drawn because this Java runtime has no fonts to"
                                        + " write its labels with (%s);")
                                .formatted(cause)
                        + " install some (Debian, Ubuntu: apt-get install fontconfig"
                        + " fonts-dejavu-core; Alpine: apk add fontconfig ttf-dejavu; Fedora: dnf"
                        + " install fontconfig dejavu-sans-fonts) and write the report again.",
                cause);
    }

    private static boolean comesFromAwt(Throwable thrown) {
        int depth = 0;
        for (Throwable t = thrown; t != null && depth < 16; t = t.getCause(), depth++) {
            StackTraceElement[] frames = t.getStackTrace();
            // The JVM's own frames (reflection, class initialisation) may stand above AWT's.
            for (int i = 0; i < Math.min(frames.length, 24); i++) {
                String at = frames[i].getClassName();
                if (at.startsWith("sun.font.")
                        || at.startsWith("sun.awt.")
                        || at.startsWith("sun.java2d.")
                        || at.startsWith("java.awt.")) {
                    return true;
                }
                if (at.startsWith("org.retain4j.")) {
                    break;
                }
            }
        }
        return false;
    }

    private static String element(String document, XYChart chart, String description, String id) {
        String element = document.substring(document.indexOf("<svg"));
        String start =
                ("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
                                + " width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">")
                        .formatted(
                                chart.getWidth(),
                                chart.getHeight(),
                                chart.getWidth(),
                                chart.getHeight(),
                                Html.escape(description));
        return SVG_START
                .matcher(element)
                .replaceFirst(start.replace("$", "\\$"))
                .replaceAll("(id=\"|url\\(#)", "$1" + id + "-")
                // A hundredth of a pixel is enough, and halves the size.
                .replaceAll("(\\.[0-9]{2})[0-9]+", "$1")
                .strip();
    }

    private static Font font(int style, int size) {
        return new Font(Font.SANS_SERIF, style, size);
    }
}
