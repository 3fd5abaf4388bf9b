package org.retain4j.merging;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Sha256;

/** Chooses the tokenizer and the chat template of the merged model. */
final class MergeTokenizer {

    private static final String FILE = "tokenizer.json";
    private static final String TEMPLATE = "chat_template.jinja";

    private final Path from;
    private final @Nullable String template;

    private MergeTokenizer(Path from, @Nullable String template) {
        this.from = from;
        this.template = template;
    }

    /** Chooses, or fails where rows of tokens would have to change their places. */
    static MergeTokenizer of(MergePlan plan, MergeInputs inputs) throws IOException {
        Path from = inputs.all().values().iterator().next().path();
        String source = plan.tokenizerSource;
        if (source != null) {
            Map<Path, String> hashes = new LinkedHashMap<>();
            for (Weights model : inputs.all().values()) {
                Path file = model.path().resolve(FILE);
                if (!Files.isRegularFile(file)) {
                    throw new MergeException(file + " is missing, which tokenizer_source needs");
                }
                hashes.put(model.path(), Sha256.of(file));
            }
            if (plan.tokenizerSection || Set.copyOf(hashes.values()).size() > 1) {
                throw new MergeException(
                        plan.file
                                + ": the models have different tokenizers, whose rows cannot be"
                                + " matched by token yet; leave tokenizer_source and tokenizer"
                                + " out, or bring the models to one vocabulary first");
            }
            for (Map.Entry<ModelReference, Weights> model : inputs.all().entrySet()) {
                if (model.getKey().toString().equals(source)) {
                    from = model.getValue().path();
                }
            }
        }
        String template = plan.chatTemplate;
        if (template == null) {
            return new MergeTokenizer(from, null);
        }
        if (template.equals("auto")) {
            return new MergeTokenizer(from, mostFrequent(inputs));
        }
        if (!template.contains("{")) {
            throw new MergeException(
                    plan.file
                            + ": the chat template "
                            + template
                            + " is not known by name yet; write its Jinja text into the plan");
        }
        return new MergeTokenizer(from, template);
    }

    /** Returns the template of most models, the first of several. */
    private static @Nullable String mostFrequent(MergeInputs inputs) throws IOException {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (Weights model : inputs.all().values()) {
            String text = ChatVector.template(model.path());
            if (text != null) {
                counts.merge(text, 1, Integer::sum);
            }
        }
        String best = null;
        int most = 0;
        for (Map.Entry<String, Integer> entry : counts.entrySet()) {
            if (entry.getValue() > most) {
                best = entry.getKey();
                most = entry.getValue();
            }
        }
        return best;
    }

    void copyTo(Path out) throws IOException {
        ModelFolder.copyBeside(from, out);
        if (template != null) {
            AtomicFile.write(out.resolve(TEMPLATE), Objects.requireNonNull(template));
        }
    }
}
