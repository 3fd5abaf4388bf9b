package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.Penalty.Mode;
import org.retain4j.finetune.StateDict;

/** L2-SP and EWC on a few weights, against their formulas in double. */
class AnchoredPenaltyTest {

    private static final double LAMBDA = 0.7;
    private static final double RATE = 0.05;

    private Scope scope;
    private List<Parameter> parameters = List.of();
    private Importance importance;

    @BeforeEach
    void open() {
        scope = Scope.open();
        parameters =
                List.of(
                        new Parameter("a", Random.at(1, 0, "a").normal(1, 2, 3)),
                        new Parameter("b", Random.at(1, 0, "b").normal(1, 4)));
        importance = importance(1);
    }

    private Importance importance(double factor) {
        Map<String, Tensor> values = new LinkedHashMap<>();
        for (Parameter parameter : parameters) {
            Tensor noise = Random.at(2, 0, parameter.name()).normal(1, parameter.value().shape());
            values.put(parameter.name(), noise.mul(noise).mul(factor));
        }
        return new Importance(values);
    }

    @AfterEach
    void close() {
        importance.close();
        scope.close();
    }

    private Penalty penalty(boolean weighted, double lambda, Mode mode) {
        return weighted ? new Ewc(lambda, importance, mode) : new L2Sp(lambda, mode);
    }

    private void move() {
        for (Parameter parameter : parameters) {
            parameter
                    .value()
                    .addInPlace(
                            Random.at(3, 0, parameter.name()).normal(1, parameter.value().shape()),
                            1);
        }
    }

    private double[] values(int parameter) {
        return parameters.get(parameter).value().toDoubleArray();
    }

