package org.retain4j.cli.compare;

/**
 * What a user can be told of a method.
 *
 * @param name name on the command line
 * @param title name in tables
 * @param paper where the method is from
 * @param options its strength, with default and range; empty when it has none
 * @param needsOldData whether it reads the training part of the old text
 */
public record MethodInfo(
        String name, String title, String paper, String options, boolean needsOldData) {}
