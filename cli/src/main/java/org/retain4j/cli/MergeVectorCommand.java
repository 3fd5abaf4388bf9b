package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.merging.Coefficient;
import org.retain4j.merging.TaskVector;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Works on task vectors. */
@Command(
        name = "vector",
        description = {
            "Works on task vectors, the differences between tuned models and what they were tuned"
                    + " from, in safetensors files.",
            ""
        },
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        optionListHeading = "Options:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "Examples:",
            "  retain4j merge vector diff base tuned math.safetensors",
            "  retain4j merge vector apply base math.safetensors out --scale 0.4 --only mlp",
            "  retain4j merge vector undo out base-again",
            "  retain4j merge vector search base math.safetensors --validation math.txt --control"
                    + " wiki.txt"
        })
final class MergeVectorCommand implements Runnable {

    /** Returns the command with all below it. */
    static CommandLine line(Console console) {
        return new CommandLine(new MergeVectorCommand())
                .addSubcommand(new Diff(console))
                .addSubcommand(new Apply(console))
                .addSubcommand(new Undo(console))
                .addSubcommand(new Scale(console))
                .addSubcommand(new Negate(console))
                .addSubcommand(new Add(console))
                .addSubcommand(new Analogy(console))
                .addSubcommand(new Info(console))
                .addSubcommand(new MergeVectorSearchCommand(console));
    }

    @Override
    public void run() {
        throw new UsageException(
                "no command given, try diff, apply, undo, scale, negate, add, analogy, info, search");
    }

    /** Tensors that need not be on both sides. */
    static final class Allowed {
        @Option(
                names = "--allow-missing",
                paramLabel = "NAME",
                description =
                        "A tensor that may be missing on one side, which is then left out; may be"
                                + " given several times. Default: a missing tensor is an error.")
        private List<String> names = new ArrayList<>();

        Set<String> names() {
            return Set.copyOf(names);
        }
    }

    /** How much of each vector, and where. */
    static final class Factors {
        @Option(
                names = "--scale",
                paramLabel = "X",
                description =
                        "Factor of the vectors, or one for each in their order. Default: 1. Write"
                                + " --scale=-1 for a negative one.")
        private List<Double> scales = new ArrayList<>();

        @Option(
                names = "--layers",
                paramLabel = "X,X,…",
                split = ",",
                description =
                        "Further factors of layer 0, 1 and so on; later layers have the last."
                                + " Default: 1.")
        private List<Double> layers = new ArrayList<>();

        @Option(
                names = "--outer",
                paramLabel = "X",
                defaultValue = "1",
                description =
                        "Further factor of tensors in no layer: embedding, last norm, head. Default:"
                                + " ${DEFAULT-VALUE}")
        private double outer = 1;

        @Option(
                names = "--only",
                paramLabel = "REGEX",
                description = "Only tensors in whose name this is found.")
        private @Nullable String only;

        Coefficient of(int vector, int vectors) {
            if (scales.size() > 1 && scales.size() != vectors) {
                throw new UsageException(
                        "--scale is given "
                                + scales.size()
                                + " times for "
                                + vectors
                                + " vectors; give it once, or once for each");
            }
            double scale = scales.isEmpty() ? 1 : scales.get(scales.size() == 1 ? 0 : vector);
            double[] each = layers.stream().mapToDouble(Double::doubleValue).toArray();
            Coefficient factor =
                    each.length == 0
                            ? outer == 1 ? Coefficient.of(1) : Coefficient.perLayer(outer, 1)
                            : Coefficient.perLayer(outer, each);
            if (only != null) {
                try {
                    factor = factor.only(Pattern.compile(only));
                } catch (PatternSyntaxException e) {
                    throw new UsageException("--only: " + e.getDescription() + " in " + only);
                }
            }
            return factor.times(scale);
        }

        List<TaskVector.Term> terms(List<Path> vectors) {
            List<TaskVector.Term> terms = new ArrayList<>();
            for (int i = 0; i < vectors.size(); i++) {
                terms.add(new TaskVector.Term(vectors.get(i), of(i, vectors.size())));
            }
            return terms;
        }
    }

    static Path file(String label, String text) {
        Path path = Inputs.path(label, text);
        if (!Files.isRegularFile(path)) {
            throw new UsageException(label + ": " + path + " does not exist or is no file");
        }
        return path;
    }

    private static Path target(String text) {
        Path path = Inputs.path("OUT", text);
        if (Files.exists(path)) {
            throw new UsageException("OUT: " + path + " exists already, give a new file");
        }
        return path;
    }

    private static Integer done(Console console, Path out) {
        console.result("wrote " + out + "\n");
        return ExitCode.OK;
    }

    /** Writes the difference of two models. */
    @Command(
            name = "diff",
            description = "Writes TUNED minus BASE, in float32, with the hashes of both.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Diff implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "BASE", description = "Model folder or hub name.")
        private String base = "";

        @Parameters(index = "1", paramLabel = "TUNED", description = "Model folder or hub name.")
        private String tuned = "";

        @Parameters(index = "2", paramLabel = "OUT", description = "New file.")
        private String out = "";

        @Mixin private Allowed allowed = new Allowed();

        Diff(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            Path target = target(out);
            TaskVector.difference(
                    LoraCommand.folder(console, "BASE", base),
                    LoraCommand.folder(console, "TUNED", tuned),
                    target,
                    allowed.names());
            return done(console, target);
        }
    }

