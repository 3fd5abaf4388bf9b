package org.retain4j.merging;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.merging.method.MethodInfo;

/** The files {@code report.html} and {@code report.json}: where the models and the merge differ. */
final class MergeReport {

    static final String PAGE = "report.html";
    static final String NUMBERS = "report.json";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int CELL = 18;
    private static final int LABELS = 190;
    private static final int TOP = 20;

    private final MergePlan plan;
    private final String reference;
    private final List<String> models;
    private final Map<String, TensorStatistics> tensors;
    private final List<String> warnings;

    MergeReport(MergePlan plan, Map<String, TensorStatistics> tensors, List<String> warnings) {
        this.plan = plan;
        this.tensors = tensors;
        this.warnings = warnings;
        List<String> all = new ArrayList<>();
        Set<String> sources = new LinkedHashSet<>();
        plan.slices().get(0).sources().forEach(s -> sources.add(s.model().toString()));
        boolean changes =
                plan.method.info().base() != MethodInfo.Base.MODEL && plan.base().isPresent();
        String from = changes ? plan.base().get().toString() : sources.iterator().next();
        for (String source : sources) {
            if (!source.equals(from)) {
                all.add(source);
            }
        }
        this.reference = from;
        this.models = all;
    }

    void write(Path folder) throws IOException {
        ObjectNode report = JSON.createObjectNode();
        report.put("version", 1);
        report.put("method", plan.method.info().name());
        report.put("reference", reference);
        models.forEach(report.putArray("models")::add);
        warnings.forEach(report.putArray("warnings")::add);
        ObjectNode all = report.putObject("tensors");
        tensors.forEach((name, values) -> all.set(name, values.json()));
        AtomicFile.write(
                folder.resolve(NUMBERS),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(report));
        AtomicFile.write(folder.resolve(PAGE), page());
    }

    private String page() {
        StringBuilder page = new StringBuilder();
        page.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        page.append("<meta name=\"viewport\" content=\"width=device-width\">");
        page.append("<title>Merge report</title><style>");
        page.append("body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;");
        page.append("padding:0 1em;color:#222;background:#fff}h1{font-size:1.5em}");
        page.append("h2{font-size:1.15em;margin-top:2em}.map{overflow-x:auto}");
        page.append("svg text{font:11px system-ui,sans-serif;fill:#333}");
        page.append("table{border-collapse:collapse;font-size:13px}");
        page.append("td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}");
        page.append("td:first-child,th:first-child{text-align:left;font-family:monospace}");
        page.append("pre{background:#f5f5f5;padding:1em;overflow-x:auto}");
        page.append("</style></head><body>\n<h1>Merge with ");
        page.append(escaped(plan.method.info().name())).append("</h1>\n<p>");
        page.append(tensors.size()).append(" tensors. A change is the difference of a model, ");
        page.append("or of the result, from <code>").append(escaped(reference)).append("</code>. ");
        page.append(summary()).append("</p>\n");
        if (!warnings.isEmpty()) {
            page.append("<h2>Warnings</h2>\n<ul>\n");
            warnings.forEach(w -> page.append("<li>").append(escaped(w)).append("</li>\n"));
            page.append("</ul>\n");
        }
        map(
                page,
                "Length of the change of the result, relative to the base",
                TensorStatistics::relative,
                false);
        map(page, "Share of elements that changed", TensorStatistics::changed, false);
        if (models.size() > 1) {
            map(
                    page,
                    "Share of elements that models change in opposite directions",
                    TensorStatistics::conflicts,
                    false);
        }
        for (int i = 0; i < models.size(); i++) {
            int model = i;
            map(
                    page,
                    "Cosine of the change of " + models.get(i) + " with that of the result",
                    s -> model < s.cosines().size() ? s.cosines().get(model) : Double.NaN,
                    true);
        }
        if (models.size() == 2) {
            map(
                    page,
                    "Cosine of the changes of the two models",
                    s -> s.pairs().isEmpty() ? Double.NaN : s.pairs().get(0),
                    true);
        }
        table(page);
        page.append("<h2>Plan</h2>\n<pre>").append(escaped(plan.text)).append("</pre>\n");
        return page.append("</body></html>\n").toString();
    }

    private String summary() {
        double change = 0;
        double base = 0;
        for (TensorStatistics values : tensors.values()) {
            change += values.result() * values.result();
            base += values.reference() * values.reference();
        }
        return String.format(
                Locale.ROOT,
                "All in all the result is %.3g of the length of the base away from it.",
                base == 0 ? 0 : Math.sqrt(change / base));
    }

