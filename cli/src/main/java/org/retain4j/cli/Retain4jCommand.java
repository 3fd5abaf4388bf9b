package org.retain4j.cli;

import org.retain4j.cli.usage.UsageException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;

/** The command without a sub-command: what all of them share. */
@Command(
        name = "retain4j",
        versionProvider = Versions.class,
        description = {
            "Teaches a language model something new without losing what it knew, and proves it.",
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
            "  retain4j doctor                  check this machine",
            "  retain4j compare                 compare all methods, nothing to download",
            "  retain4j compare --help          all options of a command"
        })
final class Retain4jCommand implements Runnable {

    private static final String LOG_LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";

    private final Console console;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help and exit.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the versions of Retain4j, DJL and Java and exit.")
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean version;

    @Option(
            names = {"-v", "--verbose"},
            scope = ScopeType.INHERIT,
            description = "Log more, and show stack traces of errors.")
    private boolean verbose;

    Retain4jCommand(Console console) {
        this.console = console;
    }

    /** Applies the shared options, then runs the command that was asked for. */
    int execute(ParseResult parsed) {
        console.verbose(verbose);
        if (verbose && System.getProperty(LOG_LEVEL) == null) {
            System.setProperty(LOG_LEVEL, "info");
        }
        return new CommandLine.RunLast().execute(parsed);
    }

    @Override
    public void run() {
        throw new UsageException("no command given, try compare, doctor or bench");
    }
}
