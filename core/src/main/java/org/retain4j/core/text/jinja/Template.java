package org.retain4j.core.text.jinja;

import java.time.Clock;
import java.util.List;
import java.util.Map;

/**
 * A template in the Jinja2 language, in the dialect in which chat templates are written.
 *
 * <p>The dialect is that of transformers: {@code trim_blocks} and {@code lstrip_blocks}, one final
 * line break dropped, no escaping, values cannot be changed, {@code break}, {@code continue},
 * {@code generation}, {@code raise_exception}, {@code strftime_now} and a {@code tojson} that
 * writes plain JSON. Values behave as in Python. {@code block}, {@code extends}, {@code include},
 * {@code import}, {@code autoescape}, {@code do} and {@code trans} are refused by name; {@code
 * safe} and {@code escape} give plain texts.
 *
 * <p>A template sees only what it is given and can change nothing of it; it has no way to a Java
 * object, and its size, time and depth are bounded. Immutable, safe for all threads.
 */
public final class Template {

    private static final int MAX_SOURCE = 4 << 20;

    private final String origin;
    private final Stmt body;

    private Template(String origin, Stmt body) {
        this.origin = origin;
        this.body = body;
    }

    /**
     * Reads a template.
     *
     * @throws TemplateException when it is not well formed, or larger than 4 million characters
     */
    public static Template parse(String source) throws TemplateException {
        return parse(source, "The template");
    }

    /**
     * Reads a template.
     *
     * @param origin names it in messages
     * @throws TemplateException when it is not well formed, or larger than 4 million characters
     */
    public static Template parse(String source, String origin) throws TemplateException {
        if (source.length() > MAX_SOURCE) {
            throw new TemplateException(
                    origin + " is larger than " + MAX_SOURCE + " characters, the limit");
        }
        try {
            return new Template(origin, new StatementParser(new Lexer(source).tokens()).template());
        } catch (Failure e) {
            throw TemplateException.at(origin, e.line(), e);
        }
    }

    /**
     * Renders with the default limits.
     *
     * @throws TemplateException as {@link #render(Map, Limits, Clock)}
     */
    public String render(Map<String, ?> variables) throws TemplateException {
        return render(variables, Limits.DEFAULT, Clock.systemDefaultZone()).text();
    }

    /**
     * Renders the template.
     *
     * @param variables values by name: String, Boolean, Integer, Long, BigInteger, Double, null,
     *     and List and Map (with String keys) of these
     * @param clock what {@code strftime_now} tells
     * @throws TemplateException when the template fails, refuses its input or passes a limit, or a
     *     variable is of another type
     */
    public Rendering render(Map<String, ?> variables, Limits limits, Clock clock)
            throws TemplateException {
        Run run = new Run(limits, clock);
        try {
            Scope globals = new Scope(run, null);
            Globals.define(globals);
            Input.define(run, globals, variables);
            run.inputIsFree();
            body.run(globals.inner(), run.root());
            return new Rendering(run.root().toString(), List.copyOf(run.generated()));
        } catch (Failure e) {
            throw TemplateException.at(origin, e.line() > 0 ? e.line() : run.line(), e);
        } catch (OutOfMemoryError e) {
            // the limits keep a rendering below 400 MB, which not every heap has left
            throw TemplateException.at(
                    origin,
                    run.line(),
                    new Failure("the Java heap is too small for its values; lower the limits"));
        } catch (StackOverflowError e) {
            throw TemplateException.at(
                    origin, run.line(), new Failure("calls nested too deep for the Java stack"));
        }
    }
}
