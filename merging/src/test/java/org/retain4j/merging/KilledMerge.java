package org.retain4j.merging;

import java.io.IOException;
import java.nio.file.Path;

/** A merge in a process of its own, slow enough to be killed in its middle. */
final class KilledMerge {

    static final String PLAN =
            """
            merge_method: dare_ties
            base_model: base
            models:
            - {model: ft_a, parameters: {weight: 0.5, density: 0.5}}
            - {model: ft_b, parameters: {weight: 0.5, density: 0.5}}
            seed: 3
            """;

    static final long SHARD = 5000;

    private KilledMerge() {}

    static Merge merge() throws MergeException {
        return Merge.of(MergePlan.parse("plan", PLAN))
                .root(Fixtures.golden().resolve("models"))
                .maxShardBytes(SHARD);
    }

    /** Merges into the folder that is named. */
    public static void main(String[] arguments) throws IOException {
        merge().progress((done, total) -> pause()).run(Path.of(arguments[0]));
    }

    private static void pause() {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
