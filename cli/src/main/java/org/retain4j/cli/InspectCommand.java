package org.retain4j.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.retain4j.cli.inspect.InspectionText;
import org.retain4j.cli.inspect.ModelFacts;
import org.retain4j.cli.inspect.ModelInspector;
import org.retain4j.core.model.Pretrained;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Says what a model, adapter or GGUF file holds, without loading its weights. */
@Command(
        name = "inspect",
        description = {
            "Shows what a model, an adapter folder or a .gguf or .safetensors file holds:"
                    + " configuration, tokenizer, parameters and tensors. Reads headers only.",
            ""
        },
        parameterListHeading = "Parameters:%n",
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:shown",
            "1:a file is missing or not valid, the tokenizer included; the message says which and what"
                    + " to do",
            "2:wrong usage"
        },
        footer = {
            "",
            "Examples:",
            "  retain4j inspect SmolLM2-135M",
            "  retain4j inspect " + Pretrained.EMBEDDED,
            "  retain4j inspect model.gguf --tensors",
            "  retain4j inspect adapter --json"
        })
final class InspectCommand implements Callable<Integer> {

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Console console;

    @Parameters(
            index = "0",
            paramLabel = ModelOptions.LABEL,
            description =
                    "Model or adapter folder, .gguf or .safetensors file, name on the Hugging Face"
                            + " hub such as HuggingFaceTB/SmolLM2-135M[@REVISION], which is"
                            + " downloaded, or "
                            + Pretrained.EMBEDDED
                            + ".")
    private String name = "";

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
        ModelFacts facts = facts();
        console.result(
                json
                        ? JSON.writeValueAsString(facts) + "\n"
                        : InspectionText.render(facts, tensors));
        if (facts.tokenizerError() != null) {
            throw new IOException(facts.tokenizerError());
        }
        return ExitCode.OK;
    }

    private ModelFacts facts() throws IOException {
        Path path = Inputs.path(ModelOptions.LABEL, name);
        if (name.equals(Pretrained.EMBEDDED)) {
            return embedded();
        }
        boolean file = Files.exists(path) || name.toLowerCase(Locale.ROOT).endsWith(".safetensors");
        return ModelInspector.inspect(file ? path : ModelOptions.locate(console, name));
    }

    private static ModelFacts embedded() throws IOException {
        Path folder = Files.createTempDirectory("retain4j-inspect");
        try {
            Pretrained.writeEmbedded(folder);
            return ModelInspector.inspect(folder).withPath(Pretrained.EMBEDDED);
        } finally {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }
}
