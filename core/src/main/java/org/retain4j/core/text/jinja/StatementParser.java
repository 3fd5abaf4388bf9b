package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads a template. */
final class StatementParser {

    private static final Set<String> UNSUPPORTED =
            Set.of(
                    "autoescape",
                    "block",
                    "debug",
                    "do",
                    "extends",
                    "from",
                    "import",
                    "include",
                    "trans");

    private final TokenStream stream;
    private final ExpressionParser expressions;
    private int loops;

    StatementParser(List<Token> tokens) {
        this.stream = new TokenStream(tokens);
        this.expressions = new ExpressionParser(stream);
    }

    Stmt template() {
        Stmt body = body(Set.of());
        if (stream.current().kind() != Token.Kind.END) {
            throw stream.fail("the tag " + stream.current().description() + " closes nothing");
        }
        return body;
    }

    /** Reads up to a tag with one of the names, which is current afterwards. */
    private Stmt body(Set<String> ends) {
        stream.enter();
        List<Statements.Line> lines = new ArrayList<>();
        while (true) {
            Token token = stream.current();
            if (token.kind() == Token.Kind.DATA) {
                stream.next();
                add(lines, token, new Statements.Text(token.text()));
            } else if (token.kind() == Token.Kind.PRINT_BEGIN) {
                stream.next();
                add(lines, token, new Statements.Print(expressions.tuple(true, false)));
                stream.expect(Token.Kind.PRINT_END);
            } else if (token.kind() == Token.Kind.BLOCK_BEGIN) {
                stream.next();
                if (stream.current().kind() == Token.Kind.NAME
                        && ends.contains(stream.current().text())) {
                    break;
                }
                add(lines, token, statement());
                stream.expect(Token.Kind.BLOCK_END);
            } else if (token.kind() == Token.Kind.END && ends.isEmpty()) {
                break;
            } else if (token.kind() == Token.Kind.END) {
                throw stream.fail("unexpected end of template; expected the tag " + names(ends));
            } else {
                throw stream.fail("unexpected " + token.description());
            }
        }
        stream.leave();
        return new Statements.Body(lines);
    }

    private static String names(Set<String> ends) {
        return String.join(" or ", ends.stream().sorted().toList());
    }

    private static void add(List<Statements.Line> lines, Token token, Stmt statement) {
        lines.add(new Statements.Line(token.line(), statement));
    }

    /** Reads the body of a block and its end tag up to the end of that tag. */
    private Stmt bodyTo(String end) {
        stream.expect(Token.Kind.BLOCK_END);
        Stmt body = body(Set.of(end));
        stream.next();
        return body;
    }

    /** Reads the body of a block that loops around it cannot be left from. */
    private Stmt separateBodyTo(String end) {
        int outer = loops;
        loops = 0;
        Stmt body = bodyTo(end);
        loops = outer;
        return body;
    }

    private Stmt statement() {
        Token tag = stream.next();
        if (tag.kind() != Token.Kind.NAME) {
            throw new Failure("expected the name of a tag, got " + tag.description(), tag.line());
        }
        return switch (tag.text()) {
            case "if" -> condition();
            case "for" -> loop();
            case "set" -> assignment();
            case "macro" -> macro();
            case "call" -> callBlock();
            case "filter" -> filterBlock();
            case "with" -> with();
            case "print" -> new Statements.Print(expressions.tuple(true, false));
            case "generation" -> new Statements.Generation(separateBodyTo("endgeneration"));
            case "break", "continue" -> loopControl(tag);
            default -> {
                boolean known = UNSUPPORTED.contains(tag.text());
                throw new Failure(
                        (known
                                ? "the tag '" + tag.text() + "' is not supported in chat templates"
                                : "unknown tag '" + tag.text() + "'"),
                        tag.line());
            }
        };
    }

    private Stmt loopControl(Token tag) {
        if (loops == 0) {
            throw new Failure("'" + tag.text() + "' outside of a loop", tag.line());
        }
        return new Statements.LoopControl(
                tag.text().equals("break") ? Stmt.Flow.BREAK : Stmt.Flow.CONTINUE);
    }

    private Stmt condition() {
        List<Statements.Branch> branches = new ArrayList<>();
        Stmt otherwise = null;
        String tag = "elif";
        while (tag.equals("elif")) {
            Expr test = expressions.tuple(false, false);
            stream.expect(Token.Kind.BLOCK_END);
            branches.add(new Statements.Branch(test, body(Set.of("elif", "else", "endif"))));
            tag = stream.next().text();
        }
        if (tag.equals("else")) {
            otherwise = bodyTo("endif");
        }
        return new Statements.Condition(branches, otherwise);
    }

