package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Says whether this machine is fit for training, and what to do where it is not. */
@Command(
        name = "doctor",
        description = {
            "Checks this machine: Java, libtorch, devices, memory, folders, a matrix product and a"
                    + " sentence of the embedded model.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:everything can be used",
            "1:something cannot be used; the output says what to do",
            "2:wrong usage"
        },
        footer = {
            "",
            "Examples:",
            "  retain4j doctor",
            "  retain4j doctor --json",
            "  PYTORCH_LIBRARY_PATH=DIR PYTORCH_VERSION=2.7.1 PYTORCH_FLAVOR=cu128 retain4j doctor"
        })
final class DoctorCommand implements Callable<Integer> {

    /** How to get CUDA. */
    static final String CUDA =
            "For CUDA install PyTorch 2.7.1 for CUDA 12.8, for example with pip install torch==2.7.1"
                    + " --index-url https://download.pytorch.org/whl/cu128. Then set"
                    + " PYTORCH_LIBRARY_PATH to its torch/lib folder, PYTORCH_VERSION=2.7.1 and"
                    + " PYTORCH_FLAVOR=cu128, and start with"
                    + " RETAIN4J_JAVA_OPTS=-Dretain4j.device=cuda.";

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Console console;

    @Option(names = "--json", description = "Print the findings as JSON.")
    private boolean json;

    DoctorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        List<Finding> findings = Examination.run();
        boolean usable = findings.stream().noneMatch(f -> f.state() == Finding.State.UNUSABLE);
        console.result(json ? json(findings, usable) : text(findings, usable));
        if (!usable) {
            console.error(
                    "retain4j doctor",
                    "this machine cannot be used yet, see the lines with !!",
                    null);
        }
        return usable ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    /** Writes the findings as lines, each advice below its finding. */
    static String text(List<Finding> findings, boolean usable) {
        int width = findings.stream().mapToInt(f -> f.name().length()).max().orElse(0);
        StringBuilder text = new StringBuilder();
        for (Finding finding : findings) {
            String mark =
                    switch (finding.state()) {
                        case OK -> "ok";
                        case ADVICE -> " !";
                        case UNUSABLE -> "!!";
                    };
            text.append(mark)
                    .append("  ")
                    .append(finding.name())
                    .append(" ".repeat(width - finding.name().length() + 2))
                    .append(Console.oneLine(finding.value()))
                    .append('\n');
            if (!finding.advice().isEmpty()) {
                text.append(" ".repeat(width + 6)).append(finding.advice()).append('\n');
            }
        }
        text.append('\n')
                .append(
                        usable
                                ? "Everything can be used."
                                : "Something cannot be used, see the lines with !!")
                .append('\n')
                .append('\n')
                .append(CUDA)
                .append('\n');
        return text.toString();
    }

    private static String json(List<Finding> findings, boolean usable)
            throws JsonProcessingException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("usable", usable);
        map.put("findings", findings);
        map.put("cuda", CUDA);
        return JSON.writeValueAsString(map) + "\n";
    }
}
