package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.TokenListener;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatRequest;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues texts with a model. */
@Command(
        name = "generate",
        description = {
            "Continues a text with a model and prints the new text as it comes.",
            "A file of prompts runs in batches; its texts come in the order of the file.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was started"},
        footer = {
            "",
            "--json prints a line {\"ids\":[new ids],\"text\":…,\"stop_reason\":…,"
                    + "\"tokens_per_second\":…} for each prompt; stop_reason is eos, stop or length.",
            "A line of the file of prompts is a JSON text, or an object with \"prompt\", \"text\","
                    + " \"ids\" or \"messages\".",
            "",
            "Examples:",
            "  retain4j generate --model embedded:stories260K --prompt \"Once upon a time\"",
            "  retain4j generate --model SmolLM2-135M-Instruct --chat --prompt \"What is 7 + 5?\"",
            "  retain4j generate --model model.gguf --prompts prompts.jsonl --json > texts.jsonl"
        })
final class GenerateCommand implements Callable<Integer> {

    private static final JsonMapper JSON = new JsonMapper();

    /** Where prompts come from. */
    static final class Source {
        @Option(
                names = {"-p", "--prompt"},
                paramLabel = "TEXT",
                description = "Text to continue.")
        private @Nullable String prompt;

        @Option(
                names = "--prompt-ids",
                paramLabel = "1,2,3",
                description = "Token ids to continue; none is added.")
        private @Nullable String promptIds;

        @Option(
                names = "--prompts",
                paramLabel = "FILE.jsonl",
                description = "File with a prompt in each line.")
        private @Nullable String prompts;
    }

    private final Console console;

    @Mixin private ModelOptions model = new ModelOptions();

    @ArgGroup(multiplicity = "1")
    private Source source = new Source();

    @Option(
            names = "--chat",
            description = "Take the prompt as a message of the user, in the model's chat template.")
    private boolean chat;

    @Mixin private SamplingOptions options = new SamplingOptions();

    @Option(names = "--ignore-eos", description = "Go on behind the model's end-of-text tokens.")
    private boolean ignoreEos;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "8",
            description = "Prompts of a file that run together. Default: ${DEFAULT-VALUE}")
    private int batchSize;

    @Option(names = "--json", description = "Print one line of JSON for each prompt.")
    private boolean json;

    GenerateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        options.sampling();
        if (batchSize < 1) {
            throw new UsageException("--batch-size must be at least 1, is " + batchSize);
        }
        if (chat && source.promptIds != null) {
            throw new UsageException("--chat needs a text, not --prompt-ids");
        }
        List<Prompt> prompts = prompts();
        try (CausalLm loaded = model.load(console)) {
            List<int[]> ids = new ArrayList<>();
            for (Prompt prompt : prompts) {
                ids.add(prompt.ids(loaded, chat));
            }
            generate(loaded, ids);
        }
        return ExitCode.OK;
    }

    private List<Prompt> prompts() throws IOException {
        if (source.prompts != null) {
            Path file = Inputs.path("--prompts", source.prompts);
            return Prompt.read(file);
        }
        if (source.promptIds != null) {
            return List.of(Prompt.ofIds("--prompt-ids", source.promptIds));
        }
        return List.of(Prompt.ofText("--prompt", String.valueOf(source.prompt)));
    }

    private void generate(CausalLm loaded, List<int[]> prompts) throws JsonProcessingException {
        Generator generator = new Generator(loaded, options.sampling());
        for (int first = 0; first < prompts.size(); first += batchSize) {
            List<int[]> batch = prompts.subList(first, Math.min(first + batchSize, prompts.size()));
            int longest = batch.stream().mapToInt(ids -> ids.length).max().orElseThrow();
            GenerationConfig config =
                    options.config(loaded, longest, ignoreEos).withFirstRow(first);
            boolean streams = prompts.size() == 1 && !json;
            TokenListener listener =
                    (row, id, text) -> {
                        if (streams) {
                            console.result(text);
                        }
                        return true;
                    };
            long start = System.nanoTime();
            List<Generation> rows = generator.run(batch, config, listener);
            double seconds = (System.nanoTime() - start) / 1e9;
            for (Generation row : rows) {
                print(row, streams, seconds);
            }
        }
    }

    private void print(Generation row, boolean streamed, double seconds)
            throws JsonProcessingException {
        if (!json) {
            console.result(streamed ? "\n" : row.text() + "\n");
            return;
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("ids", row.ids());
        line.put("text", row.text());
        line.put("stop_reason", row.reason().toString());
        line.put("tokens_per_second", Math.round(row.ids().length / seconds * 10) / 10.0);
        console.result(JSON.writeValueAsString(line) + "\n");
    }

    /** Renders messages as a prompt that the model answers. */
    static int[] encodeChat(CausalLm model, ChatRequest request) throws IOException {
        String text = model.chatTemplate().render(request.withGenerationPrompt());
        return model.tokenizer().encode(text, false);
    }
}