    private Stmt loop() {
        Target target = target(false);
        if (target instanceof Target.Variable variable && variable.name().equals("loop")) {
            throw stream.fail("the variable of a loop cannot be named loop");
        }
        stream.expectName("in");
        Expr items = expressions.tuple(false, false);
        Expr test = stream.skipIfName("if") ? expressions.expression() : null;
        boolean recursive = stream.skipIfName("recursive");
        stream.expect(Token.Kind.BLOCK_END);
        loops++;
        Stmt body = body(Set.of("endfor", "else"));
        loops--;
        Stmt otherwise = null;
        if (stream.next().text().equals("else")) {
            otherwise = bodyTo("endfor");
        }
        return new Statements.For(target, items, test, recursive, body, otherwise);
    }

    private Target target(boolean withNamespace) {
        List<Target> targets = new ArrayList<>();
        boolean tuple = false;
        boolean parentheses = stream.skipIf("(");
        do {
            if (!targets.isEmpty()
                    && stream.current().kind() != Token.Kind.NAME
                    && !stream.current().is("(")) {
                break;
            }
            if (stream.current().is("(")) {
                stream.enter();
                targets.add(target(false));
                stream.leave();
                continue;
            }
            String name = stream.expect(Token.Kind.NAME).text();
            if (Set.of("true", "false", "none", "True", "False", "None").contains(name)) {
                throw stream.fail("cannot assign to " + name);
            }
            if (withNamespace && stream.skipIf(".")) {
                targets.add(new Target.Field(name, stream.expect(Token.Kind.NAME).text()));
            } else {
                targets.add(new Target.Variable(name));
            }
        } while (stream.current().is(",") && (tuple = stream.skipIf(",")));
        if (parentheses) {
            stream.expect(")");
        }
        return targets.size() == 1 && !tuple ? targets.get(0) : new Target.Several(targets);
    }

    private Stmt assignment() {
        Target target = target(true);
        if (stream.skipIf("=")) {
            return new Statements.Assignment(target, expressions.tuple(true, false));
        }
        Statements.Captured captured = new Statements.Captured();
        Expr value = captured;
        if (stream.skipIf("|")) {
            value = expressions.blockFilters(captured);
        }
        return new Statements.CaptureAssignment(target, value, bodyTo("endset"));
    }

    private Stmt macro() {
        String name = stream.expect(Token.Kind.NAME).text();
        return new Statements.MacroDefinition(definition(name, parameters(), "endmacro"));
    }

    private Macro.Definition definition(String name, List<Macro.Parameter> parameters, String end) {
        Stmt[] body = new Stmt[1];
        Set<String> read = expressions.namesRead(() -> body[0] = separateBodyTo(end));
        return new Macro.Definition(name, parameters, read, body[0]);
    }

    private List<Macro.Parameter> parameters() {
        stream.expect("(");
        List<Macro.Parameter> parameters = new ArrayList<>();
        boolean defaults = false;
        while (!stream.current().is(")")) {
            if (!parameters.isEmpty()) {
                stream.expect(",");
            }
            String name = stream.expect(Token.Kind.NAME).text();
            @Nullable Expr value = stream.skipIf("=") ? expressions.expression() : null;
            if (value == null && defaults) {
                throw stream.fail("a parameter without default after one with a default");
            }
            defaults = value != null;
            parameters.add(new Macro.Parameter(name, value));
        }
        stream.expect(")");
        return parameters;
    }

    private Stmt callBlock() {
        List<Macro.Parameter> parameters = stream.current().is("(") ? parameters() : List.of();
        if (!(expressions.expression() instanceof Expressions.Call call)) {
            throw stream.fail("expected a call in the tag call");
        }
        return new Statements.CallBlock(call, definition("caller", parameters, "endcall"));
    }

    private Stmt filterBlock() {
        Statements.Captured captured = new Statements.Captured();
        Expr value = expressions.blockFilters(captured);
        return new Statements.FilterBlock(value, bodyTo("endfilter"));
    }

    private Stmt with() {
        List<Target> targets = new ArrayList<>();
        List<Expr> values = new ArrayList<>();
        while (stream.current().kind() != Token.Kind.BLOCK_END) {
            if (!targets.isEmpty()) {
                stream.expect(",");
            }
            targets.add(new Target.Variable(stream.expect(Token.Kind.NAME).text()));
            stream.expect("=");
            values.add(expressions.expression());
        }
        return new Statements.With(targets, values, bodyTo("endwith"));
    }
}
