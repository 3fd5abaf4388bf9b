package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
            "  retain4j doctor --device cuda",
            "  RETAIN4J_LIBTORCH=venv/lib/python3.12/site-packages/torch retain4j doctor"
        })
final class DoctorCommand implements Callable<Integer> {

    /** How to get CUDA. */
    static final String CUDA =
            "For CUDA: pip install torch==2.7.1 and start with --device cuda, which asks python3"
                    + " where it is; or set RETAIN4J_LIBTORCH to a folder with PyTorch. For a"
                    + " PyTorch other than 2.7 run retain4j build-jni first. See docs/cuda.md.";

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Console console;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description =
                    "The device to compute on: auto, cpu, cuda or cuda:N. Default: what"
                            + " -Dretain4j.device says, else auto.")
    private @Nullable String device;

    @Option(names = "--json", description = "Print the findings as JSON.")
    private boolean json;

    DoctorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        List<Finding> findings = Examination.run(device);
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
