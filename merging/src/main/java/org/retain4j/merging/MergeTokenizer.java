package org.retain4j.merging;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;

/**
 * The tokenizer and the chat template of the merged model, and where the rows of its tokens come
 * from.
 *
 * <p>A model keeps its own row of a token, unless a rule of the plan forces another. Where it has
 * none, it gets that of the base, else the mean over the models that have one; of a rule, the row
 * that the rule names.
 */
final class MergeTokenizer {

    private static final String TEMPLATE = "chat_template.jinja";
    private static final String CONFIG = "tokenizer_config.json";

    /** Files that belong to a tokenizer. */
    private static final List<String> FILES =
            List.of(
                    TokenTable.FILE,
                    CONFIG,
                    TEMPLATE,
                    "tokenizer.model",
                    "special_tokens_map.json",
                    "added_tokens.json",
                    "vocab.json",
                    "merges.txt",
                    "chat_template.json");

    private final MergePlan plan;
    private final Path model;
    private final Path from;
    private final @Nullable String template;
    private final @Nullable ModelReference start;
    private final Map<ModelReference, TokenTable> tables;
    private final @Nullable UnionTokenizer union;
    private final @Nullable String[] tokens;

    private MergeTokenizer(
            MergePlan plan,
            Path model,
            Path from,
            @Nullable String template,
            @Nullable ModelReference start,
            Map<ModelReference, TokenTable> tables,
            @Nullable UnionTokenizer union,
            @Nullable String[] tokens) {
        this.plan = plan;
        this.model = model;
        this.from = from;
        this.template = template;
        this.start = start;
        this.tables = tables;
        this.union = union;
        this.tokens = tokens;
    }

    /**
     * Chooses.
     *
     * @param root where relative paths start
     * @throws MergeException if a tokenizer is missing or a rule names a token that does not exist
     */
    static MergeTokenizer of(
            MergePlan plan, MergeInputs inputs, Path root, Consumer<String> warnings)
            throws IOException {
        List<ModelReference> models = plan.models();
        String template = template(plan, inputs);
        Path own = inputs.get(models.get(0)).path();
        TokenPlan asked = plan.tokens;
        Map<ModelReference, TokenTable> tables = new LinkedHashMap<>();
        if (asked == null) {
            return new MergeTokenizer(
                    plan, own, own, template, null, tables, null, new @Nullable String[0]);
        }
        for (Map.Entry<ModelReference, Weights> model : inputs.all().entrySet()) {
            tables.put(model.getKey(), TokenTable.read(model.getValue().path()));
        }
        ModelReference start = asked.kind() == TokenPlan.Kind.MODEL ? asked.model() : plan.base;
        if (start == null && asked.kind() == TokenPlan.Kind.BASE) {
            throw new MergeException(
                    plan.file
                            + " line "
                            + asked.line()
                            + ": the tokenizer is that of the base, but there is no base_model");
        }
        if (start == null) {
            start = models.get(0);
        }
        TokenTable first = tables.get(start);
        if (first == null) {
            first = TokenTable.read(root.resolve(start.path()));
        }
        UnionTokenizer union = null;
        if (asked.kind() == TokenPlan.Kind.UNION) {
            List<TokenTable> all = new ArrayList<>();
            all.add(first);
            for (ModelReference model : models) {
                if (!model.equals(start)) {
                    all.add(Objects.requireNonNull(tables.get(model)));
                }
            }
            union = UnionTokenizer.of(all);
            if (union.unreached() > 0) {
                warnings.accept(
                        union.unreached()
                                + " tokens of other models are in the tokenizer, but texts are"
                                + " split by the rules of "
                                + start
                                + ", which do not make them");
            }
        }
        @Nullable String[] tokens =
                union != null ? union.byId() : UnionTokenizer.byId(first, first.size());
        MergeTokenizer chosen =
                new MergeTokenizer(
                        plan, own, first.folder(), template, start, tables, union, tokens);
        chosen.check(asked, first, union);
        return chosen;
    }

