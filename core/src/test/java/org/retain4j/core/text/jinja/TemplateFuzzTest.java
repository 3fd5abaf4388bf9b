package org.retain4j.core.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Damaged templates end with an output or a named error.
 *
 * <p>The system property {@code retain4j.fuzz.inputs} sets how many are tried.
 */
class TemplateFuzzTest {

    private static final int INPUTS = Integer.getInteger("retain4j.fuzz.inputs", 2000);
    // a step limit, so that the result does not depend on the speed of the machine
    private static final Limits LIMITS = new Limits(1 << 20, Duration.ofSeconds(60), 200, 200_000);

    private static final String[] SNIPPETS = {
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        "+",
        "|",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        ",",
        ":",
        ".",
        "~",
        "**",
        "//",
        "%",
        "*",
        " if ",
        " else ",
        " is ",
        " not ",
        " in ",
        " and ",
        "{% for x in messages %}",
        "{% endfor %}",
        "{% if x %}",
        "{% endif %}",
        "{% break %}",
        "{% set x %}",
        "{% endset %}",
        "{% macro m(a, b=1) %}",
        "{% endmacro %}",
        "{{ m(m) }}",
        "{% generation %}",
        "{% endgeneration %}",
        "{% raw %}",
        "{% endraw %}",
        "10**9",
        "-1",
        "99999999999999999999",
        "1e308",
        "''",
        "[]",
        "{}",
        "none",
        "loop",
        "[::-1]",
        "[1:",
        "|tojson",
        "|list",
        "|join",
        "|sort",
        "|length",
        "|indent(",
        "|map(",
        "|groupby('role')",
        "|batch(3)",
        "|unique",
        "|dictsort",
        "|round",
        "|int",
        ".items()",
        ".split(",
        ".format(",
        ".items",
        "\\",
        "\n",
        "\r",
        "\0",
        "\ud800",
        "🎉",
        "é",
        "range(99999)",
        "namespace(x=1)",
        "x.x",
        " recursive "
    };

    @Test
    void everyDamagedTemplateIsRenderedOrRefused() throws IOException {
        JsonNode file = TemplateTest.resource("cases.json");
        List<String> templates = new ArrayList<>();
        file.get("templates").forEach(t -> templates.add(t.textValue()));
        file.get("jinja_probes").forEach(p -> templates.add(p.get("template_text").textValue()));
        JsonNode jinja = TemplateTest.resource("jinja.json");
        jinja.get("cases").forEach(c -> templates.add(c.get("template").textValue()));
        Map<String, Object> variables =
                new LinkedHashMap<>(TemplateTest.map(jinja.get("variables")));
        variables.put("messages", variables.get("ms"));
        variables.put("tools", List.of(Map.of("type", "function")));
        variables.put("bos_token", "<s>");

        int rendered = 0;
        int refused = 0;
        for (int seed = 0; seed < INPUTS; seed++) {
            String template = damaged(templates, new Random(seed));
            try {
                Template.parse(template).render(variables, LIMITS, Clock.systemUTC());
                rendered++;
            } catch (TemplateException e) {
                assertThat(e.getMessage())
                        .as("seed %d", seed)
                        .isNotBlank()
                        .doesNotContain("Java stack");
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + ": " + template, e);
            }
        }
        assertThat(rendered).isGreaterThan(INPUTS / 20);
        assertThat(refused).isGreaterThan(INPUTS / 20);
    }

    private static String damaged(List<String> templates, Random random) {
        StringBuilder text = new StringBuilder(pick(templates, random));
        int changes = 1 + random.nextInt(6);
        for (int i = 0; i < changes; i++) {
            int from = random.nextInt(text.length() + 1);
            int to = Math.min(text.length(), from + random.nextInt(12));
            switch (random.nextInt(6)) {
                case 0 -> text.delete(from, to);
                case 1, 2 -> text.insert(from, SNIPPETS[random.nextInt(SNIPPETS.length)]);
                case 3 -> text.replace(from, to, SNIPPETS[random.nextInt(SNIPPETS.length)]);
                case 4 ->
                        text.insert(from, text.substring(from, Math.min(text.length(), from + 40)));
                default -> {
                    String other = pick(templates, random);
                    int start = random.nextInt(other.length() + 1);
                    text.insert(from, other, start, Math.min(other.length(), start + 60));
                }
            }
        }
        return text.toString();
    }

    private static String pick(List<String> templates, Random random) {
        return templates.get(random.nextInt(templates.size()));
    }
}
