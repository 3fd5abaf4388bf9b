package org.retain4j.lora;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What an adapter folder holds, without loading it.
 *
 * @param folder where it lies
 * @param config its configuration
 * @param modules adapted modules, sorted by name
 * @param wholes names of parameters that are stored whole: saved modules, biases, rows of tokens
 * @param parameters number of stored numbers
 * @param bytes size of the tensors
 * @param types element types of the tensors
 * @param named names of further adapters in sub-folders
 */
public record AdapterInfo(
        Path folder,
        LoraConfig config,
        List<AdaptedModule> modules,
        List<String> wholes,
        long parameters,
        long bytes,
        List<String> types,
        List<String> named) {

    /**
     * One adapted module.
     *
     * @param name Hugging Face name
     * @param rank rank of its matrices
     * @param scale what B A is multiplied by
     * @param in columns of A
     * @param out rows of B
     */
    public record AdaptedModule(String name, int rank, double scale, long in, long out) {}

    /** Makes an entry with its own copies of the lists. */
    public AdapterInfo {
        modules = List.copyOf(modules);
        wholes = List.copyOf(wholes);
        types = List.copyOf(types);
        named = List.copyOf(named);
    }

    /**
     * Reads what a folder holds.
     *
     * @throws LoraException if it is missing or damaged, or of a kind that is not supported
     */
    public static AdapterInfo read(Path folder) throws LoraException {
        try (StoredAdapter stored = StoredAdapter.open(folder)) {
            List<AdaptedModule> modules = new ArrayList<>();
            for (Map.Entry<String, StoredAdapter.Matrices> entry : stored.modules().entrySet()) {
                String name = entry.getKey();
                modules.add(
                        new AdaptedModule(
                                name,
                                stored.config().rankOf(name),
                                stored.config().scaleOf(name),
                                stored.shape(entry.getValue().a()).get(1),
                                stored.shape(entry.getValue().b()).get(0)));
            }
            List<String> wholes = new ArrayList<>(stored.wholes().keySet());
            stored.tokenRows().keySet().forEach(name -> wholes.add(name + " (rows of tokens)"));
            return new AdapterInfo(
                    folder,
                    stored.config(),
                    modules,
                    wholes,
                    stored.elements(),
                    stored.bytes(),
                    stored.types(),
                    StoredAdapter.named(folder));
        }
    }

    /**
     * Refuses a base of another name than the one that the adapter was recorded with; the last part
     * of the path, the name in the hub's cache or the {@code _name_or_path} of its configuration
     * must be that of {@code base_model_name_or_path}.
     *
     * @throws LoraException if the names differ
     * @throws IOException if there is no model of a known family
     */
    public void requireBase(Path base) throws IOException {
        try (BaseFiles files = BaseFiles.open(base)) {
            files.requireRecorded(folder, config);
        }
    }
}
