package org.retain4j.lora;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.ModelConfig;

/**
 * The name of a base model that an adapter keeps, {@code base_model_name_or_path}.
 *
 * <p>A model goes by several names: its folder, the name in the hub's cache, what its configuration
 * says. Only the last part of each is compared, as folders move.
 */
final class RecordedBase {

    private static final String EMBEDDED = "embedded:";

    private RecordedBase() {}

    /**
     * Returns the recorded name if a model has names and that is none of them, else null.
     *
     * @param model folder or file of the model
     */
    static @Nullable String other(LoraConfig config, Path model, ModelConfig base) {
        String recorded = config.baseModel();
        if (recorded == null) {
            return null;
        }
        String wanted = lastName(recorded);
        // such a path says where the adapter was trained, not on what
        if (wanted.isBlank() || wanted.equals(".") || wanted.equals("..")) {
            return null;
        }
        List<String> names = names(model, base);
        boolean same =
                wanted.startsWith(EMBEDDED)
                        ? names.stream()
                                .anyMatch(n -> n.contains(wanted.substring(EMBEDDED.length())))
                        : names.contains(wanted);
        return same ? null : recorded;
    }

    private static List<String> names(Path model, ModelConfig base) {
        Path absolute = model.toAbsolutePath().normalize();
        Path real = absolute;
        try {
            real = absolute.toRealPath();
        } catch (IOException e) {
            // the comparison goes on with the path as it was given
            real = absolute;
        }
        List<String> names = new ArrayList<>();
        names.add(lastName(absolute.toString()));
        for (Path part : real) {
            names.add(lastName(part.toString().replace("--", "/")));
        }
        String named = base.node("_name_or_path").asText("");
        if (!named.isBlank()) {
            names.add(lastName(named));
        }
        return names;
    }

    private static String lastName(String path) {
        String plain = path.replace('\\', '/').replaceAll("/+$", "");
        return plain.substring(plain.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
    }
}