    private void check(TokenPlan asked, TokenTable first, @Nullable UnionTokenizer all)
            throws MergeException {
        Set<String> known = new HashSet<>(first.ids().keySet());
        for (String token : tokens) {
            if (token != null) {
                known.add(token);
            }
        }
        for (Map.Entry<String, TokenPlan.Rule> entry : asked.tokens().entrySet()) {
            TokenPlan.Rule rule = entry.getValue();
            if (!known.contains(entry.getKey())) {
                throw new MergeException(
                        plan.file
                                + " line "
                                + rule.line()
                                + ": the merged tokenizer has no token "
                                + entry.getKey()
                                + (all == null ? "; take the union of all tokens" : ""));
            }
            if (rule.model() != null && rule.token() != null) {
                TokenTable table = Objects.requireNonNull(tables.get(rule.model()));
                if (table.id(rule.token()) == null) {
                    throw new MergeException(
                            plan.file
                                    + " line "
                                    + rule.line()
                                    + ": "
                                    + rule.model()
                                    + " has no token "
                                    + rule.token());
                }
            }
        }
    }

    /** Returns what the rows depend on besides the models. */
    String key() {
        StringBuilder key = new StringBuilder();
        tables.forEach((name, table) -> key.append(name).append(table.ids().hashCode()));
        for (String token : tokens) {
            key.append('\n').append(token);
        }
        return key.toString();
    }

    /** Returns whether the rows of tokens are matched by token. */
    boolean matchesRows() {
        return plan.tokens != null;
    }

    /**
     * Puts the rows of matrices into the order of the merged tokenizer.
     *
     * @param stored the matrix of every model that has it, with a row for every token
     */
    Map<ModelReference, MergeJob.Input> match(Map<ModelReference, MergeJob.Input> stored)
            throws MergeException {
        int rows = rows(stored);
        Map<ModelReference, MergeJob.Input> matched = new LinkedHashMap<>();
        List<MergeJob.Input> all = new ArrayList<>(stored.values());
        List<ModelReference> names = new ArrayList<>(stored.keySet());
        for (ModelReference model : names) {
            MergeJob.Input own = Objects.requireNonNull(stored.get(model));
            List<MergeJob.Input> sources = new ArrayList<>();
            sources.add(own);
            sources.addAll(all);
            TokenRows places = new TokenRows(sources, rows);
            boolean moved = own.info().shape().get(0) != rows;
            for (int id = 0; id < rows; id++) {
                int row = ownRow(model, own, id);
                if (row >= 0) {
                    places.set(id, List.of(new TokenRows.Place(0, row)));
                    moved |= row != id;
                } else {
                    moved = true;
                    fill(places, id, names, all);
                }
            }
            matched.put(model, moved ? own.with(places) : own);
        }
        return matched;
    }

    /** Returns how many rows mergekit would make. */
    int size() {
        return padded(tokens.length);
    }

    private int padded(int rows) {
        int multiple = plan.tokens == null ? 1 : plan.tokens.multiple();
        return Math.multiplyExact((rows + multiple - 1) / multiple, multiple);
    }

    private int rows(Map<ModelReference, MergeJob.Input> stored) {
        int rows = tokens.length;
        MergeJob.Input first = start == null ? null : stored.get(start);
        if (!plan.parity && first != null) {
            rows = Math.max(rows, Math.toIntExact(first.info().shape().get(0)));
        }
        return padded(rows);
    }

    /** Returns a model's own row of a token, −1 for none or one that a rule replaces. */
    private int ownRow(ModelReference model, MergeJob.Input own, int id) {
        String token = token(id);
        TokenTable table = Objects.requireNonNull(tables.get(model));
        long has = own.info().shape().get(0);
        if (token == null) {
            return !plan.parity && id < has && id >= table.size() ? id : -1;
        }
        TokenPlan.Rule rule = rule(token);
        Integer row = table.id(token);
        return row == null || row >= has || (rule != null && rule.forced()) ? -1 : row;
    }

