package org.retain4j.merging;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a plan says about the tokenizer: the keys {@code tokenizer_source} and {@code tokenizer}.
 *
 * @param kind where the vocabulary comes from
 * @param model the model or folder of the tokenizer, only where the kind is {@code MODEL}
 * @param tokens what becomes of single tokens
 * @param multiple the number of rows is a multiple of this
 * @param line line in the plan
 */
record TokenPlan(
        Kind kind,
        @Nullable ModelReference model,
        Map<String, Rule> tokens,
        int multiple,
        int line) {

    private static final int MAX_MULTIPLE = 1 << 20;

    /** Where the vocabulary comes from. */
    enum Kind {
        /** The tokens of all models, those of the base or the first model in their places. */
        UNION,
        /** The tokens of the base. */
        BASE,
        /** The tokens of a model that is named. */
        MODEL
    }

    /**
     * Where the row of a token comes from.
     *
     * @param model model with the row; null where it consists of zeros
     * @param token token in that model; null where an id is given
     * @param id its id, or −1
     * @param forced whether it also replaces the rows of models that have the token
     * @param line line in the plan
     */
    record Rule(
            @Nullable ModelReference model,
            @Nullable String token,
            int id,
            boolean forced,
            int line) {}

    /** Returns the models that rows come from, which need not be merged themselves. */
    Set<ModelReference> models() {
        Set<ModelReference> models = new LinkedHashSet<>();
        for (Rule rule : tokens.values()) {
            if (rule.model() != null) {
                models.add(rule.model());
            }
        }
        return models;
    }

    /** Reads the keys; null where the plan has neither. */
    static @Nullable TokenPlan read(PlanNode top) throws MergeException {
        PlanNode source = top.find("tokenizer_source");
        PlanNode section = top.find("tokenizer");
        if (source != null && section != null) {
            throw section.error("the plan has tokenizer beside tokenizer_source; keep one");
        }
        if (source != null) {
            return of(source, Map.of(), 1, source.line());
        }
        if (section == null) {
            return null;
        }
        section.requireKeys("tokenizer", Set.of("source", "tokens", "pad_to_multiple_of"));
        PlanNode tokens = section.find("tokens");
        Map<String, Rule> rules = new LinkedHashMap<>();
        if (tokens != null) {
            if (tokens.kind() != PlanNode.Kind.MAPPING) {
                throw tokens.error("tokens must be a mapping from tokens to their sources");
            }
            for (Map.Entry<String, PlanNode> token : tokens.entries().entrySet()) {
                rules.put(token.getKey(), rule(token.getKey(), token.getValue()));
            }
        }
        PlanNode multiple = section.find("pad_to_multiple_of");
        int of = multiple == null ? 1 : number("pad_to_multiple_of", multiple, 1, MAX_MULTIPLE);
        return of(section.find("source"), rules, of, section.line());
    }

    private static TokenPlan of(
            @Nullable PlanNode source, Map<String, Rule> rules, int multiple, int line)
            throws MergeException {
        Kind kind = Kind.UNION;
        ModelReference model = null;
        if (source != null && source.isText() && source.text().equals("base")) {
            kind = Kind.BASE;
        } else if (source != null && !(source.isText() && source.text().equals("union"))) {
            kind = Kind.MODEL;
            model = ModelReference.read(source);
        }
        return new TokenPlan(kind, model, Collections.unmodifiableMap(rules), multiple, line);
    }

    private static Rule rule(String token, PlanNode node) throws MergeException {
        node.requireKeys("a token", Set.of("source", "force"));
        PlanNode source = node.find("source");
        PlanNode force = node.find("force");
        boolean forced = force != null && force.requireFlag("force");
        if (source == null) {
            throw node.error("the token " + token + " has no source; name a model");
        }
        boolean kinds =
                source.kind() == PlanNode.Kind.MAPPING
                        && List.of("kind", "token", "token_id").stream()
                                .anyMatch(key -> source.entries().containsKey(key));
        if (!kinds) {
            return new Rule(ModelReference.read(source), token, -1, forced, node.line());
        }
        source.requireKeys("the source of a token", Set.of("kind", "model", "token", "token_id"));
        String kind =
                PlanReader.choice(source, "kind", "model_token", Set.of("zero", "model_token"));
        PlanNode model = source.find("model");
        PlanNode name = source.find("token");
        PlanNode id = source.find("token_id");
        if (kind.equals("zero")) {
            if (model != null || name != null || id != null) {
                throw source.error("zeros for the token " + token + " come from no model or token");
            }
            return new Rule(null, null, -1, forced, node.line());
        }
        if (model == null || (name == null) == (id == null)) {
            throw source.error(
                    "the source of the token "
                            + token
                            + " needs model and one of token and token_id");
        }
        return new Rule(
                ModelReference.read(model),
                name == null ? null : name.requireText("token"),
                id == null ? -1 : number("token_id", id, 0, Integer.MAX_VALUE - 1),
                forced,
                node.line());
    }

    private static int number(String key, PlanNode node, int least, int most)
            throws MergeException {
        Double value = node.number();
        if (value == null || value != Math.rint(value) || value < least || value > most) {
            throw node.error(key + " must be a whole number from " + least + " to " + most);
        }
        return value.intValue();
    }
}
