package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.merging.method.FloatSink;
import org.retain4j.merging.method.FloatSource;

/**
 * Gives a continually pre-trained model what chat models learned: Huang et al., "Chat Vector",
 * 2310.04799.
 *
 * <p>The result is θ + Σ r·(chat − base), tensor by tensor by name, summed in double precision.
 * Where the model has more rows for tokens than the base, those the base has get the vector and the
 * others stay. The tokenizer is that of the model; the chat template and the end-of-text token are
 * those of the last chat model. Immutable and safe for all threads.
 *
 * @param base folder of the model that both sides started from
 * @param continued folder of the continually pre-trained model
 * @param chats chat models with their ratios, at least one
 * @param skipEmbedding whether the embedding and the head stay as in {@code continued}
 * @param specialTokens token ids of {@code continued} whose rows become Σ r times the row of the
 *     given id of the chat models; only with {@code skipEmbedding}
 */
public record ChatVector(
        Path base,
        Path continued,
        List<Chat> chats,
        boolean skipEmbedding,
        Map<Integer, Integer> specialTokens) {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_SHARD = 5_000_000_000L;
    private static final long MAX_JSON = 64L << 20;

    /**
     * A chat model and its ratio.
     *
     * @param model folder
     * @param ratio factor of its vector, 1 in the paper
     */
    public record Chat(Path model, double ratio) {}

    /** Makes a recipe with its own copies of the collections. */
    public ChatVector {
        chats = List.copyOf(chats);
        specialTokens = Map.copyOf(new TreeMap<>(specialTokens));
        if (chats.isEmpty()) {
            throw new IllegalArgumentException("There is no chat model; name at least one");
        }
        if (!skipEmbedding && !specialTokens.isEmpty()) {
            throw new IllegalArgumentException(
                    "rows of special tokens are replaced only where the embedding is skipped");
        }
    }

    /** Makes a recipe with one chat model at the ratio 1 that adds to the shared rows of tokens. */
    public static ChatVector of(Path base, Path chat, Path continued) {
        return new ChatVector(base, continued, List.of(new Chat(chat, 1)), false, Map.of());
    }

    /**
     * Writes the model, in the types of {@code continued}.
     *
     * @throws MergeException if a tensor is missing in a model, or shapes do not fit
     * @throws IOException if files cannot be read or written
     */
    public void run(Path out) throws IOException {
        ModelFolder.requireOther(continued, out);
        List<Weights> models = new ArrayList<>();
        try (Weights to = Weights.ofModel(continued);
                Weights from = Weights.ofModel(base)) {
            for (Chat chat : chats) {
                models.add(Weights.ofModel(chat.model()));
            }
            List<TensorSpec> specs = new ArrayList<>();
            List<List<TaskVector.Part>> plan = new ArrayList<>();
            for (TensorInfo info : to.tensors().values()) {
                specs.add(info.spec());
                plan.add(parts(info, to, from, models));
            }
            try (ShardedWriter writer =
                    ShardedWriter.create(out, specs, Map.of("format", "pt"), MAX_SHARD)) {
                RoundingSink rounding = new RoundingSink();
                int next = 0;
                for (TensorInfo info : to.tensors().values()) {
                    List<TaskVector.Part> parts = plan.get(next++);
                    if (!info.dtype().isFloatingPoint()) {
                        TaskVector.copy(to, info, writer::write);
                        continue;
                    }
                    FloatSink sink =
                            rounding.to(info.dtype(), bytes -> writer.write(info.name(), bytes));
                    TaskVector.sum(parts, info.elementCount(), sink);
                }
                writer.commit();
            }
            ModelFolder.copyBeside(continued, out);
            takeTemplate(chats.get(chats.size() - 1).model(), out);
            record(from, to, models, out);
        } finally {
            for (Weights model : models) {
                model.close();
            }
        }
    }

    /**
     * Returns the rows of tokens for {@link #specialTokens}.
     *
     * @param continued folder of the continually pre-trained model
     * @param chat folder of a chat model
     * @param tokens tokens of the first by those of the second, each as a text, or as # and an id
     * @throws MergeException if a tokenizer is missing or has no such token
     */
    public static Map<Integer, Integer> tokenRows(
            Path continued, Path chat, Map<String, String> tokens) throws IOException {
        Map<Integer, Integer> rows = new TreeMap<>();
        if (tokens.isEmpty()) {
            return rows;
        }
        TokenTable ours = TokenTable.read(continued);
        TokenTable theirs = TokenTable.read(chat);
        for (Map.Entry<String, String> token : tokens.entrySet()) {
            rows.put(ours.require(token.getKey()), theirs.require(token.getValue()));
        }
        return rows;
    }

    private List<TaskVector.Part> parts(
            TensorInfo info, Weights to, Weights from, List<Weights> models) throws MergeException {
        List<TaskVector.Part> parts = new ArrayList<>();
        if (!info.dtype().isFloatingPoint()) {
            return parts;
        }
        boolean tokens = Layers.hasTokenRows(info.name());
        FloatSource own = to.floats(info);
        if (tokens && skipEmbedding) {
            parts.add(
                    new TaskVector.Part(
                            specialTokens.isEmpty() ? own : replaced(own, info, models), 1));
            return parts;
        }
        parts.add(new TaskVector.Part(own, 1));
        long shared = tokens ? sharedRows(info, from, models) : 0;
        for (int i = 0; i < models.size(); i++) {
            double ratio = chats.get(i).ratio();
            parts.add(new TaskVector.Part(rows(models.get(i), info, tokens, shared), ratio));
            parts.add(new TaskVector.Part(rows(from, info, tokens, shared), -ratio));
        }
        return parts;
    }

    /** Returns how many rows all models have. */
    private static long sharedRows(TensorInfo info, Weights from, List<Weights> models)
            throws MergeException {
        long rows = Math.min(firstSize(info), firstSize(find(from, info.name())));
        for (Weights model : models) {
            rows = Math.min(rows, firstSize(find(model, info.name())));
        }
        return rows;
    }

    private static long firstSize(TensorInfo info) {
        return info.shape().isEmpty() ? 0 : info.shape().get(0);
    }

    /** Returns the elements that another model has of a tensor, and zeros for its added rows. */
    private FloatSource rows(Weights model, TensorInfo info, boolean tokens, long shared)
            throws MergeException {
        TensorInfo theirs = find(model, info.name());
        if (!tokens
                || info.shape().size() != 2
                || (theirs.shape().equals(info.shape()) && shared == firstSize(info))) {
            model.requireShape(theirs, info.shape(), continued);
            return model.floats(theirs);
        }
        long width = info.shape().get(1);
        if (theirs.shape().size() != 2 || theirs.shape().get(1) != width) {
            model.requireShape(theirs, info.shape(), continued);
        }
        FloatSource source = model.floats(theirs);
        long end = shared * width;
        return (at, target, count) -> {
            int there = (int) Math.max(0, Math.min(count, end - at));
            if (there > 0) {
                source.read(at, target, there);
            }
            Arrays.fill(target, there, count, 0);
        };
    }

    /** Returns a row-wise sum of special rows over the own elements. */
    private FloatSource replaced(FloatSource own, TensorInfo info, List<Weights> models)
            throws MergeException {
        if (info.shape().size() != 2) {
            throw new MergeException(
                    "Tensor " + info.name() + " of " + continued + " has no rows for tokens");
        }
        int width = Math.toIntExact(info.shape().get(1));
        List<FloatSource> sources = new ArrayList<>();
        for (Weights model : models) {
            TensorInfo theirs = find(model, info.name());
            for (Map.Entry<Integer, Integer> token : specialTokens.entrySet()) {
                requireRow(token.getKey(), info, continued);
                requireRow(token.getValue(), theirs, model.path());
            }
            if (theirs.shape().get(1) != width) {
                model.requireShape(theirs, info.shape(), continued);
            }
            sources.add(model.floats(theirs));
        }
        float[] row = new float[width];
        return (at, target, count) -> {
            own.read(at, target, count);
            for (Map.Entry<Integer, Integer> token : specialTokens.entrySet()) {
                long start = (long) token.getKey() * width;
                long from = Math.max(at, start);
                long to = Math.min(at + count, start + width);
                if (from >= to) {
                    continue;
                }
                double[] sums = new double[width];
                for (int i = 0; i < sources.size(); i++) {
                    sources.get(i).read((long) token.getValue() * width, row, width);
                    for (int k = 0; k < width; k++) {
                        sums[k] += chats.get(i).ratio() * row[k];
                    }
                }
                for (long k = from; k < to; k++) {
                    target[(int) (k - at)] = (float) sums[(int) (k - start)];
                }
            }
        };
    }

    private static void requireRow(int token, TensorInfo info, Path model) throws MergeException {
        if (info.shape().size() != 2 || token < 0 || token >= info.shape().get(0)) {
            throw new MergeException(
                    "Token id "
                            + token
                            + " has no row in "
                            + info.name()
                            + " of "
                            + model
                            + ", whose shape is "
                            + info.shape());
        }
    }

    private static TensorInfo find(Weights model, String name) throws MergeException {
        TensorInfo info = model.find(name);
        if (info == null) {
            throw new MergeException(
                    model.path()
                            + " has no tensor "
                            + name
                            + "; expected models of the same family, all with a head of their own"
                            + " or none");
        }
        return info;
    }

    /** Writes what the model was made of. */
    private void record(Weights from, Weights to, List<Weights> models, Path out)
            throws IOException {
        ObjectNode record = JSON.createObjectNode();
        record.put("version", 1);
        record.put("base_sha256", from.hash());
        record.put("continued_sha256", to.hash());
        for (int i = 0; i < models.size(); i++) {
            ObjectNode chat = record.withArray("chats").addObject();
            chat.put("sha256", models.get(i).hash());
            chat.put("ratio", chats.get(i).ratio());
        }
        record.put("skip_embed", skipEmbedding);
        ObjectNode tokens = record.putObject("special_tokens");
        new TreeMap<>(specialTokens).forEach((own, chat) -> tokens.put(own.toString(), chat));
        AtomicFile.write(
                out.resolve("chat_vector.json"),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(record));
    }

    private static void takeTemplate(Path chat, Path out) throws IOException {
        Path template = chat.resolve("chat_template.jinja");
        if (Files.isRegularFile(template)) {
            requireSmall(template);
            AtomicFile.write(out.resolve("chat_template.jinja"), Files.readAllBytes(template));
        }
        take(chat, out, "tokenizer_config.json", List.of("chat_template", "eos_token"));
        take(chat, out, "special_tokens_map.json", List.of("eos_token"));
        take(chat, out, "generation_config.json", List.of("eos_token_id"));
        take(chat, out, "config.json", List.of("eos_token_id"));
    }

    /** Takes single keys of a JSON file over where both folders have it. */
    private static void take(Path from, Path to, String file, List<String> keys)
            throws IOException {
        ObjectNode ours = json(to.resolve(file));
        ObjectNode theirs = json(from.resolve(file));
        if (ours == null || theirs == null) {
            return;
        }
        boolean changed = false;
        for (String key : keys) {
            JsonNode value = theirs.get(key);
            if (value != null && !value.equals(ours.get(key))) {
                ours.set(key, value);
                changed = true;
            }
        }
        if (changed) {
            AtomicFile.write(
                    to.resolve(file),
                    JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(ours));
        }
    }

    static @Nullable ObjectNode json(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return null;
        }
        requireSmall(file);
        try {
            return JSON.readTree(Files.readAllBytes(file)) instanceof ObjectNode node ? node : null;
        } catch (JsonProcessingException e) {
            throw new MergeException(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static void requireSmall(Path file) throws IOException {
        if (Files.size(file) > MAX_JSON) {
            throw new MergeException(file + " is larger than 64 MB; expected a small text file");
        }
    }

    /** Returns the chat template of a model folder, null where it has none. */
    static @Nullable String template(Path model) throws IOException {
        Path file = model.resolve("chat_template.jinja");
        if (Files.isRegularFile(file)) {
            requireSmall(file);
            return Files.readString(file);
        }
        ObjectNode config = json(model.resolve("tokenizer_config.json"));
        JsonNode text = config == null ? null : config.get("chat_template");
        return text != null && text.isTextual() ? text.asText() : null;
    }
}
