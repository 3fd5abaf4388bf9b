package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who owns a tensor, when it is freed, and what other threads may do meanwhile. */
class ScopeTest {

    private static final Device DEVICE = TensorEngine.defaultDevice();
    private long before;

    @BeforeEach
    void count() {
        before = Scope.liveTensors();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(Scope.liveTensors()).isEqualTo(before);
        assertThatThrownBy(Scope::current).isInstanceOf(IllegalStateException.class);
    }

    private static Tensor ones(long... shape) {
        return Tensor.full(1, DType.FLOAT32, DEVICE, shape);
    }

    @Test
    void tensorsDieWithTheirScope() {
        Tensor kept;
        try (Scope scope = Scope.open()) {
            kept = ones(2);
            Tensor closed = ones(2);
            closed.close();
            assertThat(scope.size()).isEqualTo(1);
            assertThat(Scope.current()).isSameAs(scope);
            assertThat(Scope.liveTensors()).isEqualTo(before + 1);
        }
        assertThat(kept.isClosed()).isTrue();
    }

    @Test
    void tensorsDieWhenTheirScopeEndsByAnException() {
        assertThatThrownBy(
                        () -> {
                            try (Scope scope = Scope.open()) {
                                ones(2).add(ones(3));
                            }
                        })
                .isInstanceOf(TensorException.class);
    }

    @Test
    void passingOutMovesToTheScopeAround() {
        try (Scope outer = Scope.open()) {
            Tensor x;
            List<Tensor> list;
            try (Scope inner = Scope.open()) {
                x = inner.passOut(ones(2).add(1));
                list = inner.passOut(List.of(ones(1), ones(2)));
                assertThat(inner.size()).isEqualTo(1);
            }
            assertThat(outer.size()).isEqualTo(3);
            assertThat(x.toFloatArray()).containsOnly(2);
            assertThat(list).noneMatch(Tensor::isClosed);
        }
    }

    @Test
    void passingOutNeverShortensALife() {
        try (Scope weights = Scope.unbound();
                Scope first = Scope.open()) {
            Tensor weight = weights.adopt(ones(2));
            Tensor early = ones(2);
            try (Scope second = Scope.open()) {
                try (Scope third = Scope.open()) {
                    assertThat(third.passOut(weight.to(DType.FLOAT32))).isSameAs(weight);
                    third.passOut(List.of(early));
                    // of a scope that is still open inside this one
                    Tensor late = ones(2);
                    assertThat(second.passOut(late).isClosed()).isFalse();
                    assertThat(first.size()).isEqualTo(2);
                }
                assertThat(second.size()).isZero();
            }
            assertThat(weight.isClosed()).isFalse();
            assertThat(early.isClosed()).isFalse();
            assertThat(weights.size()).isEqualTo(1);
        }
    }

