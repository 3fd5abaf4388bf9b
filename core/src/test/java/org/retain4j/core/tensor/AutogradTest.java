package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients, the recording mode of threads, and checkpointing. */
class AutogradTest {

    private static final Device DEVICE = TensorEngine.defaultDevice();
    private static final Map<String, UnaryOperator<Tensor>> FUNCTIONS = functions();

    private static Map<String, UnaryOperator<Tensor>> functions() {
        Map<String, UnaryOperator<Tensor>> all = new LinkedHashMap<>();
        all.put("mul, sub, div", x -> x.mul(x).sub(x.mul(3)).div(x.add(5)));
        all.put("exp, log, sqrt", x -> x.exp().add(1).log().sqrt());
        all.put("tanh, pow", x -> x.tanh().add(2).pow(1.7));
        all.put("matmul, transpose", x -> x.matmul(x.transpose(0, 1)));
        all.put("softmax", x -> x.softmax(1).mul(x));
        all.put("log_softmax", x -> x.logSoftmax(-1).mul(x));
        all.put(
                "select, narrow, cat",
                x -> Tensor.cat(List.of(x.select(0, 1), x.narrow(1, 1, 2).reshape(-1)), 0).exp());
        all.put("sum, mean", x -> x.sum(0, true).mul(x.mean(1, true)));
        all.put("norm", Tensor::norm);
        all.put(
                "index_select",
                x -> x.indexSelect(1, Tensor.of(new long[] {2, 2, 0}, 3).to(x.device())).exp());
        all.put("rms_norm", x -> Kernels.call("rms_norm", x, x.select(0, 0), 1e-5));
        all.put("mlp_inner", x -> Kernels.call("mlp_inner", List.of(x, x.exp()), 0, 0));
        all.put(
                "copy, contiguous, stack",
                x ->
                        Tensor.stack(
                                        List.of(
                                                x.copy(),
                                                x.transpose(0, 1).contiguous().transpose(0, 1)),
                                        0)
                                .pow(3));
        return all;
    }

    static List<String> names() {
        return List.copyOf(FUNCTIONS.keySet());
    }