    /** Draws kinds of tensors by layers. */
    private void map(
            StringBuilder page,
            String title,
            ToDoubleFunction<TensorStatistics> value,
            boolean signed) {
        Map<String, TreeMap<Integer, String>> kinds = new TreeMap<>();
        int layers = 0;
        double most = 0;
        for (Map.Entry<String, TensorStatistics> tensor : tensors.entrySet()) {
            OptionalInt layer = Layers.of(tensor.getKey());
            if (layer.isPresent()) {
                kinds.computeIfAbsent(kind(tensor.getKey()), k -> new TreeMap<>())
                        .put(layer.getAsInt(), tensor.getKey());
                layers = Math.max(layers, layer.getAsInt() + 1);
                double here = Math.abs(value.applyAsDouble(tensor.getValue()));
                most = Double.isNaN(here) ? most : Math.max(most, here);
            }
        }
        if (kinds.isEmpty()) {
            return;
        }
        double scale = signed ? 1 : most == 0 ? 1 : most;
        page.append("<h2>").append(escaped(title)).append("</h2>\n<div class=\"map\">");
        page.append(
                String.format(
                        Locale.ROOT,
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\""
                                + " height=\"%d\"><title>%s</title>%n",
                        LABELS + layers * CELL + 120,
                        TOP + kinds.size() * CELL + 8,
                        escaped(title)));
        for (int layer = 0; layer < layers; layer += layers > 12 ? 5 : 1) {
            text(page, LABELS + layer * CELL + CELL / 2, TOP - 6, "middle", "" + layer);
        }
        int row = 0;
        for (Map.Entry<String, TreeMap<Integer, String>> kind : kinds.entrySet()) {
            int y = TOP + row++ * CELL;
            text(page, LABELS - 6, y + 13, "end", kind.getKey());
            for (Map.Entry<Integer, String> cell : kind.getValue().entrySet()) {
                TensorStatistics values = tensors.get(cell.getValue());
                double v = values == null ? Double.NaN : value.applyAsDouble(values);
                cell(page, LABELS + cell.getKey() * CELL, y, cell.getValue(), v, v / scale);
            }
        }
        legend(page, LABELS + layers * CELL + 24, signed ? -1 : 0, scale, signed);
        page.append("</svg></div>\n");
    }

    private static void legend(StringBuilder page, int x, double from, double to, boolean signed) {
        int steps = 5;
        for (int i = 0; i < steps; i++) {
            double v = to - (to - from) * i / (steps - 1);
            page.append(
                    String.format(
                            Locale.ROOT,
                            "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" fill=\"%s\"/>%n",
                            x,
                            TOP + i * 16,
                            color(v / (signed ? 1 : to))));
            text(page, x + 20, TOP + i * 16 + 11, "start", String.format(Locale.ROOT, "%.3g", v));
        }
    }

    private static void cell(
            StringBuilder page, int x, int y, String name, double value, double shade) {
        page.append(
                String.format(
                        Locale.ROOT,
                        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"><title>%s:"
                                + " %.4g</title></rect>%n",
                        x,
                        y,
                        CELL - 1,
                        CELL - 1,
                        color(shade),
                        escaped(name),
                        value));
    }

    private static void text(StringBuilder page, int x, int y, String anchor, String text) {
        page.append(
                String.format(
                        Locale.ROOT,
                        "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>%n",
                        x,
                        y,
                        anchor,
                        escaped(text)));
    }

    /** White at 0, blue at 1, red at −1; grey for what is not a number. */
    private static String color(double shade) {
        if (Double.isNaN(shade)) {
            return "#bbb";
        }
        double s = Math.max(-1, Math.min(1, shade));
        double a = Math.abs(s);
        int red = (int) Math.round(s >= 0 ? 247 - a * 239 : 247 - a * 69);
        int green = (int) Math.round(s >= 0 ? 247 - a * 199 : 247 - a * 223);
        int blue = (int) Math.round(s >= 0 ? 247 - a * 140 : 247 - a * 204);
        return String.format(Locale.ROOT, "#%02x%02x%02x", red, green, blue);
    }

    /** Returns the name of a tensor within its layer. */
    private static String kind(String tensor) {
        String number = "." + Layers.of(tensor).orElse(0) + ".";
        String inside = tensor.substring(tensor.indexOf(number) + number.length());
        return inside.endsWith(".weight")
                ? inside.substring(0, inside.length() - ".weight".length())
                : inside;
    }

    private void table(StringBuilder page) {
        page.append("<h2>All tensors</h2>\n<div class=\"map\"><table><tr><th>tensor</th>");
        page.append("<th>length of the base</th><th>change of the result</th>");
        for (String model : models) {
            page.append("<th>change of ").append(escaped(model)).append("</th><th>cosine</th>");
        }
        page.append("<th>conflicts, %</th><th>changed, %</th></tr>\n");
        tensors.forEach(
                (name, s) -> {
                    page.append("<tr><td>").append(escaped(name)).append("</td>");
                    number(page, s.reference());
                    number(page, s.result());
                    for (int i = 0; i < models.size(); i++) {
                        number(page, i < s.models().size() ? s.models().get(i) : Double.NaN);
                        number(page, i < s.cosines().size() ? s.cosines().get(i) : Double.NaN);
                    }
                    number(page, s.conflicts() * 100);
                    number(page, s.changed() * 100);
                    page.append("</tr>\n");
                });
        page.append("</table></div>\n");
    }

    private static void number(StringBuilder page, double value) {
        page.append("<td>");
        page.append(Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%.4g", value));
        page.append("</td>");
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
