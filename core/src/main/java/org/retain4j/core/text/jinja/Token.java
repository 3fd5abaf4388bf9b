package org.retain4j.core.text.jinja;

/**
 * A piece of a template.
 *
 * @param text the name, operator or contents of the string; the digits of a number
 * @param line the line on which it starts, from 1
 */
record Token(Kind kind, String text, int line) {

    /** What a piece of a template can be. */
    enum Kind {
        DATA("template data"),
        PRINT_BEGIN("begin of print statement"),
        PRINT_END("end of print statement"),
        BLOCK_BEGIN("begin of statement block"),
        BLOCK_END("end of statement block"),
        NAME("name"),
        STRING("string"),
        INTEGER("integer"),
        FLOAT("float"),
        OPERATOR("operator"),
        END("end of template");

        private final String description;

        Kind(String description) {
            this.description = description;
        }
    }

    boolean is(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    /** Returns the token as messages name it. */
    String description() {
        boolean own = kind == Kind.NAME || kind == Kind.OPERATOR || kind == Kind.INTEGER;
        return "'" + (own ? text : kind.description) + "'";
    }
}