    @ParameterizedTest
    @MethodSource("names")
    void gradientsEqualFiniteDifferences(String name) {
        UnaryOperator<Tensor> f = FUNCTIONS.get(name);
        double[] at = {0.3, -0.7, 1.2, 0.9, 0.4, -1.1};
        // float32 is used inside the norm on purpose, see the kernel
        boolean coarse = name.equals("rms_norm");
        double step = coarse ? 1e-2 : 1e-6;
        try (Scope scope = Scope.open()) {
            double[] gradient;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                Tensor x = Tensor.of(at, 2, 3).to(DEVICE).requiresGrad(true);
                Tensor loss = weighted(f.apply(x));
                gradient = Autograd.grad(loss, List.of(x)).get(0).toDoubleArray();
            }
            for (int i = 0; i < at.length; i++) {
                double difference = (value(f, at, i, step) - value(f, at, i, -step)) / (2 * step);
                assertThat(gradient[i]).isCloseTo(difference, within(coarse ? 2e-3 : 1e-7));
            }
        }
    }

    private static double value(UnaryOperator<Tensor> f, double[] at, int index, double change) {
        double[] moved = at.clone();
        moved[index] += change;
        return weighted(f.apply(Tensor.of(moved, 2, 3).to(DEVICE))).item();
    }

    /** A sum in which every element counts differently. */
    private static Tensor weighted(Tensor y) {
        Tensor flat = y.reshape(-1);
        return flat.mul(Tensor.arange(1, flat.elements() + 1, DEVICE).to(DType.FLOAT64)).sum();
    }

    @Test
    void gradientsHaveTheTypeOfTheirInputsAndUnusedInputsGetZeros() {
        try (Scope scope = Scope.open()) {
            Tensor x = ones(DType.BFLOAT16, 2).requiresGrad(true);
            Tensor unused = ones(DType.FLOAT64, 3).requiresGrad(true);
            List<Tensor> gradients;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                Tensor loss = x.to(DType.FLOAT32).mul(2).sum();
                gradients = Autograd.grad(loss, List.of(unused, x, x));
            }
            assertThat(gradients.get(0)).hasToString("[3] float64 " + DEVICE);
            assertThat(gradients.get(0).toFloatArray()).containsOnly(0);
            assertThat(gradients.get(1)).hasToString("[2] bfloat16 " + DEVICE);
            assertThat(gradients.get(2).toFloatArray()).containsOnly(2);
        }
    }

    @Test
    void aGivenOutputGradientIsCarriedBack() {
        try (Scope scope = Scope.open()) {
            Tensor x = ones(DType.FLOAT32, 2).requiresGrad(true);
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                Tensor y = x.mul(x).mul(x);
                Tensor upstream = Tensor.of(new float[] {1, -2}, 2).to(DEVICE);
                assertThat(Autograd.grad(y, upstream, List.of(x)).get(0).toFloatArray())
                        .containsExactly(3, -6);
            }
        }
    }

    @Test
    void recordingIsOffUnlessAskedForAndRestoredAfterExceptions() {
        try (Scope scope = Scope.open()) {
            Tensor x = ones(DType.FLOAT32, 2).requiresGrad(true);
            assertThat(Autograd.isRecording()).isFalse();
            assertThat(x.mul(2).requiresGrad()).isFalse();
            try (Autograd.Mode on = Autograd.enableGrad()) {
                assertThat(x.mul(2).requiresGrad()).isTrue();
                assertThat(x.detach().mul(2).requiresGrad()).isFalse();
                try (Autograd.Mode off = Autograd.noGrad()) {
                    assertThat(x.mul(2).requiresGrad()).isFalse();
                    assertThatThrownBy(() -> x.add(ones(DType.FLOAT32, 3)))
                            .isInstanceOf(TensorException.class);
                }
                assertThat(Autograd.isRecording()).isTrue();
            }
            assertThatThrownBy(
                            () -> {
                                try (Autograd.Mode on = Autograd.enableGrad()) {
                                    x.add(ones(DType.FLOAT32, 3));
                                }
                            })
                    .isInstanceOf(TensorException.class);
            assertThat(Autograd.isRecording()).isFalse();
        }
    }

    @Test
    void newThreadsDoNotRecordAndCannotCloseForeignModes() throws Exception {
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.enableGrad()) {
            Tensor x = ones(DType.FLOAT32, 2).requiresGrad(true);
            ScopeTest.inThread(
                    () -> {
                        assertThatThrownBy(mode::close)
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContaining("must be closed by that thread");
                        try (Scope own = Scope.open()) {
                            assertThat(Autograd.isRecording()).isFalse();
                            assertThat(x.mul(2).requiresGrad()).isFalse();
                        }
                        return null;
                    });
            assertThat(Autograd.isRecording()).isTrue();
        }
    }

    @Test
    void aThreadGetsItsOwnStateBackAfterTheOutermostScope() throws Exception {
        TensorEngine.start();
        for (boolean own : new boolean[] {true, false}) {
            ScopeTest.inThread(
                    () -> {
                        JniUtils.setGradMode(own);
                        try (Scope outer = Scope.open()) {
                            try (Scope inner = Scope.open();
                                    Autograd.Mode mode = Autograd.enableGrad()) {
                                assertThat(JniUtils.isGradMode()).isTrue();
                            }
                            assertThat(JniUtils.isGradMode()).isFalse();
                        }
                        assertThat(JniUtils.isGradMode()).isEqualTo(own);
                        return null;
                    });
        }
    }

    @Test
    void checkpointingGivesTheSameGradientsAndKeepsLess() {
        try (Scope scope = Scope.open()) {
            List<Dense> stages = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Tensor weight = Random.at(1, i, "stage").normal(0.5, 8, 8).to(DEVICE);
                stages.add(new Dense(weight.requiresGrad(true)));
            }
            Tensor input = Random.at(1, 0, "input").normal(1, 4, 8).to(DEVICE).requiresGrad(true);
            Tensor upstream = Random.at(1, 0, "upstream").normal(1, 4, 8).to(DEVICE);

            long start = Scope.liveTensors();
            Tensor y = input;
            List<Tensor> wanted = new ArrayList<>(stages.stream().map(Dense::weight).toList());
            wanted.add(input);
            List<Tensor> plain;
            long plainHeld;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                for (Dense stage : stages) {
                    y = stage.forward(y);
                }
                plainHeld = Scope.liveTensors() - start;
                plain = Autograd.grad(y, upstream, wanted);
            }

            start = Scope.liveTensors();
            Autograd.Chain chain = Autograd.checkpoint(stages, input);
            assertThat(Scope.liveTensors() - start).isEqualTo(stages.size() + 1);
            assertThat(plainHeld).isGreaterThan(stages.size() + 1);
            assertThat(chain.output().toFloatArray()).containsExactly(y.toFloatArray());
            assertThat(chain.output().requiresGrad()).isFalse();
            Autograd.Gradients gradients = chain.backward(upstream);
            // the output, one gradient a weight, and that of the input are left
            assertThat(Scope.liveTensors() - start).isEqualTo(stages.size() + 2);
            for (int i = 0; i < stages.size(); i++) {
                assertThat(gradients.parameters().get(i)).hasSize(1);
                assertThat(gradients.parameters().get(i).get(0).toFloatArray())
                        .containsExactly(plain.get(i).toFloatArray());
            }
            assertThat(gradients.input().toFloatArray())
                    .containsExactly(plain.get(stages.size()).toFloatArray());
            assertThatThrownBy(() -> Autograd.checkpoint(List.of(), input))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    private record Dense(Tensor weight) implements Autograd.Stage {
        @Override
        public Tensor forward(Tensor input) {
            return input.matmul(weight).tanh();
        }

        @Override
        public List<Tensor> parameters() {
            return List.of(weight);
        }
    }

    private static Tensor ones(DType type, long... shape) {
        return Tensor.full(1, type, DEVICE, shape);
    }
}
