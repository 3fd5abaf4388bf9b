package org.retain4j.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.text.Documents;
import org.retain4j.evaluation.metrics.BitsPerByte;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainResult;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.data.TextBlocks;

/** Replay data that the embedded story model writes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SelfGeneratedTest {

    private static final int LENGTH = 48;

    private CausalLm model;

    @BeforeAll
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterAll
    void close() {
        model.close();
    }

    private List<int[]> write(int samples, long seed) {
        return new SelfGenerated(samples, LENGTH, seed).write(model).blocks();
    }

    private static Set<String> texts(List<int[]> blocks) {
        Set<String> texts = new HashSet<>();
        blocks.forEach(block -> texts.add(Arrays.toString(block)));
        return texts;
    }

    @Test
    void everySampleStartsAtTheStartTokenAndHasTheLength() {
        List<int[]> blocks = write(5, 1);
        assertThat(blocks).hasSize(5);
        int start = model.tokenizer().bosId().getAsInt();
        assertThat(blocks).allMatch(block -> block.length == LENGTH && block[0] == start);
    }

    @Test
    void samplesAreAFunctionOfTheSeedAndDiffer() {
        // more than are written at once
        Set<String> first = texts(write(70, 1));
        assertThat(first).hasSize(70);
        assertThat(texts(write(70, 1))).isEqualTo(first);
        Set<String> second = texts(write(70, 2));
        second.retainAll(first);
        assertThat(second).isEmpty();
    }

    @Test
    void theTextIsThatOfAStory() {
        for (int[] block : write(5, 3)) {
            String text = model.tokenizer().decode(block, true);
            assertThat(text).hasSizeGreaterThan(LENGTH).contains(" ").doesNotContain("\uFFFD");
            long letters = text.chars().filter(Character::isLetter).count();
            long spaces = text.chars().filter(c -> c == ' ').count();
            assertThat(letters).isGreaterThan(text.length() * 6L / 10);
            assertThat(spaces).isBetween(text.length() / 12L, text.length() / 3L);
        }
    }

    @Test
    void theModelPredictsItsOwnTextBetterThanOthers() throws IOException {
        List<String> own = new ArrayList<>();
        write(20, 4).forEach(block -> own.add(model.tokenizer().decode(block, true)));
        List<String> other = Documents.embedded("tinyshakespeare.heldout").subList(0, 10);
        assertThat(BitsPerByte.of(own, model.tokenizer(), 256).score(model).bitsPerByte())
                .isLessThan(
                        0.6
                                * BitsPerByte.of(other, model.tokenizer(), 256)
                                        .score(model)
                                        .bitsPerByte());
    }

    @Test
    void greedySamplesAreAllTheSame() {
        List<int[]> blocks =
                new SelfGenerated(3, LENGTH, Sampling.greedy(), 5).write(model).blocks();
        assertThat(texts(blocks)).hasSize(1);
    }

    @Test
    void trainingMixesThemIn() throws IOException {
        long live = Scope.liveTensors();
        List<StepReport> reports = new ArrayList<>();
        List<String> documents = Documents.embedded("tinyshakespeare.train").subList(0, 10);
        try (CausalLm tuned = model.copy()) {
            TextBlocks written = new SelfGenerated(8, 32, 6).write(model);
            TrainResult result =
                    Trainer.of(tuned, TextBlocks.of(documents, model.tokenizer(), 32, 7))
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(5)
                                            .withBatch(4, 1)
                                            .withLearningRate(1e-3))
                            .with(new ExperienceReplay(written, 0.25))
                            .onStep(reports::add)
                            .run();
            assertThat(result.newTokens()).isEqualTo(5 * 3 * 32);
            assertThat(result.replayedTokens()).isEqualTo(5 * 32);
        }
        assertThat(reports).hasSize(5).allMatch(r -> r.loss() > 0 && r.gradientNorm() > 0);
        assertThat(Scope.liveTensors()).isEqualTo(live);
    }

    @Test
    void sizesThatMakeNoSenseAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new SelfGenerated(0, 8, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SelfGenerated(3, 1, 0))
                .withMessageContaining("3 of 1");
        int tooLong = model.spec().maxPositions() + 1;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SelfGenerated(1, tooLong, 0).write(model))
                .withMessageContaining("max_position_embeddings");
    }
}
