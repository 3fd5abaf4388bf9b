package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A part of a YAML text with its line.
 *
 * @param file name of the file for messages
 * @param kind what it is
 * @param line line in the text, from 1
 * @param text the scalar as written, empty for the others
 * @param token what YAML takes the scalar for
 * @param entries entries of a mapping in order
 * @param items items of a list
 */
record PlanNode(
        String file,
        Kind kind,
        int line,
        String text,
        JsonToken token,
        Map<String, PlanNode> entries,
        List<PlanNode> items) {

    private static final int MAX_DEPTH = 40;
    private static final int MAX_NODES = 200_000;

    /** The key with which YAML takes over the entries of another mapping. */
    private static final String MERGE = "<<";

    /** Kinds of nodes. */
    enum Kind {
        MAPPING,
        LIST,
        SCALAR
    }

    /** Reads all documents of a text. */
    static List<PlanNode> parse(String file, String text) throws MergeException {
        try (YAMLParser parser = new YAMLFactory().createParser(text)) {
            List<PlanNode> documents = new ArrayList<>();
            int[] left = {MAX_NODES};
            while (parser.nextToken() != null) {
                PlanNode document = new Builder(file, parser, left).read(0);
                if (!document.isNull()) {
                    documents.add(document);
                }
            }
            return documents;
        } catch (MergeException e) {
            throw e;
        } catch (JsonProcessingException e) {
            int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
            String reason = e.getOriginalMessage().lines().findFirst().orElse("damaged");
            throw new MergeException(
                    file + " line " + Math.max(1, line) + " is not YAML: " + reason, e);
        } catch (IOException e) {
            throw new MergeException(file + " is not YAML: " + e.getMessage(), e);
        }
    }

    /** Reads a document. */
    private static final class Builder {

        private final String file;
        private final YAMLParser parser;
        private final int[] left;
        private final Map<String, PlanNode> anchors = new HashMap<>();

        Builder(String file, YAMLParser parser, int[] left) {
            this.file = file;
            this.parser = parser;
            this.left = left;
        }

        PlanNode read(int depth) throws IOException {
            int line = Math.max(1, parser.currentTokenLocation().getLineNr());
            JsonToken token = parser.currentToken();
            spend(1, depth, line);
            if (parser.isCurrentAlias()) {
                PlanNode target = anchors.get(parser.getText());
                if (target == null) {
                    throw new MergeException(
                            file
                                    + " line "
                                    + line
                                    + " has the alias *"
                                    + parser.getText()
                                    + " but no anchor of that name stands before it");
                }
                spend(size(target), depth, line);
                return target;
            }
            String anchor = parser.getObjectId() == null ? "" : parser.getObjectId().toString();
            PlanNode node = node(depth, line, token);
            if (!anchor.isEmpty()) {
                anchors.put(anchor, node);
            }
            return node;
        }

        private PlanNode node(int depth, int line, JsonToken token) throws IOException {
            if (token == JsonToken.START_OBJECT) {
                return new PlanNode(file, Kind.MAPPING, line, "", token, entries(depth), List.of());
            }
            if (token == JsonToken.START_ARRAY) {
                List<PlanNode> items = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    items.add(read(depth + 1));
                }
                return new PlanNode(file, Kind.LIST, line, "", token, Map.of(), items);
            }
            String text = token == JsonToken.VALUE_NULL ? "" : parser.getText();
            return new PlanNode(file, Kind.SCALAR, line, text, token, Map.of(), List.of());
        }

        private Map<String, PlanNode> entries(int depth) throws IOException {
            Map<String, PlanNode> entries = new LinkedHashMap<>();
            List<PlanNode> inherited = new ArrayList<>();
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String key = parser.currentName();
                int at = parser.currentTokenLocation().getLineNr();
                parser.nextToken();
                PlanNode value = read(depth + 1);
                if (key.equals(MERGE)) {
                    inherited.addAll(value.kind() == Kind.LIST ? value.items() : List.of(value));
                } else if (entries.put(key, value) != null) {
                    throw new MergeException(
                            file + " line " + at + " has the key " + key + " twice; keep one");
                }
            }
            for (PlanNode mapping : inherited) {
                if (mapping.kind() != Kind.MAPPING) {
                    throw mapping.error("<< takes the keys of a mapping, and this is none");
                }
                mapping.entries().forEach(entries::putIfAbsent);
            }
            return entries;
        }

        private void spend(int nodes, int depth, int line) throws MergeException {
            left[0] -= nodes;
            if (depth > MAX_DEPTH || left[0] < 0) {
                throw new MergeException(
                        file + " line " + line + " is nested too deeply or too long for a plan");
            }
        }

        private static int size(PlanNode node) {
            int size = 1;
            for (PlanNode item : node.items()) {
                size += size(item);
            }
            for (PlanNode value : node.entries().values()) {
                size += size(value);
            }
            return size;
        }
    }

    boolean isNull() {
        return token == JsonToken.VALUE_NULL;
    }

    boolean isText() {
        return token == JsonToken.VALUE_STRING;
    }

    MergeException error(String sentence) {
        return new MergeException(file + " line " + line + ": " + sentence);
    }

    /** Returns an entry; one that is null counts as missing. */
    @Nullable PlanNode find(String key) {
        PlanNode node = entries.get(key);
        return node == null || node.isNull() ? null : node;
    }

    /** Fails unless this is a mapping with no other keys. */
    void requireKeys(String what, Set<String> known) throws MergeException {
        if (kind != Kind.MAPPING) {
            throw error(what + " must be a mapping with the keys " + sorted(known));
        }
        for (Map.Entry<String, PlanNode> entry : entries.entrySet()) {
            if (!known.contains(entry.getKey())) {
                throw entry.getValue()
                        .error(
                                what
                                        + " has no key "
                                        + entry.getKey()
                                        + Suggestion.of(entry.getKey(), known));
            }
        }
    }

    List<PlanNode> requireList(String what) throws MergeException {
        if (kind != Kind.LIST || items.isEmpty()) {
            throw error(what + " must be a list with at least one entry");
        }
        return items;
    }

    String requireText(String what) throws MergeException {
        if (!isText()) {
            throw error(what + " must be a text");
        }
        return text;
    }

    boolean requireFlag(String what) throws MergeException {
        if (token != JsonToken.VALUE_TRUE && token != JsonToken.VALUE_FALSE) {
            throw error(what + " must be true or false");
        }
        return token == JsonToken.VALUE_TRUE;
    }

    /** Returns a number, or 1 and 0 for true and false; null where this is neither. */
    @Nullable Double number() {
        return switch (token) {
            case VALUE_TRUE -> 1.0;
            case VALUE_FALSE -> 0.0;
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT, VALUE_STRING -> parse(text);
            default -> null;
        };
    }

    /** Also reads numbers such as 1e-5, which YAML takes for texts. */
    private static @Nullable Double parse(String text) {
        if (!text.matches("[-+]?[0-9_]*\\.?[0-9]+([eE][-+]?[0-9]{1,4})?|[-+]?[0-9]+\\.")
                || text.length() > 60) {
            return null;
        }
        try {
            double value = Double.parseDouble(text.replace("_", ""));
            return Double.isFinite(value) ? value : null;
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static String sorted(Set<String> keys) {
        return keys.stream().sorted().collect(Collectors.joining(", "));
    }
}
