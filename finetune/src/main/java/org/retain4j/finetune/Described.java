package org.retain4j.finetune;

import java.util.regex.Pattern;

/** A text that tells settings apart, the same in every process. */
final class Described {

    private static final Pattern CODE = Pattern.compile("[\\w.$]*\\$\\$Lambda[^,\\])\\s]*");
    private static final Pattern ADDRESS = Pattern.compile("@[0-9a-f]{1,8}(?=[,\\])\\s]|$)");

    private Described() {}

    /** Returns what an object prints, without what is new in every process. */
    static String of(Object value) {
        String text = CODE.matcher(value.toString()).replaceAll("code");
        return ADDRESS.matcher(text).replaceAll("");
    }
}
