package org.retain4j.core.hub;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Which files of a repository a model or an adapter is loaded from. */
final class ModelFiles {

    static final String CONFIG = "config.json";
    static final String INDEX = "model.safetensors.index.json";
    private static final String SINGLE = "model.safetensors";
    private static final String ADAPTER_CONFIG = "adapter_config.json";
    private static final String ADAPTER = "adapter_model.safetensors";
    private static final String TEMPLATES = "additional_chat_templates/";

    /** Files that change what a model does when they are there, besides configuration, weights. */
    private static final List<String> OPTIONAL =
            List.of(
                    "generation_config.json",
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "chat_template.jinja",
                    "chat_template.json",
                    "tokenizer.model",
                    "vocab.json",
                    "merges.txt",
                    "added_tokens.json",
                    ADAPTER_CONFIG);

    private static final List<String> PAPERS =
            List.of("LICENSE", "LICENSE.txt", "LICENSE.md", "README.md");

    private static final String CONVERT =
            "pickle files can run code when they are opened and are not taken; convert them in"
                    + " Python with AutoModelForCausalLM.from_pretrained(\"%s\")"
                    + ".save_pretrained(folder, safe_serialization=True) and load that folder";

    private ModelFiles() {}

    /**
     * Returns the files to fetch, but for the shards that an index names.
     *
     * @throws HubException when there are no weights that can be read, with what there is instead
     */
    static List<String> select(String repoId, Set<String> files) throws HubException {
        List<String> selected = new ArrayList<>();
        boolean adapter = files.contains(ADAPTER_CONFIG) && files.contains(ADAPTER);
        if (files.contains(SINGLE)) {
            selected.add(SINGLE);
        } else if (files.contains(INDEX)) {
            selected.add(INDEX);
        } else if (!adapter) {
            throw noWeights(repoId, files);
        }
        if (adapter) {
            selected.add(ADAPTER);
        } else if (!files.contains(CONFIG)) {
            throw new HubException(
                    repoId + " has no config.json; expected a model as transformers saves it");
        }
        for (String name : OPTIONAL) {
            if (files.contains(name)) {
                selected.add(name);
            }
        }
        for (String name : files) {
            if (PAPERS.contains(name)
                    || name.equals(CONFIG)
                    || (name.startsWith(TEMPLATES)
                            && name.endsWith(".jinja")
                            && name.indexOf('/', TEMPLATES.length()) < 0)) {
                selected.add(name);
            }
        }
        return selected;
    }

    /** Returns the shards of an index, all of which the repository must have. */
    static Set<String> shards(String repoId, Set<String> files, Path index) throws HubException {
        Set<String> shards = Listing.shards("The index " + INDEX + " of " + repoId, index);
        for (String shard : shards) {
            if (!files.contains(shard)) {
                throw new HubException(
                        repoId
                                + " has no file "
                                + RepoNames.quote(shard)
                                + " although its "
                                + INDEX
                                + " names it; tell its owner, or choose another revision");
            }
        }
        return shards;
    }

    static void requireNoPickle(String repoId, String path) throws HubException {
        if (RepoNames.isPickle(path)) {
            throw new HubException(
                    RepoNames.quote(path) + " is a pickle: " + String.format(CONVERT, repoId));
        }
    }

    private static HubException noWeights(String repoId, Set<String> files) {
        String gguf =
                files.stream()
                        .filter(name -> name.endsWith(".gguf"))
                        .limit(20)
                        .map(RepoNames::quote)
                        .collect(Collectors.joining(", "));
        if (!gguf.isEmpty()) {
            return new HubException(
                    repoId + " holds its weights as GGUF files only; name one of them: " + gguf);
        }
        String other =
                files.stream()
                        .filter(name -> name.endsWith(".safetensors"))
                        .limit(5)
                        .map(RepoNames::quote)
                        .collect(Collectors.joining(", "));
        if (other.isEmpty()) {
            for (String name : files) {
                if (RepoNames.isPickle(name)) {
                    return new HubException(
                            repoId
                                    + " holds its weights only as "
                                    + RepoNames.quote(name)
                                    + ": "
                                    + String.format(CONVERT, repoId));
                }
            }
        }
        return new HubException(
                repoId
                        + " has neither "
                        + SINGLE
                        + " nor "
                        + INDEX
                        + (other.isEmpty()
                                ? "; expected a model or adapter in safetensors format"
                                : " but " + other + "; expected a model as transformers saves it"));
    }

    /** Stores which of the files that matter a repository does not have. */
    static void recordAbsent(RepoCache cache, Listing listing) throws HubException {
        List<String> names = new ArrayList<>(OPTIONAL);
        names.addAll(List.of(CONFIG, SINGLE, INDEX, ADAPTER));
        for (String name : names) {
            if (!listing.files().contains(name)) {
                cache.recordAbsent(listing.commit(), name);
            }
        }
    }

    /** Returns whether all that matters of a commit is cached or known not to exist. */
    static boolean isComplete(RepoCache cache, String commit) throws HubException {
        for (String name : OPTIONAL) {
            if (!cache.has(commit, name) && !cache.isAbsent(commit, name)) {
                return false;
            }
        }
        boolean adapter = hasAdapter(cache, commit);
        if (!adapter && cache.has(commit, ADAPTER_CONFIG) && !cache.isAbsent(commit, ADAPTER)) {
            return false;
        }
        boolean config = cache.has(commit, CONFIG) || (adapter && cache.isAbsent(commit, CONFIG));
        boolean bare = cache.isAbsent(commit, SINGLE) && cache.isAbsent(commit, INDEX);
        return config && ((adapter && bare) || missingWeights(cache, commit) == null);
    }

    /** Returns the first file without which the cached commit cannot be loaded, or null. */
    static @Nullable String missing(RepoCache cache, String commit) throws HubException {
        if (hasAdapter(cache, commit)) {
            return null;
        }
        if (!cache.has(commit, CONFIG)) {
            return cache.has(commit, ADAPTER_CONFIG) ? ADAPTER : CONFIG;
        }
        return missingWeights(cache, commit);
    }

    private static boolean hasAdapter(RepoCache cache, String commit) throws HubException {
        return cache.has(commit, ADAPTER_CONFIG) && cache.has(commit, ADAPTER);
    }

    private static @Nullable String missingWeights(RepoCache cache, String commit)
            throws HubException {
        if (cache.has(commit, SINGLE)) {
            return null;
        }
        if (!cache.has(commit, INDEX)) {
            return SINGLE;
        }
        Path index = cache.file(commit, INDEX);
        for (String shard : Listing.shards(index.toString(), index)) {
            if (!cache.has(commit, shard)) {
                return shard;
            }
        }
        return null;
    }
}
