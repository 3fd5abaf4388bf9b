package org.retain4j.cli.inspect;

import java.util.regex.Pattern;

/** Part of a language model that a tensor belongs to, told by its name. */
public enum ParameterPart {
    // The order decides: a norm within attention is a norm.
    BUFFERS("buffers", "rotary_emb\\.|inv_freq|(^|\\.)(attn|attention)\\.(bias|masked_bias)$"),
    NORMS("norms", "norm|(^|\\.)ln_?(\\d|f|attn|mlp)*\\."),
    HEAD("head", "(^|\\.)(lm_head|embed_out|score|classifier)\\."),
    EMBEDDING("embedding", "embed|(^|\\.)w[tp]e\\."),
    ATTENTION("attention", "attn|attention"),
    MLP("MLP", "mlp|feed_forward|ffn|expert"),
    OTHER("other", "");

    private final String title;
    private final Pattern pattern;

    ParameterPart(String title, String pattern) {
        this.title = title;
        this.pattern = Pattern.compile(pattern);
    }

    String title() {
        return title;
    }

    /** Returns the part of a tensor; buffers are no parameters. */
    public static ParameterPart of(String name) {
        for (ParameterPart part : values()) {
            if (part.pattern.matcher(name).find()) {
                return part;
            }
        }
        return OTHER;
    }
}
