package org.retain4j.merging.method;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All merge methods by name. */
public final class MergeMethods {

    private static final Map<String, MergeMethod> ALL = new LinkedHashMap<>();

    static {
        for (MergeMethod method :
                List.of(
                        new Linear(),
                        new Slerp(),
                        new NuSlerp(),
                        new MultiSlerp(),
                        new Karcher(),
                        new TaskArithmetic(),
                        new Ties(),
                        new Dare(false),
                        new Dare(true),
                        new Della(false),
                        new Della(true),
                        new Breadcrumbs(false),
                        new Breadcrumbs(true),
                        new ModelStock(),
                        new Passthrough(),
                        new NearSwap(),
                        new Sce(),
                        new ArceeFusion(),
                        new Ram(),
                        new FisherMerge(),
                        new RegMean())) {
            ALL.put(method.info().name(), method);
        }
    }

    private MergeMethods() {}

    /** Returns the method of a name, null if there is none. */
    public static @Nullable MergeMethod find(String name) {
        return ALL.get(name);
    }

    /** Returns the names, related methods next to each other. */
    public static Set<String> names() {
        return Collections.unmodifiableSet(ALL.keySet());
    }
}
