package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Reads expressions, with the priorities of Jinja's own grammar. */
final class ExpressionParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final int MAX_CHAIN = 200;

    private final TokenStream stream;
    private Set<String> namesRead = new HashSet<>();

    ExpressionParser(TokenStream stream) {
        this.stream = stream;
    }

    /** Collects the names that are read while the body runs. */
    Set<String> namesRead(Runnable body) {
        Set<String> outer = namesRead;
        Set<String> inner = new HashSet<>();
        namesRead = inner;
        body.run();
        outer.addAll(inner);
        namesRead = outer;
        return inner;
    }

    Expr expression() {
        return nested(() -> conditional(true));
    }

    private Expr nested(Supplier<Expr> part) {
        stream.enter();
        Expr expression = part.get();
        stream.leave();
        return expression;
    }

    private Expr conditional(boolean withCondition) {
        Expr value = or();
        int length = 0;
        while (withCondition && stream.skipIfName("if")) {
            checkChain(++length);
            Expr test = or();
            Expr otherwise = null;
            if (stream.skipIfName("else")) {
                otherwise = nested(() -> conditional(true));
            }
            value = new Expressions.Conditional(test, value, otherwise);
        }
        return value;
    }

    private void checkChain(int length) {
        if (length > MAX_CHAIN) {
            throw stream.fail("a chain of more than " + MAX_CHAIN + " parts");
        }
    }

    private Expr or() {
        List<Expr> parts = new ArrayList<>(List.of(and()));
        while (stream.skipIfName("or")) {
            parts.add(and());
        }
        return parts.size() == 1 ? parts.get(0) : new Expressions.Or(parts);
    }

    private Expr and() {
        List<Expr> parts = new ArrayList<>(List.of(not()));
        while (stream.skipIfName("and")) {
            parts.add(not());
        }
        return parts.size() == 1 ? parts.get(0) : new Expressions.And(parts);
    }

    private Expr not() {
        if (stream.skipIfName("not")) {
            return new Expressions.Not(nested(this::not));
        }
        return comparison();
    }

    private Expr comparison() {
        Expr first = sum();
        List<Expressions.Operand> operands = new ArrayList<>();
        while (true) {
            Token token = stream.current();
            String operator;
            if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
                operator = stream.next().text();
            } else if (stream.skipIfName("in")) {
                operator = "in";
            } else if (token.isName("not") && stream.look().isName("in")) {
                stream.next();
                stream.next();
                operator = "not in";
            } else {
                break;
            }
            operands.add(new Expressions.Operand(operator, sum()));
        }
        return operands.isEmpty() ? first : new Expressions.Comparison(first, operands);
    }

    private Expr sum() {
        return leftToRight(this::concatenation, "+", "-");
    }

    private Expr concatenation() {
        List<Expr> parts = new ArrayList<>(List.of(product()));
        while (stream.skipIf("~")) {
            parts.add(product());
        }
        return parts.size() == 1 ? parts.get(0) : new Expressions.Concatenation(parts);
    }

    private Expr product() {
        return leftToRight(this::power, "*", "/", "//", "%");
    }

    private Expr power() {
        return leftToRight(() -> unary(true), "**");
    }

    private Expr leftToRight(Supplier<Expr> part, String... operators) {
        Expr first = part.get();
        List<Expressions.Operand> operands = new ArrayList<>();
        Set<String> set = Set.of(operators);
        while (stream.current().kind() == Token.Kind.OPERATOR
                && set.contains(stream.current().text())) {
            operands.add(new Expressions.Operand(stream.next().text(), part.get()));
        }
        return operands.isEmpty() ? first : new Expressions.Arithmetic(first, operands);
    }

    private Expr unary(boolean withFilters) {
        Expr value;
        if (stream.current().is("-") || stream.current().is("+")) {
            boolean negative = stream.next().is("-");
            value = new Expressions.Sign(negative, nested(() -> unary(false)));
        } else {
            value = primary();
        }
        value = postfix(value);
        return withFilters ? filters(value) : value;
    }

    private Expr primary() {
        Token token = stream.next();
        return switch (token.kind()) {
            case NAME -> name(token.text());
            case STRING -> string(token.text());
            case INTEGER -> new Expressions.Constant(integer(token));
            case FLOAT -> new Expressions.Constant(Double.valueOf(token.text()));
            default -> {
                if (token.is("(")) {
                    Expr tuple = nested(() -> tuple(true, true));
                    stream.expect(")");
                    yield tuple;
                } else if (token.is("[")) {
                    yield nested(() -> new Expressions.ListLiteral(items("]")));
                } else if (token.is("{")) {
                    yield nested(this::dict);
                }
                throw new Failure(
                        "expected an expression, got " + token.description(), token.line());
            }
        };
    }

    private Expr name(String name) {
        return switch (name) {
            case "true", "True" -> new Expressions.Constant(true);
            case "false", "False" -> new Expressions.Constant(false);
            case "none", "None" -> new Expressions.Constant(None.NONE);
            default -> {
                namesRead.add(name);
                yield new Expressions.Name(name);
            }
        };
    }

    private Expr string(String first) {
        StringBuilder text = new StringBuilder(first);
        while (stream.current().kind() == Token.Kind.STRING) {
            text.append(stream.next().text());
        }
        return new Expressions.Constant(text.toString());
    }

    private static Object integer(Token token) {
        String digits = token.text();
        if (digits.length() > 4300) {
            throw new Failure("a whole number of more than 4300 digits, the limit", token.line());
        }
        int base =
                digits.length() < 2
                        ? 10
                        : switch (digits.charAt(1)) {
                            case 'b', 'B' -> 2;
                            case 'o', 'O' -> 8;
                            case 'x', 'X' -> 16;
                            default -> 10;
                        };
        return Numbers.normal(new BigInteger(base == 10 ? digits : digits.substring(2), base));
    }

    private List<Expr> items(String end) {
        List<Expr> items = new ArrayList<>();
        while (!stream.current().is(end)) {
            if (!items.isEmpty()) {
                stream.expect(",");
                if (stream.current().is(end)) {
                    break;
                }
            }
            items.add(expression());
        }
        stream.expect(end);
        return items;
    }

    private Expr dict() {
        List<Expressions.Pair> pairs = new ArrayList<>();
        while (!stream.current().is("}")) {
            if (!pairs.isEmpty()) {
                stream.expect(",");
                if (stream.current().is("}")) {
                    break;
                }
            }
            Expr key = expression();
            stream.expect(":");
            pairs.add(new Expressions.Pair(key, expression()));
        }
        stream.expect("}");
        return new Expressions.DictLiteral(pairs);
    }

    /**
     * Reads an expression, or several with commas between them as a tuple.
     *
     * @param withCondition whether {@code a if b} belongs to it
     * @param parentheses whether it stands in parentheses, where it may be empty
     */
    Expr tuple(boolean withCondition, boolean parentheses) {
        List<Expr> items = new ArrayList<>();
        boolean comma = false;
        while (!endsTuple()) {
            items.add(withCondition ? expression() : nested(() -> conditional(false)));
            if (!stream.current().is(",")) {
                break;
            }
            comma = true;
            stream.next();
        }
        if (items.isEmpty() && !parentheses) {
            throw stream.fail("expected an expression, got " + stream.current().description());
        }
        return items.size() == 1 && !comma ? items.get(0) : new Expressions.TupleLiteral(items);
    }

    private boolean endsTuple() {
        Token token = stream.current();
        return token.kind() == Token.Kind.PRINT_END
                || token.kind() == Token.Kind.BLOCK_END
                || token.kind() == Token.Kind.END
                || token.is(")")
                || token.isName("recursive");
    }

    private Expr postfix(Expr start) {
        Expr value = start;
        for (int length = 1; ; length++) {
            checkChain(length);
            if (stream.skipIf(".")) {
                Token name = stream.next();
                if (name.kind() == Token.Kind.NAME) {
                    value = new Expressions.Attribute(value, name.text());
                } else if (name.kind() == Token.Kind.INTEGER) {
                    value = new Expressions.Item(value, new Expressions.Constant(integer(name)));
                } else {
                    throw stream.fail("expected a name or number, got " + name.description());
                }
            } else if (stream.skipIf("[")) {
                value = subscript(value);
            } else if (stream.current().is("(")) {
                value = new Expressions.Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    private Expr subscript(Expr target) {
        List<Expr> keys = new ArrayList<>();
        while (!stream.current().is("]")) {
            if (!keys.isEmpty()) {
                stream.expect(",");
            }
            Expr start = stream.current().is(":") ? null : expression();
            if (!stream.current().is(":")) {
                keys.add(start == null ? new Expressions.Constant(None.NONE) : start);
                continue;
            }
            stream.next();
            Expr stop = slicePart();
            Expr step = stream.skipIf(":") ? slicePart() : null;
            stream.expect("]");
            if (!keys.isEmpty()) {
                throw stream.fail("slices of several dimensions are not supported");
            }
            return new Expressions.Slice(target, start, stop, step);
        }
        stream.expect("]");
        return new Expressions.Item(
                target, keys.size() == 1 ? keys.get(0) : new Expressions.TupleLiteral(keys));
    }

    private @Nullable Expr slicePart() {
        Token token = stream.current();
        return token.is(":") || token.is("]") || token.is(",") ? null : expression();
    }

    List<Args.Written> arguments() {
        stream.expect("(");
        List<Args.Written> arguments = new ArrayList<>();
        boolean named = false;
        while (!stream.current().is(")")) {
            if (!arguments.isEmpty()) {
                stream.expect(",");
                if (stream.current().is(")")) {
                    break;
                }
            }
            if (stream.skipIf("*")) {
                arguments.add(new Args.Written(null, 1, expression()));
            } else if (stream.skipIf("**")) {
                arguments.add(new Args.Written(null, 2, expression()));
                named = true;
            } else if (stream.current().kind() == Token.Kind.NAME && stream.look().is("=")) {
                String name = stream.next().text();
                stream.next();
                arguments.add(new Args.Written(name, 0, expression()));
                named = true;
            } else if (named) {
                throw stream.fail("an argument without name after one with a name");
            } else {
                arguments.add(new Args.Written(null, 0, expression()));
            }
        }
        stream.expect(")");
        return arguments;
    }

    private Expr filters(Expr start) {
        Expr value = start;
        for (int length = 1; ; length++) {
            checkChain(length);
            if (stream.skipIf("|")) {
                value = filter(value);
            } else if (stream.skipIfName("is")) {
                value = test(value);
            } else if (stream.current().is("(")) {
                value = new Expressions.Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    /** Reads the filters of a block, the first of them without a bar. */
    Expr blockFilters(Expr start) {
        return filters(filter(start));
    }

    private Expr filter(Expr value) {
        String name = dottedName();
        List<Args.Written> arguments = stream.current().is("(") ? arguments() : List.of();
        return new Expressions.FilterCall(value, name, arguments);
    }

    private String dottedName() {
        String name = stream.expect(Token.Kind.NAME).text();
        while (stream.skipIf(".")) {
            name += "." + stream.expect(Token.Kind.NAME).text();
        }
        return name;
    }

    private Expr test(Expr value) {
        boolean negated = stream.skipIfName("not");
        String name = dottedName();
        List<Args.Written> arguments = List.of();
        Token token = stream.current();
        boolean argument =
                switch (token.kind()) {
                    case STRING, INTEGER, FLOAT -> true;
                    case NAME -> !Set.of("else", "or", "and").contains(token.text());
                    default -> token.is("[") || token.is("{");
                };
        if (token.is("(")) {
            arguments = arguments();
        } else if (argument) {
            if (token.isName("is")) {
                throw stream.fail("several tests with \"is\" cannot be chained");
            }
            arguments = List.of(new Args.Written(null, 0, postfix(primary())));
        }
        Expr test = new Expressions.TestCall(value, name, arguments);
        return negated ? new Expressions.Not(test) : test;
    }
}
