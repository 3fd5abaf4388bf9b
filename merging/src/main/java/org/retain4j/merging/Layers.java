package org.retain4j.merging;

import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Layer numbers in the names of tensors. */
final class Layers {

    private static final Pattern NUMBER =
            Pattern.compile("(?:^|\\.)(?:layers?|h|blocks?)\\.(\\d{1,6})(?=\\.)");

    private static final Pattern EMBEDDING =
            Pattern.compile("(?:embed_tokens|wte|wpe|embed_in|embed_positions)\\.weight$");

    private static final Pattern HEAD = Pattern.compile("(?:lm_head|embed_out)\\.weight$");

    private Layers() {}

    /** Returns the layer of a tensor, empty for one outside the layers. */
    static OptionalInt of(String tensor) {
        Matcher found = NUMBER.matcher(tensor);
        return found.find()
                ? OptionalInt.of(Integer.parseInt(found.group(1)))
                : OptionalInt.empty();
    }

    /** Returns the name of the same tensor in another layer. */
    static String rename(String tensor, int layer) {
        Matcher found = NUMBER.matcher(tensor);
        if (!found.find()) {
            return tensor;
        }
        return tensor.substring(0, found.start(1)) + layer + tensor.substring(found.end(1));
    }

    /** Returns whether a tensor comes before the layers. */
    static boolean isEmbedding(String tensor) {
        return EMBEDDING.matcher(tensor).find();
    }

    /** Returns whether a tensor has a row for every token. */
    static boolean hasTokenRows(String tensor) {
        boolean positions = tensor.contains("wpe.") || tensor.contains("positions");
        return isHead(tensor) || (isEmbedding(tensor) && !positions);
    }

    static boolean isHead(String tensor) {
        return HEAD.matcher(tensor).find();
    }
}
