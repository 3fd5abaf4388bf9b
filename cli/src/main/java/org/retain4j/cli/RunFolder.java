package org.retain4j.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.evaluation.report.ComparisonJson;
import org.retain4j.evaluation.report.ComparisonResult;
import org.retain4j.evaluation.report.HtmlReport;
import org.retain4j.evaluation.report.ParetoPlot;
import org.retain4j.evaluation.report.PlotUnavailableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder that one run writes its results into; no run writes into the folder of another.
 *
 * <p>Each file appears under its name only when it is whole. Closing removes what creating made if
 * nothing was written. Not safe for use by several threads at once.
 */
final class RunFolder implements AutoCloseable {

    private static final DateTimeFormatter NAME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd_HH-mm-ss", Locale.ROOT);
    private static final Logger LOG = LoggerFactory.getLogger(RunFolder.class);
    private static final String OPTION = "--out";
    private static final int SAME_SECOND = 100;
    static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Path folder;
    private final List<Path> created;
    private final List<String> notes = new ArrayList<>();

    private RunFolder(Path folder, List<Path> created) {
        this.folder = folder;
        this.created = created;
    }

    /**
     * Creates the folder with its parents, or takes an empty one.
     *
     * @param option what named the folder, for messages
     * @throws UsageException if it is a file, has contents, or cannot be created or written to
     */
    static RunFolder create(String option, Path folder) throws IOException {
        Path absolute = folder.toAbsolutePath().normalize();
        if (Files.isDirectory(absolute)) {
            if (!Files.isWritable(absolute) || !Files.isReadable(absolute)) {
                throw unusable(option, folder, "is not writable");
            }
            try (Stream<Path> contents = Files.list(absolute)) {
                if (contents.findAny().isPresent()) {
                    throw unusable(option, folder, "already exists and is not empty");
                }
            }
            return new RunFolder(folder, List.of());
        }
        if (Files.exists(absolute)) {
            throw unusable(option, folder, "is a file");
        }
        return new RunFolder(folder, createWithParents(option, folder, absolute));
    }

    /** Creates a folder named by the time, with a number behind it if that name is taken. */
    static RunFolder create(Path parent, LocalDateTime time) throws IOException {
        for (int attempt = 1; attempt < SAME_SECOND; attempt++) {
            String name = NAME.format(time) + (attempt == 1 ? "" : "_" + attempt);
            Path folder = parent.resolve(name);
            try {
                return new RunFolder(
                        folder,
                        createWithParents(OPTION, folder, folder.toAbsolutePath().normalize()));
            } catch (FileAlreadyExistsException taken) {
                LOG.debug("{} is the folder of another run of this second", folder);
            }
        }
        throw unusable(OPTION, parent, "has too many folders of this second");
    }

    private static List<Path> createWithParents(String option, Path folder, Path absolute)
            throws IOException {
        List<Path> missing = new ArrayList<>();
        for (Path path = absolute; path != null && !Files.exists(path); path = path.getParent()) {
            missing.add(path);
        }
        List<Path> made = new ArrayList<>();
        try {
            for (int i = missing.size() - 1; i > 0; i--) {
                if (!Files.isDirectory(missing.get(i))) {
                    Files.createDirectory(missing.get(i));
                    made.add(0, missing.get(i));
                }
            }
            Files.createDirectory(absolute);
            made.add(0, absolute);
            return made;
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (AccessDeniedException e) {
            throw unusable(option, folder, "cannot be created, permission denied");
        } catch (FileSystemException e) {
            throw unusable(
                    option,
                    folder,
                    "cannot be created"
                            + (e.getReason() == null
                                    ? ""
                                    : ", " + e.getReason().toLowerCase(Locale.ROOT)));
        }
    }

    private static UsageException unusable(String option, Path folder, String why) {
        return new UsageException(
                option
                        + ": "
                        + folder
                        + " "
                        + why
                        + ", choose a new or empty folder that is writable");
    }

    /** Returns the folder as it was given. */
    Path path() {
        return folder;
    }

    /** Returns what could not be written, one sentence each. */
    List<String> notes() {
        return List.copyOf(notes);
    }

    /** Returns the file with the result in JSON. */
    Path results() {
        return folder.resolve("results.json");
    }

    /**
     * Writes results.json, pareto.svg, report.html and run.json.
     *
     * @param provenance the contents of run.json
     * @return the files written
     */
    List<Path> write(ComparisonResult result, Map<String, Object> provenance) throws IOException {
        List<Path> files = new ArrayList<>();
        // first what cannot be computed again
        ComparisonJson.write(result, results());
        files.add(results());
        Path run = folder.resolve("run.json");
        AtomicFile.write(run, JSON.writeValueAsString(provenance) + "\n");
        files.add(run);
        Path report = folder.resolve("report.html");
        AtomicFile.write(report, HtmlReport.render(result));
        files.add(report);
        try {
            Path plot = folder.resolve("pareto.svg");
            AtomicFile.write(plot, ParetoPlot.svg(result));
            files.add(plot);
        } catch (PlotUnavailableException e) {
            notes.add(String.valueOf(e.getMessage()));
        }
        return files;
    }

    /** Removes the folders that creating made, as far as they are empty. */
    @Override
    public void close() throws IOException {
        for (Path path : created) {
            try {
                Files.deleteIfExists(path);
            } catch (DirectoryNotEmptyException e) {
                return;
            }
        }
    }
}
