package org.retain4j.cli;

import java.io.PrintWriter;
import java.lang.reflect.Method;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** Start of the {@code retain4j} command. */
public final class Main {

    /** Width of help texts; asking the terminal for its own would cost a process. */
    private static final int HELP_WIDTH = 100;

    private static final String ERR_IS_TERMINAL = "retain4j.terminal.err";

    private Main() {}

    /**
     * Runs the command and ends the process with its exit code: 0 done, 1 failed, 2 wrong usage.
     */
    public static void main(String[] args) {
        // numbers as English as the words around them
        Locale.setDefault(Locale.ROOT);
        Charset charset = outputCharset();
        Console console =
                new Console(
                        new PrintWriter(System.out, false, charset),
                        new PrintWriter(System.err, true, charset),
                        errIsTerminal());
        System.exit(run(console, args));
    }

    /** Runs the command in this process and returns its exit code. */
    static int run(Console console, String... args) {
        return run(console, new CompareCommand(console), args);
    }

    static int run(Console console, CompareCommand compare, String... args) {
        try {
            return commandLine(console, compare).execute(args);
        } catch (OutOfMemoryError | StackOverflowError | LinkageError e) {
            console.error("retain4j", Failures.message(e), e);
            return CommandLine.ExitCode.SOFTWARE;
        }
    }

    private static CommandLine commandLine(Console console, CompareCommand compare) {
        Retain4jCommand root = new Retain4jCommand(console);
        CommandLine line =
                new CommandLine(root)
                        .addSubcommand(compare)
                        .addSubcommand(new EvaluateCommand(console))
                        .addSubcommand(new FinetuneCommand(console))
                        .addSubcommand(
                                new CommandLine(new LoraCommand())
                                        .addSubcommand(new LoraCommand.Merge(console))
                                        .addSubcommand(new LoraCommand.Extract(console))
                                        .addSubcommand(new LoraCommand.Combine(console))
                                        .addSubcommand(new LoraCommand.Info(console))
                                        .addSubcommand(new LoraCommand.Intruders(console)))
                        .addSubcommand(
                                new CommandLine(new MergeCommand(console))
                                        .addSubcommand(MergeVectorCommand.line(console))
                                        .addSubcommand(new MergeChatVectorCommand(console))
                                        .addSubcommand(new MergeAlignCommand(console))
                                        .addSubcommand(new MergeStatisticsCommand(console)))
                        .addSubcommand(new GenerateCommand(console))
                        .addSubcommand(new ChatCommand(console))
                        .addSubcommand(new ScoreCommand(console))
                        .addSubcommand(new ConvertCommand(console))
                        .addSubcommand(new TemplateCommand(console))
                        .addSubcommand(new InspectCommand(console))
                        .addSubcommand(new DoctorCommand(console))
                        .addSubcommand(new BuildJniCommand(console))
                        .addSubcommand(new BenchCommand(console));
        Failures failures = new Failures(console);
        line.setOut(console.out())
                .setErr(console.err())
                .setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF))
                .setUsageHelpWidth(HELP_WIDTH)
                .setExpandAtFiles(false)
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures)
                .setExecutionStrategy(root::execute);
        return line;
    }

    /**
     * Returns UTF-8, which JSON needs and every terminal but that of Windows expects, whatever the
     * locale.
     */
    private static Charset outputCharset() {
        if (!System.getProperty("os.name", "").startsWith("Windows")) {
            return StandardCharsets.UTF_8;
        }
        String name = System.getProperty("stdout.encoding", System.getProperty("native.encoding"));
        return name != null && Charset.isSupported(name)
                ? Charset.forName(name)
                : StandardCharsets.UTF_8;
    }

    /** Trusts the launcher, which can ask about each stream; Java knows only about all at once. */
    // null is the answer of Java 17 to 21; newer ones are asked below
    @SuppressWarnings("SystemConsoleNull")
    private static boolean errIsTerminal() {
        String told = System.getProperty(ERR_IS_TERMINAL);
        if (told != null) {
            return Boolean.parseBoolean(told);
        }
        java.io.Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            // since Java 22 a console exists also without a terminal, and can be asked
            Method isTerminal = java.io.Console.class.getMethod("isTerminal");
            return Boolean.TRUE.equals(isTerminal.invoke(console));
        } catch (ReflectiveOperationException e) {
            return true;
        }
    }
}
