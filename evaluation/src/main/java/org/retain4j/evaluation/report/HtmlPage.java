package org.retain4j.evaluation.report;

import static org.retain4j.evaluation.report.Html.escape;

import java.util.Locale;
import java.util.Map;

/**
 * The frame and the parts that all our pages share: one file without script that fetches nothing.
 */
final class HtmlPage {
    private static final String STYLE =
            """
            :root { color-scheme: light dark; --ink: #1c1c1e; --soft: #5c5f66; --paper: #fff;
              --panel: #f5f5f2; --line: #dcdcd8; --good: #00664a; --bad: #a33c00; }
            @media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a8abb2;
              --paper: #18191b; --panel: #222326; --line: #3a3b3f; --good: #4fd1a5; --bad: #ff9d66; } }
            * { box-sizing: border-box; }
            body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 68rem; color: var(--ink);
              background: var(--paper); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI",
              Roboto, sans-serif; overflow-wrap: anywhere; }
            h1 { font-size: 1.45rem; line-height: 1.35; margin: .3rem 0 1rem; }
            h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
            h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
            p, li { max-width: 46rem; }
            .soft { color: var(--soft); font-size: .9rem; }
            .scroll { overflow-x: auto; }
            .plot { background: #fff; border: 1px solid var(--line); border-radius: 8px;
              padding: .4rem; margin: .6rem 0; }
            .plot svg { display: block; width: 100%; height: auto; min-width: 32rem;
              max-width: 56rem; margin: 0 auto; }
            table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums;
              overflow-wrap: normal; }
            th, td { padding: .35rem .5rem; text-align: right; white-space: nowrap;
              border-bottom: 1px solid var(--line); vertical-align: top; }
            th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal; }
            th:first-child, td:first-child { text-align: left; }
            td small { display: block; color: var(--soft); }
            td.text { text-align: left; white-space: pre-wrap; overflow-wrap: anywhere; }
            .more { color: var(--good); font-weight: 600; }
            .less { color: var(--bad); font-weight: 600; }
            .samples { display: grid; gap: .6rem;
              grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
            .sample { background: var(--panel); border-radius: 8px; padding: .6rem .8rem; }
            .sample b { display: block; font-size: .85rem; color: var(--soft); }
            .sample p, .prompt { margin: .2rem 0 0; white-space: pre-wrap; font-size: .92rem; }
            .prompt { border-left: 3px solid var(--line); padding-left: .7rem; margin: .3rem 0 .7rem; }
            details { border-bottom: 1px solid var(--line); padding: .5rem 0; }
            summary { cursor: pointer; font-weight: 600; }
            h3 small { font-weight: 400; color: var(--soft); }
            td.bar { width: 12rem; min-width: 6rem; }
            td.bar svg { display: block; width: 100%; height: .8rem; margin-top: .35rem; }
            td.bar rect { fill: #4a8fc2; } td.bar rect.back { fill: var(--panel); }
            td.bar line { stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke; }
            dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .6rem; margin: .4rem 0 0;
              font-size: .88rem; }
            dt { color: var(--soft); } dd { margin: 0; white-space: pre-wrap; }
            @media (max-width: 34rem) { body { padding: 1rem .7rem 3rem; } table { font-size: .8rem; }
              th, td { padding: .3rem .3rem; } td.bar { width: 5rem; min-width: 4rem; } }
            @media print { :root { --ink: #000; --soft: #444; --paper: #fff; --panel: #f2f2f0;
                --line: #bbb; --good: #00664a; --bad: #a33c00; }
              body { max-width: none; padding: 0; font-size: 10pt; } .scroll { overflow: visible; }
              table { font-size: 8.5pt; } th, td { padding: .2rem .35rem; }
              .plot svg { min-width: 0; } tr, .sample, .plot { break-inside: avoid; }
              h1, h2, h3 { break-after: avoid; }
              .sample { border: 1px solid var(--line); } }
            """;

    private HtmlPage() {}

    /** A plot, drawn when it is needed. */
    @FunctionalInterface
    interface Drawing {
        String svg() throws PlotUnavailableException;
    }

    /** Begins a page up to its opened body; both are plain text. */
    static StringBuilder begin(String title, String version, String createdAt) {
        StringBuilder html = new StringBuilder(1 << 18);
        html.append(
                        """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
                <title>""")
                .append("Retain4j: ")
                .append(escape(title))
                .append("</title>\n<style>\n")
                .append(STYLE)
                .append("</style>\n</head>\n<body>\n<header>\n<p class=\"soft\">Retain4j ")
                .append(escape(version))
                .append(" · ")
                .append(escape(createdAt))
                .append("</p>\n");
        return html;
    }

    /** Adds a plot, or the sentence that says why there is none. */
    static boolean plot(StringBuilder html, Drawing drawing) {
        try {
            String svg = drawing.svg();
            html.append("<div class=\"plot scroll\">").append(svg).append("</div>\n");
            return true;
        } catch (PlotUnavailableException e) {
            html.append("<p><b>")
                    .append(escape(String.valueOf(e.getMessage())))
                    .append("</b></p>\n");
            return false;
        }
    }

    /** Adds a table of names and values; nothing where there are none. */
    static void entries(StringBuilder html, Map<String, Object> entries) {
        if (entries.isEmpty()) {
            return;
        }
        html.append("<div class=\"scroll\"><table><tbody>\n");
        entries.forEach(
                (key, value) ->
                        html.append("<tr><td>")
                                .append(escape(key))
                                .append("</td><td class=\"text\">")
                                .append(escape(String.valueOf(value)))
                                .append("</td></tr>\n"));
        html.append("</tbody></table></div>\n");
    }

    static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value).replace('-', '−');
    }
}
