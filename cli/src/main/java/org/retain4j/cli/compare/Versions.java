package org.retain4j.cli.compare;

import org.jspecify.annotations.Nullable;

/** Version of this library as its jar states it. */
final class Versions {

    private Versions() {}

    static String retain4j() {
        @Nullable String version = Versions.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