    /** Puts vectors on a model. */
    @Command(
            name = "apply",
            description = {
                "Writes BASE plus vectors, summed in double precision and rounded once, and what"
                        + " undo needs.",
                ""
            },
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Apply implements Callable<Integer> {
        private final Console console;

        @Parameters(
                arity = "3..*",
                paramLabel = "BASE VECTOR… OUT",
                hideParamSyntax = true,
                description = "Model folder or hub name, vector files, new or empty folder.")
        private List<String> paths = new ArrayList<>();

        @Mixin private Factors factors = new Factors();
        @Mixin private Allowed allowed = new Allowed();

        Apply(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            List<Path> vectors = new ArrayList<>();
            for (String vector : paths.subList(1, paths.size() - 1)) {
                vectors.add(file("VECTOR", vector));
            }
            List<TaskVector.Term> terms = factors.terms(vectors);
            Path target = WeightOptions.emptyFolder("OUT", paths.get(paths.size() - 1));
            Path base = LoraCommand.folder(console, "BASE", paths.get(0));
            TaskVector.apply(base, terms, target, allowed.names());
            return done(console, target);
        }
    }

    /** Takes applied vectors back. */
    @Command(
            name = "undo",
            description = "Writes the model that apply started from, byte for byte.",
            parameterListHeading = "Arguments:%n")
    static final class Undo implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "CHANGED", description = "Folder that apply wrote.")
        private String changed = "";

        @Parameters(index = "1", paramLabel = "OUT", description = "New or empty folder.")
        private String out = "";

        Undo(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            Path target = WeightOptions.emptyFolder("OUT", out);
            TaskVector.undo(LoraCommand.folder(console, "CHANGED", changed), target);
            return done(console, target);
        }
    }

    /** Multiplies a vector. */
    @Command(
            name = "scale",
            description = "Writes a vector times factors.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Scale implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "VECTOR", description = "Vector file.")
        private String vector = "";

        @Parameters(index = "1", paramLabel = "OUT", description = "New file.")
        private String out = "";

        @Mixin private Factors factors = new Factors();

        Scale(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            List<Path> vectors = List.of(file("VECTOR", vector));
            Path target = target(out);
            TaskVector.combine(factors.terms(vectors), target);
            return done(console, target);
        }
    }

    /** Turns a vector round. */
    @Command(
            name = "negate",
            description = "Writes a vector with the opposite sign, to unlearn what it taught.",
            parameterListHeading = "Arguments:%n")
    static final class Negate implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "VECTOR", description = "Vector file.")
        private String vector = "";

        @Parameters(index = "1", paramLabel = "OUT", description = "New file.")
        private String out = "";

        Negate(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            Path target = target(out);
            TaskVector.negate(file("VECTOR", vector), target);
            return done(console, target);
        }
    }

    /** Adds vectors. */
    @Command(
            name = "add",
            description = "Writes the sum of vectors, each times its factors.",
            optionListHeading = "Options:%n",
            parameterListHeading = "Arguments:%n",
            sortOptions = false)
    static final class Add implements Callable<Integer> {
        private final Console console;

        @Parameters(
                arity = "3..*",
                paramLabel = "VECTOR VECTOR… OUT",
                hideParamSyntax = true,
                description = "Vector files and a new file.")
        private List<String> paths = new ArrayList<>();

        @Mixin private Factors factors = new Factors();

        Add(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            List<Path> vectors = new ArrayList<>();
            for (String vector : paths.subList(0, paths.size() - 1)) {
                vectors.add(file("VECTOR", vector));
            }
            Path target = target(paths.get(paths.size() - 1));
            TaskVector.combine(factors.terms(vectors), target);
            return done(console, target);
        }
    }

    /** Makes a vector by analogy. */
    @Command(
            name = "analogy",
            description = "Writes what A is to B but for C: the vector C + (B - A).",
            parameterListHeading = "Arguments:%n")
    static final class Analogy implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "A", description = "Vector file.")
        private String a = "";

        @Parameters(index = "1", paramLabel = "B", description = "Vector file.")
        private String b = "";

        @Parameters(index = "2", paramLabel = "C", description = "Vector file.")
        private String c = "";

        @Parameters(index = "3", paramLabel = "OUT", description = "New file.")
        private String out = "";

        Analogy(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            Path target = target(out);
            TaskVector.analogy(file("A", a), file("B", b), file("C", c), target);
            return done(console, target);
        }
    }

    /** Shows where a vector comes from. */
    @Command(
            name = "info",
            description = "Shows where a vector comes from and what is in it.",
            parameterListHeading = "Arguments:%n")
    static final class Info implements Callable<Integer> {
        private final Console console;

        @Parameters(index = "0", paramLabel = "VECTOR", description = "Vector file.")
        private String vector = "";

        Info(Console console) {
            this.console = console;
        }

        @Override
        public Integer call() throws IOException {
            StringBuilder text = new StringBuilder();
            try (SafetensorsFile file = SafetensorsFile.open(file("VECTOR", vector))) {
                new TreeMap<>(file.metadata())
                        .forEach(
                                (key, value) ->
                                        text.append(key).append(": ").append(value).append('\n'));
                long numbers =
                        file.tensors().values().stream().mapToLong(TensorInfo::elementCount).sum();
                text.append("tensors: ").append(file.tensors().size()).append('\n');
                text.append("numbers: ").append(numbers).append('\n');
            }
            console.result(text.toString());
            return ExitCode.OK;
        }
    }
}
