package org.retain4j.core.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.Cleaner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Turns text into token ids and back, exactly as the Hugging Face tokenizers library does.
 *
 * <p>It is that library (in Rust, through DJL), loaded from a {@code tokenizer.json}. Nothing is
 * ever truncated or padded, whatever the file or {@code model_max_length} say, and nothing is
 * fetched from a network. Half surrogate pairs in a text are encoded as U+FFFD, since they have no
 * UTF-8 form.
 *
 * <p>Safe for all threads; closing waits for running calls. The native memory of a tokenizer that
 * is never closed is given back when the tokenizer is garbage.
 */
public final class Tokenizer implements AutoCloseable {

    private static final int MAX_FILE_BYTES = 128 << 20;
    private static final String TOKENIZER = "tokenizer.json";

    /** Files that name special tokens; the later wins. */
    private static final List<String> SPECIAL_TOKENS =
            List.of("special_tokens_map.json", "tokenizer_config.json");

    /** Files that tell what ends a text; the first that does wins. */
    private static final List<String> END_IDS = List.of("generation_config.json", "config.json");

    private static final List<String> FILES =
            Stream.of(List.of(TOKENIZER), SPECIAL_TOKENS, END_IDS).flatMap(List::stream).toList();

    /** Frees the memory of tokenizers that nobody closed, such as those that models share. */
    private static final Cleaner CLEANER = Cleaner.create();

    static {
        // Otherwise DJL reports its start to a server and looks for CUDA builds on the network.
        if (System.getProperty("ai.djl.offline") == null) {
            System.setProperty("ai.djl.offline", "true");
        }
    }

    private final HuggingFaceTokenizer delegate;
    private final Vocabulary vocabulary;
    private final Map<String, String> special;
    private final Set<Integer> eosIds = new TreeSet<>();
    private final String sha256;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final Cleaner.Cleanable memory;
    private boolean closed;

    private Tokenizer(byte[] json, String origin, Map<String, String> special, List<Integer> eosIds)
            throws TokenizerException {
        this.vocabulary = Vocabulary.parse(json, origin);
        this.special = Map.copyOf(special);
        this.eosIds.addAll(eosIds);
        eosId().ifPresent(this.eosIds::add);
        this.sha256 = sha256(json);
        NormalizerCheck.check(vocabulary, origin);
        this.delegate = open(json, origin);
        this.memory = CLEANER.register(this, delegate::close);
    }

    /**
     * Loads {@code tokenizer.json} from a folder, and the names of the special tokens from {@code
     * tokenizer_config.json} and {@code special_tokens_map.json} where these exist; end-of-text ids
     * also from {@code generation_config.json}, or else {@code config.json}.
     *
     * @throws TokenizerException when a file is missing, not JSON or of another program
     */
    public static Tokenizer load(Path folder) throws IOException {
        Map<String, byte[]> files = new HashMap<>();
        for (String name : FILES) {
            Path file = folder.resolve(name);
            if (Files.isRegularFile(file)) {
                files.put(name, bytes(file));
            }
        }
        return of(files, name -> folder.resolve(name).toString());
    }

    /**
     * Loads a tokenizer from the contents of the files that {@link #load(Path)} reads.
     *
     * @param origin where they come from, for messages
     * @param files contents by file name, {@code tokenizer.json} among them
     * @throws TokenizerException when a file is missing, not JSON or of another program
     */
    public static Tokenizer of(String origin, Map<String, byte[]> files) throws IOException {
        return of(files, name -> origin + " " + name);
    }

    /**
     * Loads a tokenizer from the contents of the files that {@link #load(Path)} reads.
     *
     * @param files contents by file name, {@code tokenizer.json} among them
     * @param origins how messages call a file of a name
     * @throws TokenizerException when a file is missing, not JSON or of another program
     */
    public static Tokenizer of(Map<String, byte[]> files, UnaryOperator<String> origins)
            throws IOException {
        byte[] json = files.get(TOKENIZER);
        if (json == null) {
            throw new TokenizerException(
                    origins.apply(TOKENIZER)
                            + " does not exist; expected the tokenizer.json of the Hugging Face"
                            + " tokenizers library beside the model (other vocabulary files are not"
                            + " read; in Python, AutoTokenizer.from_pretrained(folder)"
                            + ".save_pretrained(folder) writes it)");
        }
        Map<String, String> special = new HashMap<>();
        for (String name : SPECIAL_TOKENS) {
            byte[] file = files.get(name);
            if (file != null) {
                special.putAll(SpecialTokens.parse(file, origins.apply(name)));
            }
        }
        List<Integer> ends = List.of();
        for (String name : END_IDS) {
            byte[] file = files.get(name);
            if (file != null && ends.isEmpty()) {
                ends = EndIds.parse(file, origins.apply(name));
            }
        }
        return new Tokenizer(json, origins.apply(TOKENIZER), special, ends);
    }

