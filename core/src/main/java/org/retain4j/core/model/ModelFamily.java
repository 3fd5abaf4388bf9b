package org.retain4j.core.model;

import java.util.Set;

/**
 * A family of models: turns a {@code config.json} into a {@link DecoderSpec}.
 *
 * <p>New families register through {@link java.util.ServiceLoader}.
 */
public interface ModelFamily {

    /** Returns the {@code model_type} values that this family reads. */
    Set<String> modelTypes();

    /**
     * Reads a configuration.
     *
     * @throws ModelException if a key is missing or wrong, or asks for something that this family's
     *     implementation does not compute; nothing that changes the computation is ignored
     */
    DecoderSpec spec(ModelConfig config) throws ModelException;
}
