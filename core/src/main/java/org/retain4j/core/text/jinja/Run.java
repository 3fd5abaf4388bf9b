package org.retain4j.core.text.jinja;

import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

/** One rendering: what it has used of its limits, and what it has found out on the way. */
final class Run {

    /** What an element of a list is charged, in characters. */
    static final int ELEMENT = 32;

    private static final int CHARGE_FACTOR = 4;
    private static final int WORK_BETWEEN_LOOKS = 1 << 16;
    // a macro nests several expressions, so values and expressions may go deeper than calls
    private static final int EXPRESSIONS_PER_LEVEL = 5;

    private final Limits limits;
    private final Clock clock;
    private final long deadline;
    private final Output root = new Output(this);
    private final List<Rendering.Span> generated = new ArrayList<>();
    private long steps;
    private long work;
    private long charged;
    private int depth;
    private int expressionDepth;
    private int line;

    Run(Limits limits, Clock clock) {
        this.limits = limits;
        this.clock = clock;
        this.deadline = System.nanoTime() + limits.time().toNanos();
    }

    Clock clock() {
        return clock;
    }

    Output root() {
        return root;
    }

    List<Rendering.Span> generated() {
        return generated;
    }

    int line() {
        return line;
    }

    void line(int value) {
        line = value;
    }

    Object eval(Expr expression, Scope scope) {
        step();
        if (++expressionDepth > limits.depth() * EXPRESSIONS_PER_LEVEL) {
            throw tooDeep();
        }
        Object value = expression.eval(scope);
        expressionDepth--;
        return value;
    }

    /** Counts a level of calls or of values inside values. */
    void enter() {
        step();
        if (++depth > limits.depth()) {
            throw tooDeep();
        }
    }

    /** Ends the level; not called on failure, which ends the rendering as a whole. */
    void leave() {
        depth--;
    }

    private Failure tooDeep() {
        return new Failure("more than " + limits.depth() + " levels of calls or values");
    }

    void step() {
        if (++steps > limits.steps()) {
            throw new Failure("more than " + limits.steps() + " steps, the limit of a rendering");
        }
        work(16);
    }

    /** Counts time spent, in about a nanosecond. */
    void work(long amount) {
        work += amount;
        if (work >= WORK_BETWEEN_LOOKS) {
            work = 0;
            if (System.nanoTime() - deadline > 0) {
                throw new Failure(
                        "more than " + limits.time().toMillis() + " ms, the limit of a rendering");
            }
        }
    }

    /** Counts a new text of so many characters, before it is made. */
    void charge(long characters) {
        if (characters > limits.characters()) {
            throw new Failure("a text or list of more than " + limits.characters() + " characters");
        }
        chargePart(characters + ELEMENT);
    }

    /** Counts characters that become part of a larger text. */
    void chargePart(long characters) {
        charged += characters;
        if (charged > (long) limits.characters() * CHARGE_FACTOR) {
            throw new Failure(
                    "values of more than "
                            + (long) limits.characters() * CHARGE_FACTOR
                            + " characters, the limit of a rendering");
        }
        work(characters);
    }

    /** Forgets what was counted for values that the caller has given. */
    void inputIsFree() {
        charged = 0;
    }

    /** Counts a new list, before it is made. */
    void chargeElements(long count) {
        charge(count > Integer.MAX_VALUE ? Integer.MAX_VALUE : count * ELEMENT);
    }

    int maxCharacters() {
        return limits.characters();
    }
}
