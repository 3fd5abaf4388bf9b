package org.retain4j.core.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The language: what Jinja2 makes of the same templates, and the limits that it does not have. */
class TemplateTest {

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Clock CLOCK =
            Clock.fixed(Instant.parse("2024-07-06T05:04:03Z"), ZoneOffset.UTC);

    static JsonNode resource(String name) throws IOException {
        try (InputStream in =
                TemplateTest.class.getResourceAsStream("/org/retain4j/core/text/chat/" + name)) {
            return MAPPER.readTree(in);
        }
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(JsonNode node) {
        return MAPPER.convertValue(node, Map.class);
    }

    private static String render(String template) throws TemplateException {
        return Template.parse(template).render(Map.of());
    }

    private static TemplateException failure(String template) {
        Throwable thrown = catchThrowable(() -> render(template));
        assertThat(thrown).as(template).isInstanceOf(TemplateException.class);
        return (TemplateException) thrown;
    }

    @Test
    void rendersTheSameAsJinja() throws IOException {
        JsonNode file = resource("jinja.json");
        Map<String, Object> variables = map(file.get("variables"));
        List<String> wrong = new ArrayList<>();
        for (JsonNode item : file.get("cases")) {
            String template = item.get("template").textValue();
            String expected = item.has("error") ? "an error" : item.get("output").textValue();
            StringBuilder spans = new StringBuilder();
            String actual;
            try {
                Rendering rendering =
                        Template.parse(template).render(variables, Limits.DEFAULT, CLOCK);
                actual = rendering.text();
                rendering
                        .generated()
                        .forEach(s -> spans.append("[%d,%d]".formatted(s.start(), s.end())));
            } catch (TemplateException e) {
                actual = "an error";
            }
            String expectedSpans =
                    item.path("spans").toString().replace("[[", "[").replace("]]", "]");
            if (!actual.equals(expected)
                    || !spans.toString().equals(expectedSpans.replace("],[", "]["))) {
                wrong.add("%s gives %s%s, not %s".formatted(template, actual, spans, item));
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(file.get("cases")).hasSizeGreaterThan(1000);
    }

    @Test
    void takesPlainValuesOnly() throws TemplateException {
        Map<String, Object> variables = new HashMap<>();
        variables.put("none", null);
        variables.put("i", 1);
        variables.put("l", 1L << 40);
        variables.put("b", BigInteger.TEN.pow(20));
        variables.put("d", 0.5);
        variables.put("m", Map.of("k", List.of(true)));

        assertThat(Template.parse("{{ [i, l, b, d, m] }}").render(variables))
                .isEqualTo("[1, 1099511627776, 100000000000000000000, 0.5, {'k': [True]}]");
        assertThatThrownBy(() -> Template.parse("").render(Map.of("x", List.of(new Object()))))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("variable x holds a java.lang.Object");
        assertThatThrownBy(() -> Template.parse("").render(Map.of("x", Map.of(1, 2))))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("key that is no text");
    }

    @Test
    void refusesAValueThatHoldsItself() {
        List<Object> list = new ArrayList<>();
        list.add(list);

        assertThatThrownBy(() -> Template.parse("").render(Map.of("x", list)))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("levels");
    }

    @Test
    void errorsNameTheTemplateAndTheLine() {
        assertThatThrownBy(
                        () ->
                                Template.parse("a\n{% if true %}\n{{ 1 + 'a' }}\n{% endif %}", "T")
                                        .render(Map.of()))
                .hasMessage("T, line 3: unsupported operand type(s) for +: 'int' and 'str'");
        assertThatThrownBy(() -> Template.parse("a\n\n{% for x in %}{% endfor %}", "T"))
                .hasMessage("T, line 3: expected an expression, got 'end of statement block'");
        assertThat(failure("{% macro m() %}\n\nx{% endmacro %}\n{{ m() ~ missing.x }}").line())
                .isEqualTo(4);
    }

    @Test
    void theTemplatesOwnErrorIsPassedOnAsItIs() {
        TemplateException raised = failure("\n{{ raise_exception('Only this.\\nAnd that.') }}");

        assertThat(raised).hasMessage("Only this.\nAnd that.");
        assertThat(raised.raisedByTemplate()).isTrue();
        assertThat(raised.line()).isEqualTo(2);
        assertThat(failure("{{ missing.x }}").raisedByTemplate()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{% include 'x' %};tag 'include' is not supported",
                "{% extends 'x' %};tag 'extends' is not supported",
                "{% import 'x' as y %};tag 'import' is not supported",
                "{% autoescape true %}{% endautoescape %};tag 'autoescape' is not supported",
                "{% do x %};tag 'do' is not supported",
                "{% block x %}{% endblock %};tag 'block' is not supported",
                "{% frobnicate %};unknown tag 'frobnicate'",
                "{{ [1] | random }};filter 'random' is not supported",
                "{{ 1 | frobnicate }};No filter named 'frobnicate'",
                "{{ 1 is frobnicate }};No test named 'frobnicate'",
                "{{ lipsum() }};lipsum is not supported",
                "{{ 'a'.encode() }};method encode of texts is not supported",
                "{{ '\\N{DASH}' }};escape \\N in a string is not supported",
                "{{ {'a': 1}.update({}).b }};'update' of 'dict' object is not allowed",
                "{{ ''.__class__.__mro__ }};'__class__' of 'str' object is not allowed",
                "{{ range.__globals__.x }};'__globals__' of 'function' object is not allowed"
            })
    void namesWhatIsNotSupportedOrAllowed(String template, String message) {
        assertThat(failure(template)).hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ 'a' * 10**9 }}",
                "{{ [0] * 10**9 }}",
                "{{ range(10**12) }}",
                "{{ range(-10**30, 10**30) }}",
                "{{ 2**100000 }}",
                "{{ 7**7**7**7**7**7 }}",
                "{{ 'a'.center(10**9) }}",
                "{{ 'a'.ljust(10**30) }}",
                "{{ 'a'.zfill(10**9) }}",
                "{{ 'a\tb'.expandtabs(10**9) }}",
                "{{ 'a' | center(10**9) }}",
                "{{ 'a\\nb' | indent(10**9) }}",
                "{{ [1] | tojson(indent=10**9) }}",
                "{{ [1] | batch(10**9, 0) | list }}",
                "{{ [1] | slice(10**9) | list }}",
                "{{ '%1000000000d' % 1 }}",
                "{{ '%.1000000000d' % 1 }}",
                "{{ '%.1000000000f' % 1 }}",
                "{{ '%*d' % (10**20, 1) }}",
                "{{ '{:999999999}'.format(1) }}",
                "{{ '{:.999999999f}'.format(1.0) }}",
                "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}"
                        + "{% endfor %}",
                "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}"
                        + "{% endfor %}{{ n.x }}",
                "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}"
                        + "{% endfor %}{{ n.x == n.x | list }}",
                "{% set n = namespace(x=(1,)) %}{% for i in range(99) %}{% set n.x = (n.x, n.x) %}"
                        + "{% endfor %}{{ {n.x: 1} }}",
                "{% set n = namespace(x=[]) %}{% for i in range(999) %}{% set n.x = [n.x] %}"
                        + "{% endfor %}{{ n.x | tojson }}",
                "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}"
                        + "{{ a() }}",
                "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
                "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
                        + "{% endfor %}{% endfor %}{% endfor %}",
                "{% set a = 'a' * 9999999 %}{% set b = 'a' * 4999999 ~ 'b' %}"
                        + "{% for i in range(999) %}{{ b in a }}{% endfor %}",
                "{% set a = ('a' * 999999).replace('a', 'b' * 999999) %}",
                "{{ ('a' * 9999999) | list | length }}"
            })
    void refusesWhatGrowsWithoutEnd(String template) {
        assertThat(failure(template).getMessage())
                .containsAnyOf("more than", "Too many", "at most", "out of range");
    }

