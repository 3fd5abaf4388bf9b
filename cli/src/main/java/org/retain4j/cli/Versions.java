package org.retain4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import org.retain4j.core.tensor.TensorEngine;
import picocli.CommandLine.IVersionProvider;

/** Versions of this command and of what it stands on; starts no engine. Thread-safe. */
public final class Versions implements IVersionProvider {

    private static final String POM = "/META-INF/maven/org.retain4j/retain4j-cli/pom.properties";

    /** For picocli. */
    Versions() {}

    /** Returns the version of Retain4j, {@code development} when run from loose classes. */
    public static String retain4j() {
        try (InputStream in = Versions.class.getResourceAsStream(POM)) {
            Properties pom = new Properties();
            if (in != null) {
                pom.load(in);
            }
            return pom.getProperty("version", "development");
        } catch (IOException e) {
            return "development";
        }
    }

    /** Returns version and vendor of the Java runtime. */
    static String java() {
        return System.getProperty("java.version") + " (" + System.getProperty("java.vendor") + ")";
    }

    @Override
    public String[] getVersion() {
        return new String[] {
            "Retain4j " + retain4j(), "DJL " + TensorEngine.djlVersion(), "Java " + java()
        };
    }
}
