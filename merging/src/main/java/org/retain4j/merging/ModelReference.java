package org.retain4j.merging;

import java.util.Optional;
import java.util.Set;

/**
 * A model in a plan, written {@code path[@revision][+adapter[@revision]]} or as a mapping.
 *
 * @param path folder or name on a hub
 * @param revision revision on the hub
 * @param adapter folder or name of a LoRA adapter that is put into the model
 */
public record ModelReference(String path, Optional<String> revision, Optional<String> adapter) {

    static ModelReference read(PlanNode node) throws MergeException {
        if (node.kind() == PlanNode.Kind.MAPPING) {
            node.requireKeys("a model", Set.of("model", "lora", "override_architecture"));
            PlanNode model = node.find("model");
            if (model == null) {
                throw node.error("a model has no key model with its path");
            }
            ModelReference reference = part(model);
            PlanNode adapter = node.find("lora");
            return adapter == null
                    ? reference
                    : new ModelReference(
                            reference.path(),
                            reference.revision(),
                            Optional.of(part(adapter).path()));
        }
        String text = node.requireText("a model");
        String[] parts = text.split("\\+", -1);
        if (parts.length > 2) {
            throw node.error("the model " + text + " has two adapters; expected MODEL+ADAPTER");
        }
        ModelReference model = part(node, parts[0]);
        return parts.length == 1
                ? model
                : new ModelReference(
                        model.path(), model.revision(), Optional.of(part(node, parts[1]).path()));
    }

    private static ModelReference part(PlanNode node) throws MergeException {
        if (node.kind() != PlanNode.Kind.MAPPING) {
            return part(node, node.requireText("a path"));
        }
        node.requireKeys("a path", Set.of("path", "revision"));
        PlanNode path = node.find("path");
        PlanNode revision = node.find("revision");
        if (path == null) {
            throw node.error("a model has no path");
        }
        return new ModelReference(
                path.requireText("a path"),
                revision == null
                        ? Optional.empty()
                        : Optional.of(revision.requireText("a revision")),
                Optional.empty());
    }

    private static ModelReference part(PlanNode node, String text) throws MergeException {
        String[] parts = text.split("@", -1);
        if (parts.length > 2 || parts[0].isBlank()) {
            throw node.error("the model " + text + " is not of the form PATH or PATH@REVISION");
        }
        return new ModelReference(
                parts[0],
                parts.length == 2 ? Optional.of(parts[1]) : Optional.empty(),
                Optional.empty());
    }

    @Override
    public String toString() {
        return path
                + revision.map(value -> "@" + value).orElse("")
                + adapter.map(value -> "+" + value).orElse("");
    }
}