    @Test
    void passingOutNeedsAScopeAroundOnThisThread() {
        try (Scope only = Scope.open();
                Scope unbound = Scope.unbound()) {
            assertThatThrownBy(() -> only.passOut(ones(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no scope around");
            assertThatThrownBy(() -> unbound.passOut(ones(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no thread");
            Tensor closed = ones(1);
            closed.close();
            try (Scope inner = Scope.open()) {
                assertThatThrownBy(() -> inner.passOut(closed))
                        .isInstanceOf(TensorException.class)
                        .hasMessageContaining("closed");
            }
        }
    }

    @Test
    void unboundScopesOwnWhatTheyAdopt() {
        Scope owner = Scope.unbound();
        Tensor x;
        try (Scope scope = Scope.open()) {
            x = owner.adopt(owner.adopt(ones(2)));
            assertThat(scope.size()).isZero();
        }
        assertThat(x.toFloatArray()).containsOnly(1);
        owner.close();
        owner.close();
        assertThat(x.isClosed()).isTrue();
        try (Scope scope = Scope.open()) {
            Tensor homeless = ones(2);
            assertThatThrownBy(() -> owner.adopt(homeless))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
            // and the failed attempt must not have taken it from its scope
            assertThat(scope.size()).isEqualTo(1);
        }
    }

    @Test
    void closingOutOfOrderFreesInnerScopesAndSaysSo() {
        Scope outer = Scope.open();
        Scope inner = Scope.open();
        Tensor x = ones(2);
        assertThatThrownBy(outer::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("1 inner Scope(s)");
        assertThat(x.isClosed()).isTrue();
        inner.close();
        outer.close();
    }

    @Test
    void onlyItsOwnThreadClosesABoundScope() throws Exception {
        try (Scope scope = Scope.open()) {
            Tensor x = ones(2);
            inThread(
                    () -> {
                        assertThatThrownBy(scope::close)
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContaining("must be closed by that thread");
                        try (Scope own = Scope.open()) {
                            assertThat(x.add(1).toFloatArray()).containsOnly(2);
                            assertThat(own.size()).isEqualTo(1);
                        }
                        x.close();
                        return null;
                    });
            assertThat(x.isClosed()).isTrue();
            assertThat(scope.size()).isZero();
        }
    }

    @Test
    void threadsComputeWithTheSameWeightsInDifferentListsAtOnce() throws Exception {
        try (Scope weights = Scope.unbound()) {
            List<Tensor> all = new ArrayList<>();
            try (Scope scope = Scope.open()) {
                for (int i = 0; i < 8; i++) {
                    all.add(
                            weights.adopt(
                                    Tensor.full(i + 1, DType.FLOAT64, DEVICE, 16, 16)
                                            .requiresGrad(true)));
                }
            }
            Callable<Double> forward = () -> sums(all, 300);
            Callable<Double> backward = () -> sums(List.copyOf(all.subList(0, 8)), 300);
            ExecutorService pool = Executors.newFixedThreadPool(2);
            try {
                List<Future<Double>> results = pool.invokeAll(List.of(forward, backward));
                // 256 elements each, values 1 to 8, gradient 2x of each element
                double expected = 256.0 * 204 + 256.0 * 72;
                assertThat(results.get(0).get()).isEqualTo(expected);
                assertThat(results.get(1).get()).isEqualTo(expected);
            } finally {
                pool.shutdown();
            }
        }
    }

    private static double sums(List<Tensor> weights, int times) {
        double result = 0;
        for (int i = 0; i < times; i++) {
            try (Scope scope = Scope.open();
                    Autograd.Mode mode = Autograd.enableGrad()) {
                Tensor loss = Tensor.scalar(0).to(DEVICE);
                for (Tensor weight : weights) {
                    loss = loss.add(weight.mul(weight).sum());
                }
                List<Tensor> gradients = Autograd.grad(loss, weights);
                result = Kernels.call("list_sum", gradients).item();
                result += Kernels.call("list_dot", weights, weights).item();
            }
        }
        return result;
    }

    @Test
    void closingWhileAnotherThreadComputesNeverFreesMemoryInUse() throws Exception {
        AtomicReference<Tensor> shared = new AtomicReference<>();
        Callable<int[]> reader =
                () -> {
                    int[] outcomes = new int[2];
                    for (int i = 0; i < 4000; i++) {
                        Tensor x = shared.get();
                        try (Scope scope = Scope.open()) {
                            Tensor y = Kernels.callForList("list_clone", List.of(x, x)).get(1);
                            float[] values = y.add(x).toFloatArray();
                            assertThat(values).hasSize(512).containsOnly(6);
                            assertThat(x.toFloatArray()).containsOnly(3);
                            outcomes[0]++;
                        } catch (TensorException e) {
                            assertThat(e).hasMessageContaining("closed");
                            outcomes[1]++;
                        }
                    }
                    return outcomes;
                };
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try (Scope outer = Scope.open()) {
            shared.set(Tensor.full(3, DType.FLOAT32, DEVICE, 512));
            List<Future<int[]>> readers = List.of(pool.submit(reader), pool.submit(reader));
            while (!readers.stream().allMatch(Future::isDone)) {
                try (Scope scope = Scope.open()) {
                    Tensor x = Tensor.full(3, DType.FLOAT32, DEVICE, 512);
                    shared.set(x);
                    Thread.yield();
                    x.close();
                    // takes the freed block at once, so that a late reader would see other values
                    Tensor.full(-1, DType.FLOAT32, DEVICE, 512);
                }
            }
            for (Future<int[]> done : readers) {
                assertThat(done.get()[0] + done.get()[1]).isEqualTo(4000);
            }
        } finally {
            pool.shutdown();
        }
    }

    static void inThread(Callable<?> action) throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        try {
            single.submit(action).get();
        } finally {
            single.shutdown();
        }
    }
}
