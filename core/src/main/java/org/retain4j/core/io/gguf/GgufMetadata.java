package org.retain4j.core.io.gguf;

import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The key-value pairs of a GGUF file, read with named errors. Immutable, safe for all threads. */
final class GgufMetadata {

    private final Path path;
    private final Map<String, Object> values;

    GgufMetadata(Path path, Map<String, Object> values) {
        this.path = path;
        this.values = values;
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    boolean isArray(String key) {
        return values.get(key) instanceof long[];
    }

    String text(String key) throws GgufException {
        String text = optionalText(key);
        if (text == null) {
            throw missing(key);
        }
        return text;
    }

    @Nullable String optionalText(String key) throws GgufException {
        Object value = values.get(key);
        if (value == null || value instanceof String) {
            return (String) value;
        }
        throw wrong(key, "a text");
    }

    /** Returns an integer of at least 1; of an array, the value that all elements share. */
    int positive(String key) throws GgufException {
        Object value = values.get(key);
        if (value == null) {
            throw missing(key);
        }
        if (value instanceof long[] array && array.length > 0) {
            for (long element : array) {
                if (element != array[0]) {
                    throw fail(
                            key
                                    + " differs from layer to layer, which is not supported; expected"
                                    + " the same for all");
                }
            }
            value = array[0];
        }
        if (!(value instanceof Long number) || number < 1 || number > Integer.MAX_VALUE) {
            throw wrong(key, "a positive integer");
        }
        return number.intValue();
    }

    int positive(String key, int absent) throws GgufException {
        return has(key) ? positive(key) : absent;
    }

    /** Returns an integer of at least 0 if the key is there. */
    OptionalInt index(String key) throws GgufException {
        Object value = values.get(key);
        if (value == null) {
            return OptionalInt.empty();
        }
        if (!(value instanceof Long number) || number < 0 || number > Integer.MAX_VALUE) {
            throw wrong(key, "an integer of at least 0");
        }
        return OptionalInt.of(number.intValue());
    }

    /** Returns a finite number; a float32 gives the double of its shortest decimal form. */
    double number(String key, double absent) throws GgufException {
        Object value = values.get(key);
        if (value == null) {
            return absent;
        }
        if (value instanceof Long number) {
            return number;
        }
        if (!(value instanceof Double number)
                || Double.isNaN(number)
                || Double.isInfinite(number)) {
            throw wrong(key, "a finite number");
        }
        return shortest(number);
    }

    boolean flag(String key, boolean absent) throws GgufException {
        Object value = values.get(key);
        if (value == null) {
            return absent;
        }
        if (!(value instanceof Boolean flag)) {
            throw wrong(key, "true or false");
        }
        return flag;
    }

    String[] texts(String key) throws GgufException {
        Object value = values.get(key);
        if (value == null) {
            throw missing(key);
        }
        if (!(value instanceof String[] texts)) {
            throw wrong(key, "an array of texts");
        }
        return texts;
    }

    long @Nullable [] integers(String key) throws GgufException {
        Object value = values.get(key);
        if (value != null && !(value instanceof long[])) {
            throw wrong(key, "an array of integers");
        }
        return (long[]) value;
    }

    double @Nullable [] numbers(String key) throws GgufException {
        Object value = values.get(key);
        if (value != null && !(value instanceof double[])) {
            throw wrong(key, "an array of floating-point numbers");
        }
        return (double[]) value;
    }

    GgufException fail(String problem) {
        return new GgufException(path + ": " + problem);
    }

    private GgufException missing(String key) {
        return fail("metadata has no " + key + "; the file is no complete language model");
    }

    private GgufException wrong(String key, String expected) {
        Object value = values.get(key);
        String found =
                value instanceof Number || value instanceof Boolean
                        ? ", is " + value
                        : value instanceof String text ? ", is " + GgufHeader.quote(text) : "";
        return fail(key + " must be " + expected + found);
    }

    /** Returns 1e-5 for 9.999999747378752E-6, which is the float32 nearest to it. */
    static double shortest(double value) {
        float narrow = (float) value;
        if (narrow != value || Float.isInfinite(narrow)) {
            return value;
        }
        for (int digits = 1; digits < 9; digits++) {
            double candidate = new BigDecimal(value).round(new MathContext(digits)).doubleValue();
            if ((float) candidate == narrow) {
                return candidate;
            }
        }
        return value;
    }
}
