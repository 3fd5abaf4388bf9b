package org.retain4j.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.optim.Sgd;

/** The classes of docs/extending.md are those beside this test, and they work. */
class ExtendingTest {

    private static final Path PAGE = Guides.ROOT.resolve("docs/extending.md");
    private static final Path SOURCES = Path.of("src/test/java/org/retain4j/docs");

    @TempDir private Path folder;
    private CausalLm model;
    private CausalLm base;

    @BeforeEach
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
        base = model.copy();
    }

    @AfterEach
    void close() {
        model.close();
        base.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"SmoothL1Sp", "ShortFirst"})
    void thePageShowsTheVeryFileThatIsTestedHere(String type) throws IOException {
        String file = Files.readString(SOURCES.resolve(type + ".java")).strip();
        List<String> snippets =
                Guides.fences(Files.readString(PAGE), "java").stream()
                        .map(lines -> String.join("\n", lines).strip())
                        .toList();
        assertThat(snippets).contains(file);
        assertThat(file.lines().count()).isLessThan(60);
    }

    /** Every plug point of the trainer has its row. */
    @Test
    void thePageNamesEveryPlugPoint() throws IOException {
        String page = Files.readString(PAGE);
        for (String name :
                List.of(
                        "BatchSource",
                        "BatchMixer",
                        "TokenWeight",
                        "Objective",
                        "Distillation",
                        "Penalty",
                        "GradientProjection",
                        "OptimizerWrapper",
                        "OptimizerFactory",
                        "Evaluation",
                        "StopRule",
                        "StepListener")) {
            assertThat(page).contains("| `" + name + "` |");
        }
    }

    @Test
    void thePenaltysGradientIsTheSlopeOfItsValue() {
        SmoothL1Sp penalty = new SmoothL1Sp(base, 0.5);
        List<Parameter> one = List.of(model.parameter("model.norm.weight"));
        try (Scope scope = Scope.open()) {
            Tensor weight = one.get(0).value();
            weight.addInPlace(
                    Tensor.full(1, weight.dtype(), weight.device(), weight.shape()), 2e-3);
            Tensor gradient = Tensor.zerosLike(weight);
            double norm = penalty.addGradient(one, List.of(gradient));
            double before = penalty.value(one);
            double step = 1e-4;
            weight.addInPlace(
                    Tensor.full(1, weight.dtype(), weight.device(), weight.shape()), step);
            double slope = (penalty.value(one) - before) / step;
            assertThat(gradient.sum().item()).isCloseTo(slope, within(0.02 * slope));
            assertThat(norm).isCloseTo(gradient.norm().item(), within(1e-6));
        }
    }

    @Test
    void thePenaltyKeepsTheModelNearerToItsBase() {
        double free = distanceAfterTraining(0);
        double tied = distanceAfterTraining(0.05);
        assertThat(free).isPositive();
        assertThat(tied).isLessThan(0.9 * free);
    }

    private double distanceAfterTraining(double lambda) {
        try (CausalLm copy = base.copy()) {
            trainer(copy, 10).with(new SmoothL1Sp(base, lambda)).run();
            try (Scope scope = Scope.open()) {
                double squares = 0;
                for (Parameter p : copy.parameters()) {
                    double norm = p.value().sub(base.parameter(p.name()).value()).norm().item();
                    squares += norm * norm;
                }
                return Math.sqrt(squares);
            }
        }
    }

    private Trainer trainer(CausalLm copy, int steps) {
        return Trainer.of(copy, new ShortFirst(examples(), 20, 1))
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(2, 1)
                                .withOptimizer(new Sgd.Options(0, 0))
                                .withLearningRate(0.1));
    }

    @Test
    void theCurriculumBeginsShortAndEndsWithEverything() {
        ShortFirst source = new ShortFirst(examples(), 100, 1);
        List<Integer> lengths = new ArrayList<>();
        source.rows(0, 400).forEach(row -> lengths.add(row.ids().length));
        assertThat(lengths.subList(0, 10)).allMatch(length -> length <= 5);
        assertThat(lengths.subList(100, 400)).contains(4, 8, 12, 16, 20, 23);
        for (int first : new int[] {0, 57, 399}) {
            assertThat(source.rows(first, 1).get(0).ids()).hasSize(lengths.get(first));
        }
    }

    @Test
    void aRunWithBothResumesToTheSameBits() throws Exception {
        CheckpointOptions checkpoints = CheckpointOptions.in(folder).every(3);
        List<Map<String, float[]>> ends = new ArrayList<>();
        try (CausalLm whole = base.copy();
                CausalLm resumed = base.copy()) {
            trainer(whole, 6).with(new SmoothL1Sp(base, 0.05)).checkpoints(checkpoints).run();
            trainer(resumed, 6)
                    .with(new SmoothL1Sp(base, 0.05))
                    .checkpoints(checkpoints)
                    .resume(folder.resolve("checkpoint-3"));
            for (CausalLm end : List.of(whole, resumed)) {
                Map<String, float[]> weights = new TreeMap<>();
                end.parameters().forEach(p -> weights.put(p.name(), p.value().toFloatArray()));
                ends.add(weights);
            }
        }
        assertThat(ends.get(1)).hasSameSizeAs(ends.get(0));
        ends.get(0)
                .forEach(
                        (name, weights) ->
                                assertThat(Arrays.equals(weights, ends.get(1).get(name)))
                                        .as(name)
                                        .isTrue());
    }

    private static List<TrainRow> examples() {
        List<TrainRow> rows = new ArrayList<>();
        for (int length = 23; length > 2; length--) {
            int start = 3 + length;
            rows.add(
                    TrainRow.of(java.util.stream.IntStream.range(start, start + length).toArray()));
        }
        return rows;
    }
}
