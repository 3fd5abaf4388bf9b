package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What the command prints, and one line for everything that is wrong. */
class TemplateCommandTest {

    @TempDir Path folder;

    @BeforeEach
    void write() throws IOException {
        write(
                "tokenizer_config.json",
                """
                {"bos_token": "<s>", "chat_template": [
                 {"name": "default", "template":
                  "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"},
                 {"name": "tool_use", "template": "{{ tools | tojson }}{{ documents }}"}]}""");
        write(
                "chat.json",
                "[{\"role\": \"user\", \"content\": \"Grüße 🎉\"},"
                        + " {\"role\": \"assistant\", \"content\": \"Hi\"}]");
        write("tools.json", "[{\"name\": \"f\", \"a\": 1.0}]");
        write("object.json", "{\"messages\": [], \"tools\": [7], \"documents\": [8]}");
        write("not.json", "{");
        write("refuses.jinja", "{{ raise_exception('Only one turn,\\nplease.') }}");
        write("broken.jinja", "a\n{% if %}");
        write("values.jinja", "{{ [a, b, c, d, e] }}{{ bos_token }}");
        write(
                "mask.jinja",
                "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}"
                        + "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
                        + "{% endfor %}");
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    /** Runs the command; DIR in an argument stands for the folder. */
    private Invocation run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        Failures failures = new Failures(console);
        CommandLine line =
                new CommandLine(new TemplateCommand(console))
                        .setOut(console.out())
                        .setErr(console.err())
                        .setParameterExceptionHandler(failures)
                        .setExecutionExceptionHandler(failures);
        List<String> resolved = new ArrayList<>();
        Arrays.stream(args).forEach(arg -> resolved.add(arg.replace("DIR", folder.toString())));
        int exit = line.execute(resolved.toArray(String[]::new));
        return new Invocation(exit, out.toString(), err.toString());
    }

    private void prints(String expected, String... args) {
        Invocation run = run(args);

        assertThat(run.err()).isEmpty();
        assertThat(run.out()).isEqualTo(expected);
        assertThat(run.exit()).isZero();
    }

    @Test
    void printsTheRenderingAndNothingElse() {
        prints(
                "<s>user: Grüße 🎉\nassistant: Hi\n",
                "--model",
                "DIR",
                "--messages",
                "DIR/chat.json");
        prints(
                "<s>user: Grüße 🎉\nassistant: Hi\nassistant:",
                "--model=DIR",
                "--messages=DIR/chat.json",
                "--add-generation-prompt");
        prints(
                "<s>user: Grüße 🎉\nassistant: Hi",
                "--model=DIR",
                "--messages=DIR/chat.json",
                "--continue-final-message");
    }

    @Test
    void toolsChooseTheirTemplateUnlessOneIsNamed() {
        prints(
                "[{\"name\": \"f\", \"a\": 1.0}]None",
                "--model=DIR",
                "--messages=DIR/chat.json",
                "--tools=DIR/tools.json");
        prints("[7][8]", "--model=DIR", "--messages=DIR/object.json");
        prints(
                "[7][{'name': 'f', 'a': 1.0}]",
                "--model=DIR",
                "--messages=DIR/object.json",
                "--documents=DIR/tools.json");
        prints("<s>", "--model=DIR", "--messages=DIR/object.json", "--name=default");
    }

    @Test
    void variablesAreJsonOrText() {
        prints(
                "[1, True, 'text', {'k': [None]}, 'a=b']",
                "--template=DIR/values.jinja",
                "--messages=DIR/chat.json",
                "--set=a=1",
                "--set=b=true",
                "--set=c=text",
                "--set=d={\"k\": [null]}",
                "--set=e=a=b");
        prints(
                "[Undefined, Undefined, '', Undefined, '1']<s>",
                "--model=DIR",
                "--template=DIR/values.jinja",
                "--messages=DIR/chat.json",
                "--set=c=",
                "--set=e=\"1\"");
    }

    @Test
    void maskIsJsonWithCodePoints() {
        prints(
                "{\"text\":\"Grüße 🎉Hi\",\"assistant_spans\":[[7,9]]}\n",
                "--template=DIR/mask.jinja",
                "--messages=DIR/chat.json",
                "--mask");
    }

    @Test
    void aRefusalOfTheTemplateIsItsOwnMessage() {
        Invocation run = run("--template=DIR/refuses.jinja", "--messages=DIR/chat.json");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).endsWith("template: Only one turn, please.\n").hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "1;--template=DIR/broken.jinja --messages=DIR/chat.json;line 2: expected an"
                        + " expression",
                "1;--model=DIR --messages=DIR/not.json;not.json is not valid JSON",
                "1;--model=DIR --messages=DIR/chat.json --tools=DIR/object.json;is not a JSON array",
                "1;--model=DIR --messages=DIR/chat.json --name=rag;no chat template named \"rag\"",
                "2;--messages=DIR/chat.json;use --model DIR or --template FILE",
                "2;--model=DIR;use --messages FILE",
                "2;--model=DIR/none --messages=DIR/chat.json;is not a folder",
                "2;--model=DIR --messages=DIR/none.json;none.json does not exist",
                "2;--model=DIR --messages=DIR;is not a regular file",
                "2;--template=DIR/mask.jinja --messages=DIR/chat.json --name=x;--name chooses",
                "2;--model=DIR --messages=DIR/chat.json --set=x;--set needs KEY=VALUE",
                "2;--model=DIR --messages=DIR/chat.json --add-generation-prompt"
                        + " --continue-final-message;exclude each other",
                "2;--modle=DIR --messages=DIR/chat.json;did you mean --model?"
            })
    void mistakesAreOneLine(int exit, String args, String message) {
        Invocation run = run(args.split(" "));

        assertThat(run.exit()).as(run.err()).isEqualTo(exit);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(message).hasLineCount(1);
    }
}
