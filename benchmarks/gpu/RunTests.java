import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Set;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Runs the tests of a folder of classes: usage RunTests CLASSES EXCLUDED_TAGS NAME_PATTERN. */
public final class RunTests {

    private RunTests() {}

    public static void main(String[] args) {
        LauncherDiscoveryRequestBuilder request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(selectClasspathRoots(Set.of(Path.of(args[0]))))
                        .filters(ClassNameFilter.includeClassNamePatterns(args[2]));
        if (!args[1].isEmpty()) {
            request.filters(TagFilter.excludeTags(args[1].split(",")));
        }
        LauncherDiscoveryRequest built = request.build();
        SummaryGeneratingListener summary = new SummaryGeneratingListener();
        LauncherFactory.create().execute(built, summary);
        PrintWriter out = new PrintWriter(System.out, true);
        summary.getSummary().printFailuresTo(out, 5);
        out.printf(
                "%d tests, %d failed, %d skipped%n",
                summary.getSummary().getTestsFoundCount(),
                summary.getSummary().getTestsFailedCount(),
                summary.getSummary().getTestsSkippedCount());
        // daemon threads of libtorch would keep the process
        System.exit(summary.getSummary().getTotalFailureCount() > 0 ? 1 : 0);
    }
}
