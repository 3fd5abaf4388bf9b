package org.retain4j.core.text.jinja;

/** A text that grows within the limits of the rendering. */
final class Output {

    private final Run run;
    private final StringBuilder text = new StringBuilder();

    Output(Run run) {
        this.run = run;
    }

    Output add(String part) {
        reserve(part.length());
        text.append(part);
        return this;
    }

    Output add(char part) {
        reserve(1);
        text.append(part);
        return this;
    }

    Output add(String part, int from, int to) {
        reserve(to - from);
        text.append(part, from, to);
        return this;
    }

    Output repeat(String part, long count) {
        if (count > 0 && part.length() > 0) {
            run.charge(Math.min(Integer.MAX_VALUE, count) * part.length());
            add(part.repeat((int) count));
        }
        return this;
    }

    private void reserve(int more) {
        if (text.length() + (long) more > run.maxCharacters()) {
            throw new Failure(
                    "a text of more than "
                            + run.maxCharacters()
                            + " characters, the limit of a rendering");
        }
        run.chargePart(more);
    }

    int length() {
        return text.length();
    }

    String substring(int from) {
        return text.substring(from);
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
