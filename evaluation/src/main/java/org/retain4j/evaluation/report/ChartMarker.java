package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.geom.Path2D;
import java.util.List;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Markers that stay apart from each other and from the whiskers that cross them.
 *
 * <p>XChart's own ones beyond these filled shapes are thin lines or slim ovals, which vanish on a
 * whisker; hollow shapes do not.
 */
final class ChartMarker extends Marker {
    /** In the order in which methods take them. */
    static final List<Marker> METHODS =
            List.of(
                    SeriesMarkers.SQUARE,
                    SeriesMarkers.TRIANGLE_UP,
                    SeriesMarkers.DIAMOND,
                    SeriesMarkers.TRIANGLE_DOWN,
                    hollow(-1, -1, 1, -1, 1, 1, -1, 1),
                    hollow(0, -1.2, 1.2, 0, 0, 1.2, -1.2, 0),
                    hollow(0, -1.2, 1.2, 1, -1.2, 1),
                    hollow(0, 1.2, 1.2, -1, -1.2, -1),
                    new ChartMarker(true, -1.2, -1, 1.2, -1, 0, 0, 1.2, 1, -1.2, 1, 0, 0),
                    new ChartMarker(true, -1, -1.2, 0, 0, 1, -1.2, 1, 1.2, 0, 0, -1, 1.2));

    /** Points to the left: the point lies outside the chart. */
    static final Marker OFF_SCALE = new ChartMarker(true, -1.8, 0, 1, -1.3, 1, 1.3);

    private final boolean filled;
    private final double[] corners;

    /** Takes the corners as x, y pairs in halves of the marker size, y downwards. */
    private ChartMarker(boolean filled, double... corners) {
        this.filled = filled;
        this.corners = corners;
    }

    private static Marker hollow(double... corners) {
        return new ChartMarker(false, corners);
    }

    @Override
    public void paint(Graphics2D g, double xOffset, double yOffset, int markerSize) {
        double half = markerSize / 2.0;
        Path2D.Double path = new Path2D.Double();
        path.moveTo(xOffset + half * corners[0], yOffset + half * corners[1]);
        for (int i = 2; i < corners.length; i += 2) {
            path.lineTo(xOffset + half * corners[i], yOffset + half * corners[i + 1]);
        }
        path.closePath();
        if (filled) {
            g.fill(path);
            return;
        }
        Color color = g.getColor();
        g.setColor(Color.WHITE);
        g.fill(path);
        g.setColor(color);
        g.setStroke(new BasicStroke(2));
        g.draw(path);
    }
}
