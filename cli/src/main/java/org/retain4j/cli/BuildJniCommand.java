package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.natives.JniBuild;
import org.retain4j.core.natives.Natives;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Makes the JNI library that a PyTorch other than 2.7 needs. */
@Command(
        name = "build-jni",
        description = {
            "Compiles DJL's JNI library against an installed PyTorch other than 2.7 and installs it"
                    + " into the cache, so that this PyTorch can be used.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "The sources are not on Maven Central; a checkout has them:",
            "  git clone --depth 1 --branch v"
                    + Natives.DJL_VERSION
                    + " https://github.com/deepjavalibrary/djl",
            "Needs a C++ compiler and a whole JDK.",
            "",
            "Examples:",
            "  retain4j build-jni --torch venv/lib/python3.12/site-packages/torch --sources djl",
            "  retain4j build-jni --torch libtorch --library libdjl_torch.so"
        })
final class BuildJniCommand implements Callable<Integer> {

    private final Console console;

    @Option(
            names = "--torch",
            paramLabel = "DIR",
            required = true,
            description = "The torch folder of a Python package, or an unpacked libtorch.")
    private String torch = "";

    @Option(
            names = "--sources",
            paramLabel = "PATH",
            description =
                    "A checkout of DJL, its folder of C++ sources, or a zip or jar with them.")
    private @Nullable String sources;

    @Option(
            names = "--library",
            paramLabel = "FILE",
            description =
                    "Installs a library that was compiled elsewhere for exactly this PyTorch, in"
                            + " place of compiling one.")
    private @Nullable String library;

    @Option(
            names = "--compiler",
            paramLabel = "COMMAND",
            defaultValue = "g++",
            description = "The C++ compiler. Default: ${DEFAULT-VALUE}")
    private String compiler = "g++";

    BuildJniCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if ((sources == null) == (library == null)) {
            throw new UsageException(
                    "give either --sources, to compile them, or --library, which is compiled");
        }
        Path folder = Inputs.path("--torch", torch);
        JniBuild build =
                JniBuild.against(folder)
                        .compiler(compiler)
                        .log(line -> console.result(line + "\n"));
        Path installed =
                sources == null
                        ? build.adopt(Inputs.path("--library", String.valueOf(library)))
                        : build.build(Inputs.path("--sources", sources));
        console.result(
                installed.getFileName()
                        + " belongs to that PyTorch alone. Try RETAIN4J_LIBTORCH="
                        + folder
                        + " retain4j doctor\n");
        return ExitCode.OK;
    }
}
