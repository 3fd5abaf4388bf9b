package org.retain4j.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.retain4j.cli.inspect.InspectionText;
import org.retain4j.cli.inspect.ModelFacts;
import org.retain4j.cli.inspect.ModelInspector;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Says what a model, adapter or GGUF file holds, without loading its weights. */
@Command(
        name = "inspect",
        description = {
            "Shows what a model folder, an adapter folder or a .gguf or .safetensors file holds:"
                    + " configuration, tokenizer, parameters and tensors. Reads headers only.",
            ""
        },
        parameterListHeading = "Parameters:%n",
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:shown",
            "1:a file is missing or not valid; the message says which and what to do",
            "2:wrong usage"
        },
        footer = {
            "",
            "Examples:",
            "  retain4j inspect SmolLM2-135M",
            "  retain4j inspect model.gguf --tensors",
            "  retain4j inspect adapter --json"
        })
final class InspectCommand implements Callable<Integer> {

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Console console;

    @Parameters(
            index = "0",
            paramLabel = "PATH",
            description = "Model folder, adapter folder, .gguf or .safetensors file.")
    private String path = "";

    @Option(
            names = "--tensors",
            description = "List every tensor, not one line for those of all layers.")
    private boolean tensors;

    @Option(names = "--json", description = "Print everything as JSON, with every tensor.")
    private boolean json;

    InspectCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        ModelFacts facts = ModelInspector.inspect(Inputs.path("PATH", path));
        console.result(
                json
                        ? JSON.writeValueAsString(facts) + "\n"
                        : InspectionText.render(facts, tensors));
        return ExitCode.OK;
    }
}