    /** Sets the row of a token in a model that has none of its own. */
    private void fill(
            TokenRows places, int id, List<ModelReference> names, List<MergeJob.Input> all)
            throws MergeException {
        String token = token(id);
        TokenPlan.Rule rule = token == null ? null : rule(token);
        if (rule != null) {
            if (rule.model() != null) {
                places.set(id, List.of(named(rule, names, all)));
            }
            return;
        }
        List<TokenRows.Place> owners = new ArrayList<>();
        for (int k = 0; k < names.size(); k++) {
            int row = ownRow(names.get(k), all.get(k), id);
            if (row < 0) {
                continue;
            }
            TokenRows.Place place = new TokenRows.Place(k + 1, row);
            if (names.get(k).equals(plan.base)) {
                owners = List.of(place);
                break;
            }
            owners.add(place);
        }
        if (owners.isEmpty() && token == null) {
            places.setMeanOfAll(id);
        } else {
            places.set(id, owners);
        }
    }

    private TokenRows.Place named(
            TokenPlan.Rule rule, List<ModelReference> names, List<MergeJob.Input> all)
            throws MergeException {
        ModelReference model = Objects.requireNonNull(rule.model());
        int k = names.indexOf(model);
        Integer row =
                rule.token() == null
                        ? Integer.valueOf(rule.id())
                        : Objects.requireNonNull(tables.get(model)).id(rule.token());
        if (k < 0 || row == null || row >= all.get(k).info().shape().get(0)) {
            throw new MergeException(
                    plan.file + " line " + rule.line() + ": " + model + " has no row " + row);
        }
        return new TokenRows.Place(k + 1, row);
    }

    private @Nullable String token(int id) {
        return id < tokens.length ? tokens[id] : null;
    }

    private TokenPlan.@Nullable Rule rule(String token) {
        return plan.tokens == null ? null : plan.tokens.tokens().get(token);
    }

    private static @Nullable String template(MergePlan plan, MergeInputs inputs)
            throws IOException {
        String template = plan.chatTemplate;
        if (template == null || !template.equals("auto")) {
            return template == null ? null : NamedTemplates.of(template);
        }
        // The template of most models, the first of several.
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (ModelReference model : plan.models()) {
            String text = ChatVector.template(inputs.get(model).path());
            if (text != null) {
                counts.merge(text, 1, Integer::sum);
            }
        }
        String best = null;
        int most = 0;
        for (Map.Entry<String, Integer> entry : counts.entrySet()) {
            if (entry.getValue() > most) {
                best = entry.getKey();
                most = entry.getValue();
            }
        }
        return best;
    }

    /** Writes the tokenizer, the template and the other small files of the model they are of. */
    void copyTo(Path out) throws IOException {
        ModelFolder.copyBeside(model, out);
        if (!from.equals(model)) {
            for (String name : FILES) {
                Files.deleteIfExists(out.resolve(name));
                if (Files.isRegularFile(from.resolve(name))) {
                    AtomicFile.write(out.resolve(name), Files.readAllBytes(from.resolve(name)));
                }
            }
        }
        UnionTokenizer added = union == null || union.isFirst() ? null : union;
        if (added != null) {
            AtomicFile.write(
                    out.resolve(TokenTable.FILE),
                    TokenTable.JSON
                            .writerWithDefaultPrettyPrinter()
                            .writeValueAsBytes(added.file()));
        }
        Path file = out.resolve(CONFIG);
        if (Files.isRegularFile(file) && (added != null || template != null)) {
            ObjectNode config = ChatVector.json(file);
            if (config != null) {
                if (added != null) {
                    added.addTo(config);
                }
                if (template != null) {
                    config.remove("chat_template");
                }
                AtomicFile.write(
                        file,
                        TokenTable.JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(config));
            }
        }
        if (template != null) {
            AtomicFile.write(out.resolve(TEMPLATE), template);
        }
    }
}