    private double[] weights(int parameter, boolean weighted) {
        double[] weights = importance.of(parameters).get(parameter).toDoubleArray();
        if (!weighted) {
            Arrays.fill(weights, 1);
        }
        return weights;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theGradientIsThatOfTheValue(boolean weighted) {
        Penalty penalty = penalty(weighted, LAMBDA, Mode.GRADIENT);
        penalty.start(parameters);
        List<Tensor> anchors = parameters.stream().map(p -> p.value().copy()).toList();
        move();
        List<Tensor> leaves =
                parameters.stream().map(p -> p.value().copy().requiresGrad(true)).toList();
        Tensor value = Tensor.scalar(0);
        List<Tensor> expected;
        try (Autograd.Mode mode = Autograd.enableGrad()) {
            for (int i = 0; i < leaves.size(); i++) {
                Tensor difference = leaves.get(i).sub(anchors.get(i));
                Tensor square = difference.mul(difference);
                if (weighted) {
                    square = square.mul(importance.of(parameters).get(i));
                }
                value = value.add(square.sum().mul(LAMBDA));
            }
            expected = Autograd.grad(value, leaves);
        }
        assertThat(penalty.value(parameters)).isCloseTo(value.item(), within(1e-5));
        List<Tensor> gradients = parameters.stream().map(p -> Tensor.zerosLike(p.value())).toList();
        penalty.addGradient(parameters, gradients);
        for (int i = 0; i < gradients.size(); i++) {
            assertThat(gradients.get(i).toDoubleArray())
                    .containsExactly(expected.get(i).toDoubleArray(), within(1e-5));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void decoupledIsOneStepOfGradientDescent(boolean weighted) {
        Penalty penalty = penalty(weighted, LAMBDA, Mode.DECOUPLED);
        penalty.start(parameters);
        double[] anchor = values(0);
        move();
        double[] before = values(0);
        penalty.afterStep(parameters, RATE);
        double[] after = values(0);
        double[] b = weights(0, weighted);
        for (int i = 0; i < after.length; i++) {
            double expected = before[i] - 2 * LAMBDA * RATE * b[i] * (before[i] - anchor[i]);
            assertThat(after[i]).isCloseTo(expected, within(1e-6));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void proximalIsTheMinimumOfValuePlusDistance(boolean weighted) {
        Penalty penalty = penalty(weighted, LAMBDA, Mode.PROXIMAL);
        penalty.start(parameters);
        double[] anchor = values(1);
        move();
        double[] before = values(1);
        penalty.afterStep(parameters, RATE);
        double[] after = values(1);
        double[] b = weights(1, weighted);
        for (int i = 0; i < after.length; i++) {
            double k = 2 * LAMBDA * RATE * b[i];
            double expected = (before[i] + k * anchor[i]) / (1 + k);
            assertThat(after[i]).isCloseTo(expected, within(1e-6));
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e9, 1e39, 1e300, Double.MAX_VALUE})
    void proximalIsStableForAnyStrength(double lambda) {
        for (boolean weighted : new boolean[] {false, true}) {
            Penalty penalty = penalty(weighted, lambda, Mode.PROXIMAL);
            penalty.start(parameters);
            double[] anchor = values(0);
            move();
            penalty.afterStep(parameters, 10);
            assertThat(values(0)).containsExactly(anchor, within(1e-6));
        }
    }

    @Test
    void proximalIsStableForAnyImportanceAndLeavesAloneWhatHasNone() {
        importance.close();
        importance =
                new Importance(
                        Map.of(
                                "a", Tensor.of(new float[] {1e38f, 1e38f, 0, 0, 1e-38f, 1}, 2, 3),
                                "b", Tensor.of(new float[] {0, 0, 0, 0}, 4)));
        Penalty penalty = penalty(true, 1e38, Mode.PROXIMAL);
        penalty.start(parameters);
        double[] anchor = values(0);
        move();
        double[] free = values(0);
        double[] freeVector = values(1);
        penalty.afterStep(parameters, 1);
        double[] after = values(0);
        assertThat(parameters.get(0).value().allFinite()).isTrue();
        assertThat(after[0]).isCloseTo(anchor[0], within(1e-6));
        assertThat(after[2]).isEqualTo(free[2]);
        assertThat(after[5]).isCloseTo(anchor[5], within(1e-6));
        assertThat(values(1)).isEqualTo(freeVector);
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void strengthZeroChangesNothing(Mode mode) {
        Penalty penalty = penalty(true, 0, mode);
        penalty.start(parameters);
        move();
        double[] before = values(0);
        assertThat(penalty.mode()).isEqualTo(mode);
        assertThat(penalty.value(parameters)).isZero();
        if (mode == Mode.GRADIENT) {
            List<Tensor> gradients =
                    parameters.stream().map(p -> Tensor.zerosLike(p.value())).toList();
            assertThat(penalty.addGradient(parameters, gradients)).isZero();
            assertThat(gradients.get(0).norm().item()).isZero();
        } else {
            penalty.afterStep(parameters, RATE);
            assertThat(values(0)).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRestoredAnchorIsThatOfTheFirstRun(boolean weighted) {
        Penalty first = penalty(weighted, LAMBDA, Mode.GRADIENT);
        first.start(parameters);
        StateDict saved = copy(first.save());
        move();
        double value = first.value(parameters);
        assertThat(value).isPositive();
        close(first);

        Penalty second = penalty(weighted, LAMBDA, Mode.GRADIENT);
        second.load(saved);
        second.start(parameters);
        assertThat(second.value(parameters)).isEqualTo(value);
        close(second);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSecondRunIsAnchoredWhereItBegins(boolean weighted) {
        Penalty penalty = penalty(weighted, LAMBDA, Mode.GRADIENT);
        penalty.start(parameters);
        move();
        assertThat(penalty.value(parameters)).isPositive();
        penalty.start(parameters);
        assertThat(penalty.value(parameters)).isZero();
        close(penalty);
    }

    private static StateDict copy(StateDict state) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        state.tensors().forEach((name, tensor) -> tensors.put(name, tensor.copy()));
        return new StateDict(tensors, state.numbers());
    }

    private static void close(Penalty penalty) {
        if (penalty instanceof Ewc ewc) {
            ewc.close();
        } else if (penalty instanceof L2Sp l2Sp) {
            l2Sp.close();
        }
    }

    @Test
    void aStateOfAnotherShapeIsRefused() {
        L2Sp penalty = new L2Sp(LAMBDA);
        // would be broadcast
        penalty.load(new StateDict(Map.of("b", Tensor.of(new float[] {1}, 1)), Map.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> penalty.start(parameters))
                .withMessageContaining("anchor of b")
                .withMessageContaining("[1]")
                .withMessageContaining("[4]");
    }

    @Test
    void anImportanceOfAnotherShapeIsRefused() {
        Ewc ewc =
                new Ewc(
                        LAMBDA,
                        new Importance(
                                Map.of(
                                        "a", Tensor.of(new float[] {1}, 1),
                                        "b", Tensor.of(new float[4], 4))));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ewc.start(parameters))
                .withMessageContaining("importance of a");
    }

    @Test
    void aParameterWithoutImportanceIsNamed() {
        Ewc ewc = new Ewc(LAMBDA, importance);
        List<Parameter> more =
                List.of(parameters.get(0), new Parameter("new.weight", Tensor.scalar(1)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ewc.start(more))
                .withMessageContaining("new.weight");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
    void aStrengthOutOfRangeIsRefused(double lambda) {
        for (boolean weighted : new boolean[] {false, true}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> penalty(weighted, lambda, Mode.GRADIENT))
                    .withMessageContaining("lambda");
        }
    }

    @Test
    void closingFreesTheAnchors() {
        long before = Scope.liveTensors();
        for (boolean weighted : new boolean[] {false, true}) {
            Penalty penalty = penalty(weighted, LAMBDA, Mode.PROXIMAL);
            penalty.start(parameters);
            penalty.value(parameters);
            penalty.afterStep(parameters, RATE);
            assertThat(Scope.liveTensors()).isEqualTo(before + parameters.size());
            close(penalty);
            assertThat(Scope.liveTensors()).isEqualTo(before);
        }
        assertThat(importance.mean()).as("stays with the caller").isPositive();
    }
}
