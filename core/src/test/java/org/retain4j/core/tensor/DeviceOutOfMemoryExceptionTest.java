package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What is said when libtorch has no memory left, and that one can go on afterwards. */
class DeviceOutOfMemoryExceptionTest {

    @Test
    void anAbsurdRequestTellsWhatWasAskedForAndWhatIsInUse() {
        try (Scope weights = Scope.unbound();
                Scope scope = Scope.open()) {
            weights.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, 1 << 20));
            Tensor.zeros(DType.FLOAT64, Device.CPU, 1 << 10);

            DeviceOutOfMemoryException full =
                    catchThrowableOfType(
                            DeviceOutOfMemoryException.class,
                            () -> Tensor.empty(DType.FLOAT32, Device.CPU, 1L << 50));

            assertThat(full.device()).isEqualTo(Device.CPU);
            assertThat(full.requestedBytes()).hasValue(1L << 52);
            assertThat(full.inUse())
                    .anyMatch(
                            use ->
                                    use.holder().equals(getClass().getSimpleName())
                                            && use.bytes() == 4 << 20
                                            && use.tensors() == 1)
                    .anyMatch(use -> use.holder().contains("this thread") && use.bytes() >= 8192);
            assertThat(full)
                    .hasMessageContainingAll(
                            "empty([1125899906842624]",
                            "memory of cpu is full",
                            "4294967296.0 MiB were asked for",
                            "DeviceOutOfMemoryExceptionTest 4.0 MiB in 1 tensor",
                            "gradient_checkpointing",
                            "LoRA");
            assertThat(Tensor.full(1, DType.FLOAT32, Device.CPU, 3).sum().item()).isEqualTo(3);
        }
    }

    @Test
    void whatIsFreedIsNoLongerInUse() {
        Scope weights = Scope.unbound();
        try (Scope scope = Scope.open()) {
            weights.adopt(Tensor.zeros(DType.INT8, Device.CPU, 100));
            assertThat(Scope.inUse(Device.CPU)).anyMatch(this::mine);
            assertThat(Scope.inUse(Device.cuda(0))).noneMatch(this::mine);
            weights.close();
            assertThat(Scope.inUse(Device.CPU)).noneMatch(this::mine);
        }
    }

    private boolean mine(Scope.Use use) {
        return use.holder().equals(getClass().getSimpleName());
    }

    @Test
    void theSentencesOfCudaAreUnderstood() {
        DeviceOutOfMemoryException full =
                DeviceOutOfMemoryException.of(
                        "matmul",
                        "RuntimeError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 1 has a"
                                + " total capacity of 79.11 GiB of which 1.06 GiB is free.",
                        new IllegalStateException());
        assertThat(full.device()).isEqualTo(Device.cuda(1));
        assertThat(full.requestedBytes()).hasValue(5L << 29);
        assertThat(full)
                .hasMessageContainingAll(
                        "matmul: memory of cuda:1 is full, 2560.0 MiB were asked for",
                        "1.06 GiB of 79.11 GiB free");
        for (String message :
                List.of(
                        "CUDA error: out of memory",
                        "cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")) {
            full = DeviceOutOfMemoryException.of("x", message, new IllegalStateException());
            assertThat(full.requestedBytes()).isEmpty();
            assertThat(full).hasMessageContaining("more was asked for");
        }
        assertThat(DeviceOutOfMemoryException.of("x", "shapes differ", new Exception())).isNull();
    }
}
