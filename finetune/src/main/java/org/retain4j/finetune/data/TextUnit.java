package org.retain4j.finetune.data;

/** What of a plain text file is one example. */
public enum TextUnit {
    /**
     * The whole file, or what stands between lines that hold only {@code <|endoftext|>}; a document
     * of more than a million characters is cut at a line end.
     */
    DOCUMENT,
    /** What stands between empty lines. */
    PARAGRAPH,
    /** A line, as the text loader of Hugging Face datasets. */
    LINE
}
