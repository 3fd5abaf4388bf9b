package org.retain4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Reader;
import java.io.Writer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.model.Pretrained;

/**
 * The files that a comparison reads, checked before it starts and named by their contents.
 *
 * @param model files of the model
 * @param learn files of the text to learn
 * @param retain files of the text to retain
 */
record Inputs(List<Item> model, List<Item> learn, List<Item> retain) {

    /**
     * One file.
     *
     * @param file its path, or the name of the embedded resource
     * @param bytes its length
     * @param sha256 hash of its contents, 64 hexadecimal digits
     */
    record Item(String file, long bytes, String sha256) {}

    private static final String EMBEDDED = "/org/retain4j/core/embedded/";

    /**
     * Checks the files and reads each once.
     *
     * @param model a model folder or the name of the embedded model
     * @param learn text to learn, null for the embedded one
     * @param retain text to retain, null for the embedded one
     * @throws UsageException if one is missing, unreadable, empty or not text
     */
    static Inputs check(String model, @Nullable Path learn, @Nullable Path retain)
            throws IOException {
        checkModel(model);
        checkText("--learn", learn);
        checkText("--retain", retain);
        if (learn != null && retain != null && Files.isSameFile(learn, retain)) {
            throw new UsageException(
                    "--learn and --retain are the same file "
                            + learn
                            + ", give two different texts");
        }
        return new Inputs(
                modelFiles(model),
                text("--learn", learn, "tinyshakespeare"),
                text("--retain", retain, "tinystories"));
    }

    private static void checkModel(String model) {
        if (model.equals(Pretrained.EMBEDDED)) {
            return;
        }
        if (model.startsWith("embedded:")) {
            throw new UsageException(
                    "--model: there is no embedded model \""
                            + model
                            + "\", the only one is "
                            + Pretrained.EMBEDDED);
        }
        Path folder = path("--model", model);
        if (!Files.isDirectory(folder)) {
            throw new UsageException(
                    "--model: "
                            + model
                            + (Files.exists(folder) ? " is not a folder" : " does not exist")
                            + ", give a folder with config.json, tokenizer.json and"
                            + " model.safetensors, or "
                            + Pretrained.EMBEDDED);
        }
        for (String name : List.of("config.json", "tokenizer.json")) {
            if (!Files.isReadable(folder.resolve(name))) {
                throw new UsageException(
                        "--model: "
                                + folder.resolve(name)
                                + " is missing or unreadable, give a complete Hugging Face model"
                                + " folder");
            }
        }
    }

    /** Reads a path from the command line. */
    static Path path(String option, String text) {
        if (text.isBlank() || text.indexOf('\0') >= 0) {
            throw new UsageException(option + " must name a path, is \"" + text + "\"");
        }
        return Path.of(text);
    }

    private static void checkText(String option, @Nullable Path file) throws IOException {
        if (file == null) {
            return;
        }
        String problem = "";
        if (!Files.exists(file)) {
            problem = " does not exist";
        } else if (!Files.isRegularFile(file)) {
            problem = Files.isDirectory(file) ? " is a folder" : " is not a regular file";
        } else if (!Files.isReadable(file)) {
            problem = " may not be read";
        } else if (Files.size(file) == 0) {
            problem = " is empty";
        }
        if (!problem.isEmpty()) {
            throw new UsageException(
                    option + ": " + file + problem + ", give a text file in UTF-8");
        }
    }

    private static List<Item> modelFiles(String model) throws IOException {
        List<Item> items = new ArrayList<>();
        if (model.equals(Pretrained.EMBEDDED)) {
            for (String name : List.of("config.json", "model.safetensors", "tokenizer.json")) {
                items.add(resource("stories260K/" + name));
            }
            return items;
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(Path.of(model))) {
            files =
                    all.filter(Files::isRegularFile)
                            .filter(file -> file.toString().matches(".*\\.(json|safetensors)"))
                            .sorted()
                            .toList();
        }
        for (Path file : files) {
            MessageDigest digest = sha256();
            try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
                in.transferTo(OutputStream.nullOutputStream());
            }
            items.add(new Item(file.toString(), Files.size(file), hex(digest)));
        }
        return items;
    }

    private static List<Item> text(String option, @Nullable Path file, String embedded)
            throws IOException {
        if (file == null) {
            return List.of(
                    resource("texts/" + embedded + ".train.txt"),
                    resource("texts/" + embedded + ".heldout.txt"));
        }
        MessageDigest digest = sha256();
        try (Reader reader =
                new InputStreamReader(
                        new DigestInputStream(Files.newInputStream(file), digest),
                        StandardCharsets.UTF_8.newDecoder())) {
            reader.transferTo(Writer.nullWriter());
        } catch (CharacterCodingException e) {
            throw new UsageException(
                    option
                            + ": "
                            + file
                            + " is not text in UTF-8, convert it, for example with iconv -t UTF-8");
        }
        return List.of(new Item(file.toString(), Files.size(file), hex(digest)));
    }

    private static Item resource(String name) throws IOException {
        try (InputStream in = Pretrained.class.getResourceAsStream(EMBEDDED + name)) {
            if (in == null) {
                throw new IOException(
                        "resource " + EMBEDDED + name + " is missing, build Retain4j anew");
            }
            byte[] bytes = in.readAllBytes();
            MessageDigest digest = sha256();
            digest.update(bytes);
            return new Item("embedded:" + name, bytes.length, hex(digest));
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }
}
