package org.retain4j.core.text.jinja;

import java.util.List;

/** The tokens of a template, read one after the other, and how deep the reader is in it. */
final class TokenStream {

    private static final int MAX_DEPTH = 200;

    private final List<Token> tokens;
    private int position;
    private int depth;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token current() {
        return tokens.get(position);
    }

    Token look() {
        return tokens.get(Math.min(position + 1, tokens.size() - 1));
    }

    /** Returns the current token and goes on to the next; the last one stays. */
    Token next() {
        Token token = current();
        position = Math.min(position + 1, tokens.size() - 1);
        return token;
    }

    boolean skipIf(String operator) {
        boolean found = current().is(operator);
        if (found) {
            next();
        }
        return found;
    }

    boolean skipIfName(String name) {
        boolean found = current().isName(name);
        if (found) {
            next();
        }
        return found;
    }

    void expect(String operator) {
        if (!skipIf(operator)) {
            throw fail("expected '" + operator + "', got " + current().description());
        }
    }

    void expectName(String name) {
        if (!skipIfName(name)) {
            throw fail("expected '" + name + "', got " + current().description());
        }
    }

    Token expect(Token.Kind kind) {
        if (current().kind() != kind) {
            throw fail("expected a " + kind + ", got " + current().description());
        }
        return next();
    }

    void enter() {
        if (++depth > MAX_DEPTH) {
            throw fail("more than " + MAX_DEPTH + " blocks or expressions inside each other");
        }
    }

    void leave() {
        depth--;
    }

    Failure fail(String text) {
        return new Failure(text, current().line());
    }
}
