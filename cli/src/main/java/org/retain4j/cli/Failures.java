package org.retain4j.cli;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns everything that goes wrong into one line on the error stream and an exit code. */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {

    private final Console console;

    Failures(Console console) {
        this.console = console;
    }

    @Override
    public int handleParseException(ParameterException failure, String[] args) {
        for (String arg : args) {
            if (arg.equals("-v") || arg.equals("--verbose")) {
                console.verbose(true);
            }
        }
        return usage(failure.getCommandLine(), message(failure), failure);
    }

    @Override
    public int handleExecutionException(
            Exception failure, CommandLine command, ParseResult parsed) {
        if (failure instanceof UsageException) {
            return usage(command, String.valueOf(failure.getMessage()), failure);
        }
        console.error(name(command), message(failure), failure);
        return ExitCode.SOFTWARE;
    }

    private int usage(CommandLine command, String message, Exception failure) {
        String name = name(command);
        console.error(name, message + " (see " + name + " --help)", failure);
        return ExitCode.USAGE;
    }

    private static String name(CommandLine command) {
        return command.getCommandSpec().qualifiedName();
    }

    private static String message(ParameterException failure) {
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return unmatched(unmatched);
        }
        if (failure instanceof OverwrittenOptionException twice
                && twice.getOverwritten() instanceof OptionSpec option) {
            return option.longestName() + " is given twice, give it once";
        }
        if (failure instanceof MissingParameterException missing
                && !missing.getMissing().isEmpty()
                && missing.getMissing().get(0) instanceof OptionSpec option) {
            String name = option.longestName();
            return name + " needs a value, " + name + " " + option.paramLabel();
        }
        String value = failure.getValue();
        if (value != null
                && failure.getArgSpec() instanceof OptionSpec option
                && option.typeInfo().getType() == int.class) {
            return "%s must be a whole number, at most %d, is \"%s\""
                    .formatted(option.longestName(), Integer.MAX_VALUE, value);
        }
        return String.valueOf(failure.getMessage());
    }

    private static String unmatched(UnmatchedArgumentException failure) {
        String typed = failure.getUnmatched().get(0);
        CommandLine command = failure.getCommandLine();
        if (typed.startsWith("-")) {
            List<String> names = new ArrayList<>();
            command.getCommandSpec().options().forEach(o -> names.addAll(List.of(o.names())));
            int equals = typed.indexOf('=');
            String option = equals < 0 ? typed : typed.substring(0, equals);
            return "unknown option " + option + DidYouMean.suffix(option, names);
        }
        if (!command.getSubcommands().isEmpty()) {
            return "unknown command "
                    + typed
                    + DidYouMean.suffix(typed, command.getSubcommands().keySet());
        }
        return "unexpected argument \"" + typed + "\", every value belongs to an option";
    }

    /** Says in words what Java's file exceptions leave to the class name. */
    static String message(Throwable failure) {
        if (failure instanceof OutOfMemoryError) {
            return "the Java heap is full; give more with RETAIN4J_JAVA_OPTS=-Xmx2g";
        }
        if (failure instanceof FileSystemException file) {
            if (failure instanceof NoSuchFileException) {
                return file.getFile() + " does not exist; check the path";
            }
            if (failure instanceof AccessDeniedException) {
                return file.getFile() + " may not be read or written; check its permissions";
            }
        }
        String message = failure.getMessage();
        return message == null || message.isBlank()
                ? failure.getClass().getSimpleName() + "; --verbose shows where"
                : message;
    }
}