    /**
     * Loads a tokenizer from streams, which are read to their ends and not closed.
     *
     * @param json a {@code tokenizer.json}
     * @param config a {@code tokenizer_config.json}, or null when no special token has a name
     * @throws TokenizerException when a stream does not hold that
     */
    public static Tokenizer load(InputStream json, @Nullable InputStream config)
            throws IOException {
        Map<String, String> special =
                config == null
                        ? Map.of()
                        : SpecialTokens.parse(
                                bytes(config, "The tokenizer configuration"),
                                "The tokenizer configuration");
        return new Tokenizer(bytes(json, "The tokenizer"), "The tokenizer", special, List.of());
    }

    private static byte[] bytes(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return bytes(in, file.toString());
        }
    }

    private static byte[] bytes(InputStream in, String origin) throws IOException {
        byte[] bytes = in.readNBytes(MAX_FILE_BYTES + 1);
        if (bytes.length > MAX_FILE_BYTES) {
            throw new TokenizerException(
                    origin + " is larger than " + MAX_FILE_BYTES + " bytes, the limit");
        }
        return bytes;
    }

    static HuggingFaceTokenizer open(byte[] json, String origin) throws TokenizerException {
        try {
            return HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(json),
                    Map.of("truncation", "false", "padding", "false"));
        } catch (IOException | RuntimeException e) {
            throw new TokenizerException(
                    origin
                            + " is not accepted by the tokenizers library: "
                            + e.getMessage()
                            + "; expected a tokenizer.json of its version 0.21 or earlier",
                    e);
        }
    }

    /** Returns the ids of a text, with the special tokens that the tokenizer adds. */
    public int[] encode(String text) {
        return encode(text, true);
    }

    /**
     * Returns the ids of a text of any length.
     *
     * <p>Special tokens that the text spells out, such as {@code <|im_end|>}, become their ids in
     * either case.
     *
     * @param addSpecialTokens whether to add those of the file's post-processor, for example a
     *     first {@code <s>}
     * @throws IllegalArgumentException when the vocabulary has no token for a part of the text
     * @throws IllegalStateException when the tokenizer is closed
     */
    public int[] encode(String text, boolean addSpecialTokens) {
        String wellFormed = wellFormed(text);
        return open(() -> ids(encoding(wellFormed, addSpecialTokens)));
    }

    /**
     * Returns the ids of a text together with the part of it that each token stands for.
     *
     * @param addSpecialTokens as for {@link #encode(String, boolean)}
     * @throws IllegalArgumentException when the vocabulary has no token for a part of the text
     * @throws IllegalStateException when the tokenizer is closed
     */
    public TokenSpans encodeWithSpans(String text, boolean addSpecialTokens) {
        String wellFormed = wellFormed(text);
        return open(
                () -> {
                    Encoding encoding = encoding(wellFormed, addSpecialTokens);
                    return TokenSpans.of(ids(encoding), encoding.getCharTokenSpans(), wellFormed);
                });
    }

    private Encoding encoding(String text, boolean addSpecialTokens) {
        try {
            return delegate.encode(text, addSpecialTokens, false);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "The tokenizer has no ids for a text of "
                            + text.length()
                            + " characters: "
                            + e.getMessage(),
                    e);
        }
    }

    private int[] ids(Encoding encoding) {
        long[] ids = encoding.getIds();
        int[] result = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= vocabulary.size()) {
                throw new IllegalArgumentException(
                        "The tokenizer adds the token id "
                                + ids[i]
                                + ", which is not in its vocabulary of "
                                + vocabulary.size());
            }
            result[i] = (int) ids[i];
        }
        return result;
    }

    /**
     * Returns the ids of the start of a text, at most so many, as transformers does with {@code
     * truncation=True, max_length=maxTokens}: tokens of the text are cut off at its end, those that
     * the post-processor adds all stay.
     *
     * @param maxTokens largest number of ids, those of added tokens included
     * @throws IllegalArgumentException when the tokens that are added are more than that, or as
     *     {@link #encode(String, boolean)}
     */
    public int[] encode(String text, boolean addSpecialTokens, int maxTokens) {
        int[] all = encode(text, addSpecialTokens);
        if (all.length <= maxTokens) {
            return all;
        }
        int[] plain = addSpecialTokens ? encode(text, false) : all;
        int added = all.length - plain.length;
        int keep = maxTokens - added;
        if (keep < 0) {
            throw new IllegalArgumentException(
                    "The tokenizer adds "
                            + added
                            + " tokens to every text; expected at least as many as the largest"
                            + " number of tokens, not "
                            + maxTokens);
        }
        for (int before = 0; before <= added; before++) {
            int end = before + plain.length;
            if (Arrays.equals(all, before, end, plain, 0, plain.length)) {
                int[] cut = Arrays.copyOf(all, maxTokens);
                System.arraycopy(all, end, cut, before + keep, added - before);
                return cut;
            }
        }
        throw new IllegalArgumentException(
                "The post-processor of the tokenizer does more than to add tokens around a text,"
                        + " so that texts cannot be cut; encode without special tokens");
    }

    /**
     * Returns the ids of many texts, in their order, using all processors.
     *
     * @throws IllegalArgumentException as {@link #encode(String, boolean)} for any of them
     */
    public List<int[]> encodeAll(List<String> texts, boolean addSpecialTokens) {
        // DJL's own batch call ends the JVM when one text cannot be encoded.
        return texts.parallelStream().map(text -> encode(text, addSpecialTokens)).toList();
    }

    /**
     * Returns the text of ids; bytes that do not form a character become U+FFFD.
     *
     * <p>This is the tokenizer's own decoder; {@code clean_up_tokenization_spaces} is not applied.
     *
     * @param skipSpecialTokens whether special tokens are left out
     * @throws IllegalArgumentException when an id is not in [0, {@link #vocabularySize()}); models
     *     can have more rows than their tokenizer has tokens, so do not sample those
     * @throws IllegalStateException when the tokenizer is closed
     */
    public String decode(int[] ids, boolean skipSpecialTokens) {
        long[] wide = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            checkId(ids[i]);
            wide[i] = ids[i];
        }
        return open(() -> delegate.decode(wide, skipSpecialTokens));
    }

    /**
     * Starts decoding token after token.
     *
     * @param skipSpecialTokens whether special tokens are left out
     */
    public TokenStream stream(boolean skipSpecialTokens) {
        return new TokenStream(this, skipSpecialTokens, vocabulary.streamingRule());
    }

    /**
     * Returns the kind of the tokenizer's model: {@code BPE}, {@code Unigram}, {@code WordPiece} or
     * {@code WordLevel}; empty when the file leaves it to be guessed.
     */
    public String modelType() {
        return vocabulary.modelType();
    }

    /** Returns the added tokens in the order of their ids. */
    public List<AddedToken> addedTokens() {
        return vocabulary.addedTokens();
    }

    /**
     * Returns whether decoding can leave out this token.
     *
     * @throws IllegalArgumentException when the id is not in [0, {@link #vocabularySize()})
     */
    public boolean isSpecial(int id) {
        checkId(id);
        return vocabulary.isSpecial(id);
    }

    /** Returns the largest id plus one, added tokens included. */
    public int vocabularySize() {
        return vocabulary.size();
    }

    /** Returns the id of a token as the vocabulary spells it, if there is one. */
    public OptionalInt tokenToId(String token) {
        Integer id = vocabulary.id(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /**
     * Returns the token of an id as the vocabulary spells it, or null for an unused id.
     *
     * @throws IllegalArgumentException when the id is not in [0, {@link #vocabularySize()})
     */
    public @Nullable String idToToken(int id) {
        checkId(id);
        return vocabulary.token(id);
    }

    /** Returns the id of the beginning-of-text token, if one is named and in the vocabulary. */
    public OptionalInt bosId() {
        return specialId("bos_token");
    }

    /** Returns the id of the end-of-text token, if one is named and in the vocabulary. */
    public OptionalInt eosId() {
        return specialId("eos_token");
    }

    /**
     * Returns all ids that end a text or a turn, in ascending order: the end-of-text token, and
     * {@code eos_token_id} of {@code generation_config.json} or else {@code config.json}.
     */
    public List<Integer> eosIds() {
        return List.copyOf(eosIds);
    }

    /** Returns the id of the padding token, if one is named and in the vocabulary. */
    public OptionalInt padId() {
        return specialId("pad_token");
    }

    /** Returns the id of the token for unknown text, if one is named and in the vocabulary. */
    public OptionalInt unkId() {
        return specialId("unk_token");
    }

    /** Returns the SHA-256 of the bytes of {@code tokenizer.json} in lower-case hexadecimal. */
    public String sha256() {
        return sha256;
    }

    /** Gives back the native memory after running calls have ended; closing twice does nothing. */
    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (!closed) {
                closed = true;
                memory.clean();
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    private OptionalInt specialId(String key) {
        String token = special.get(key);
        return token == null ? OptionalInt.empty() : tokenToId(token);
    }

    private void checkId(int id) {
        if (id < 0 || id >= vocabulary.size()) {
            throw new IllegalArgumentException(
                    "Token id "
                            + id
                            + " is not in the vocabulary; expected 0 to "
                            + (vocabulary.size() - 1));
        }
    }

    private <T> T open(Supplier<T> call) {
        lock.readLock().lock();
        try {
            if (closed) {
                throw new IllegalStateException("The tokenizer is closed");
            }
            return call.get();
        } finally {
            lock.readLock().unlock();
        }
    }

    private static String wellFormed(String text) {
        StringBuilder fixed = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            fixed = fixed == null ? new StringBuilder(text) : fixed;
            fixed.setCharAt(i, '\uFFFD');
        }
        return fixed == null ? text : fixed.toString();
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java runtime has SHA-256", e);
        }
    }
}
