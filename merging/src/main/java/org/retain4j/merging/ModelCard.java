package org.retain4j.merging;

import java.util.Locale;

/** The README.md of a merged model: front matter for the hub, what was merged, and the plan. */
final class ModelCard {

    private ModelCard() {}

    static String of(MergePlan plan) {
        String method = plan.method.info().name();
        StringBuilder card = new StringBuilder("---\nbase_model:\n");
        for (ModelReference model : plan.models()) {
            card.append("- ").append(quoted(model.toString())).append('\n');
        }
        card.append("library_name: transformers\ntags:\n- merge\n- mergekit\n- retain4j\n---\n\n");
        card.append("# Merged model\n\nMerged by Retain4j with the method `");
        card.append(method).append("` (").append(plan.method.info().paper()).append(").\n\n");
        plan.base().ifPresent(base -> card.append("The base is `").append(base).append("`.\n\n"));
        card.append("Models:\n\n");
        for (ModelReference model : plan.models()) {
            card.append("- `").append(model).append("`\n");
        }
        card.append("\nThe plan, whose numbers and files `merge.json` records:\n\n```yaml\n");
        // A fence within the plan would end the block.
        card.append(plan.text.strip().replace("```", "'''")).append("\n```\n");
        return card.toString();
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format(Locale.ROOT, "\\x%02x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