    @Test
    void refusesDeepNesting() {
        assertThat(failure("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}"))
                .hasMessageContaining("inside each other");
        assertThat(failure("{{ " + "not ".repeat(100_000) + "1 }}"))
                .hasMessageContaining("inside each other");
        assertThat(failure("{{ 1" + "-".repeat(100_000) + "1 }}"))
                .hasMessageContaining("inside each other");
        assertThat(failure("{{ 1 " + "- -".repeat(100_000) + "1 }}"))
                .hasMessageContaining("inside each other");
        assertThat(failure("{% if 1 %}".repeat(100_000))).hasMessageContaining("inside each other");
        assertThat(failure("{{ x" + "[0]".repeat(100_000) + " }}"))
                .hasMessageContaining("chain of more than");
        assertThat(failure("{{ x" + "|trim".repeat(100_000) + " }}"))
                .hasMessageContaining("chain of more than");
        assertThat(failure("{{ 1" + " if 1 else 1".repeat(100_000) + " }}"))
                .hasMessageContaining("inside each other");
    }

    @Test
    void longChainsOfOperatorsAreNoDeepNesting() throws TemplateException {
        assertThat(render("{{ 1" + " + 1".repeat(5000) + " }}")).isEqualTo("5001");
        assertThat(render("{{ 'a'" + " ~ 'a'".repeat(5000) + " }}")).hasSize(5001);
        assertThat(render("{{ 0" + " or 0".repeat(5000) + " }}")).isEqualTo("0");
        assertThat(render("{% if 0 %}" + "{% elif 0 %}".repeat(5000) + "{% endif %}")).isEmpty();
    }

    @Test
    void keepsToTheLimitsOfTheCaller() throws TemplateException {
        Template template = Template.parse("{% for i in range(50) %}abcdefghij{% endfor %}");
        Limits output = new Limits(499, Duration.ofSeconds(9), 200, 1000);
        Limits steps = new Limits(1000, Duration.ofSeconds(9), 200, 99);
        Limits enough = new Limits(500, Duration.ofSeconds(9), 200, 1000);

        assertThat(template.render(Map.of(), enough, CLOCK).text()).hasSize(500);
        assertThatThrownBy(() -> template.render(Map.of(), output, CLOCK))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("499 characters");
        assertThatThrownBy(() -> template.render(Map.of(), steps, CLOCK))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("99 steps");
        assertThatThrownBy(() -> new Limits(0, Duration.ofSeconds(1), 1, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void recursionAsDeepAsTheLimitWorks() throws TemplateException {
        assertThat(
                        render(
                                "{% macro m(x) %}{% if x %}{% for i in [1] %}({{ m(x - 1) }})"
                                        + "{% endfor %}{% endif %}{% endmacro %}{{ m(100) }}"))
                .isEqualTo("(".repeat(100) + ")".repeat(100));
    }

    @Test
    void messageContentsAreNeverInterpreted() throws TemplateException {
        String content = "{{ 1 + 1 }}{% if %}{# x #}";

        assertThat(
                        Template.parse("{{ c }}{{ [c] | first }}{% set x = c %}{{ x ~ '' }}")
                                .render(Map.of("c", content)))
                .isEqualTo(content.repeat(3));
    }

    @Test
    void positionsAreCodePoints() throws TemplateException {
        assertThat(
                        render(
                                "{{ 'a🎉b'|length }}{{ 'a🎉b'[1] }}{{ 'a🎉b'[::-1] }}{{ '🎉'.find('') }}"))
                .isEqualTo("3🎉b🎉a0");
    }
}
