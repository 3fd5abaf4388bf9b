package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.retain4j.core.text.jinja.Template;
import org.retain4j.core.text.jinja.TemplateException;

/** A text of a task file that is made of a row: the name of a column, or a Jinja template. */
final class RowTemplate {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final TypeReference<Map<String, Object>> MAP = new TypeReference<>() {};
    private static final Pattern USED =
            Pattern.compile("\\{\\{-?\\s*([A-Za-z_]\\w*)(?!\\w|\\s*\\()");
    private static final Pattern DEFINED =
            Pattern.compile("\\{%-?\\s*(?:set|for)\\s+([A-Za-z_][\\w, ]*?)\\s*(?:=|\\s+in\\s)");
    private static final Pattern WHOLE =
            Pattern.compile("\\s*\\{\\{(.*)\\}\\}\\s*", Pattern.DOTALL);

    private final String source;
    private final String where;
    private final Template template;
    private final Set<String> needed = new HashSet<>();

    /**
     * Reads a text.
     *
     * @param where names it in messages
     */
    RowTemplate(String source, String where) throws TaskException {
        this.source = source;
        this.where = where;
        // a rendering drops the last line break, which the harness keeps
        template = parse(source.endsWith("\n") ? source + "\n" : source);
        Matcher used = USED.matcher(source);
        while (used.find()) {
            needed.add(used.group(1));
        }
        Matcher defined = DEFINED.matcher(source);
        while (defined.find()) {
            for (String name : defined.group(1).split(",")) {
                needed.remove(name.strip());
            }
        }
        if (source.contains("is defined")) {
            needed.clear();
        }
        needed.removeAll(Set.of("true", "false", "none", "True", "False", "None", "not", "loop"));
    }

    private Template parse(String text) throws TaskException {
        try {
            return Template.parse(text, where);
        } catch (TemplateException e) {
            throw new TaskException(String.valueOf(e.getMessage()), e);
        }
    }

    /** Returns the text for a row. */
    String render(Row row) throws TaskException {
        JsonNode column = row.node().get(source);
        if (column != null && !column.isContainerNode()) {
            return row.text(source);
        }
        return render(template, row);
    }

    private String render(Template what, Row row) throws TaskException {
        for (String name : needed) {
            if (!row.node().has(name)) {
                throw row.wrong(name, "is missing, which " + where + " uses");
            }
        }
        try {
            return what.render(JSON.convertValue(row.node(), MAP));
        } catch (TemplateException e) {
            throw new TaskException(row.where() + ": " + e.getMessage(), e);
        }
    }

    /** Returns the list of texts for a row, which a column or an expression gives. */
    List<String> list(Row row) throws TaskException {
        if (row.node().has(source)) {
            return row.texts(source);
        }
        Matcher whole = WHOLE.matcher(source);
        String text =
                render(
                        whole.matches()
                                ? parse("{{ (" + whole.group(1) + ") | tojson }}")
                                : template,
                        row);
        try {
            JsonNode list = JSON.readTree(text);
            if (list == null || !list.isArray()) {
                throw new TaskException(row.where() + ": " + where + " gives no list of answers");
            }
            List<String> texts = new ArrayList<>();
            for (JsonNode value : list) {
                texts.add(value.asText());
            }
            return texts;
        } catch (JsonProcessingException e) {
            throw new TaskException(
                    row.where()
                            + ": "
                            + where
                            + " gives no list of answers; expected a list, a column or {{ … }}",
                    e);
        }
    }
}
