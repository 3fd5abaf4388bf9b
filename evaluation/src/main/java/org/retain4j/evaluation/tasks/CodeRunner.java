package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Runs a program that a model wrote, in a process of its own with bounds on time, memory and
 * output.
 *
 * <p>The process has an empty environment and an empty folder, and is killed with all it started
 * when its time is over. That bounds accidents and no attacks: it may still read files and use the
 * network as the user may. Run strange code in a container. Immutable and thread-safe.
 */
public final class CodeRunner {

    /** How a program ended. */
    public enum Outcome {
        /** It ran to its last line. */
        PASSED,
        /** It ended before that. */
        FAILED,
        /** Its time was over. */
        TIMED_OUT
    }

    private static final long MEBIBYTE = 1L << 20;
    private static final int MAX_OUTPUT = 1 << 20;

    /** Python's own bounds; where the platform has none, those of this class remain. */
    private static final String PYTHON_LIMITS =
            """
            try:
                import resource as _r
                _r.setrlimit(_r.RLIMIT_AS, (%1$d, %1$d))
                _r.setrlimit(_r.RLIMIT_CPU, (%2$d, %2$d))
                _r.setrlimit(_r.RLIMIT_FSIZE, (%3$d, %3$d))
                _r.setrlimit(_r.RLIMIT_CORE, (0, 0))
                del _r
            except (ImportError, ValueError, OSError):
                pass
            """;

    private final List<String> command;
    private final String before;
    private final String printing;
    private final Duration time;

    /**
     * Creates a runner.
     *
     * @param command interpreter and its options; the file of the program follows
     * @param before what a program begins with
     * @param printing the statement that prints a text, with %s for it
     */
    CodeRunner(List<String> command, String before, String printing, Duration time) {
        this.command = List.copyOf(command);
        this.before = before;
        this.printing = printing;
        this.time = time;
    }

    /**
     * Creates a runner of Python programs.
     *
     * @param interpreter name or path, such as {@code python3}
     * @param time longest run, at least a second
     * @param mebibytes address space of the process
     * @throws IllegalArgumentException if a bound is not positive
     */
    public static CodeRunner python(String interpreter, Duration time, int mebibytes) {
        if (time.toSeconds() < 1 || mebibytes < 1) {
            throw new IllegalArgumentException(
                    "a program needs at least one second and one MiB, not "
                            + time
                            + " and "
                            + mebibytes);
        }
        return new CodeRunner(
                List.of(interpreter, "-I"),
                PYTHON_LIMITS.formatted(mebibytes * MEBIBYTE, time.toSeconds() + 1, MAX_OUTPUT),
                "print('%s')",
                time);
    }

    /**
     * Runs a program.
     *
     * @throws TaskException if the interpreter cannot be started, or the thread is interrupted
     */
    public Outcome run(String program) throws TaskException {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("retain4j-code");
            return run(program, folder);
        } catch (IOException e) {
            throw new TaskException(
                    "the interpreter " + command.get(0) + " cannot be run: " + e.getMessage(), e);
        } finally {
            if (folder != null) {
                delete(folder);
            }
        }
    }

    private Outcome run(String program, Path folder) throws IOException {
        // a program that ends itself early must not count as one that passed
        String mark = UUID.randomUUID().toString();
        Path file = folder.resolve("program");
        Path output = folder.resolve("output");
        Files.writeString(file, before + program + "\n" + printing.formatted(mark) + "\n");
        List<String> all = new ArrayList<>(command);
        all.add(file.toString());
        ProcessBuilder builder =
                new ProcessBuilder(all)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile());
        builder.environment().clear();
        Process process = builder.start();
        try {
            process.getOutputStream().close();
            if (!process.waitFor(time.toMillis(), TimeUnit.MILLISECONDS)) {
                return Outcome.TIMED_OUT;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TaskException("the run of a program was interrupted", e);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        return process.exitValue() == 0 && end(output).contains(mark)
                ? Outcome.PASSED
                : Outcome.FAILED;
    }

    private static String end(Path output) throws IOException {
        try (InputStream in = Files.newInputStream(output)) {
            in.skipNBytes(Math.max(0, Files.size(output) - MAX_OUTPUT));
            return new String(in.readNBytes(MAX_OUTPUT), StandardCharsets.UTF_8);
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            List<Path> all = new ArrayList<>(files.toList());
            for (int i = all.size() - 1; i >= 0; i--) {
                Files.deleteIfExists(all.get(i));
            }
        } catch (IOException e) {
            // a program may have made what cannot be deleted; the system clears its temporary files
            return;
        }
    }
}
