package org.retain4j.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What tensors hold, share and compute. */
class TensorTest {

    private static final Device DEVICE = TensorEngine.defaultDevice();
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static Tensor on(float[] values, long... shape) {
        return Tensor.of(values, shape).to(DEVICE);
    }

    private static float[] floats(float... values) {
        return values;
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyTypeIsCreatedFilledCopiedAndRead(DType type) {
        Tensor full = Tensor.full(1, type, DEVICE, 2, 3);
        assertThat(full.dtype()).isEqualTo(type);
        assertThat(full.device()).isEqualTo(DEVICE);
        assertThat(full.shape()).containsExactly(2, 3);
        assertThat(full).hasToString("[2, 3] " + type + " " + DEVICE);
        assertThat(full.toFloatArray()).containsOnly(1f).hasSize(6);
        assertThat(full.toDoubleArray()).containsOnly(1.0).hasSize(6);
        assertThat(full.toLongArray()).containsOnly(1L).hasSize(6);
        Tensor zeros = Tensor.zerosLike(full);
        assertThat(zeros.dtype()).isEqualTo(type);
        assertThat(zeros.toLongArray()).containsOnly(0L);
        assertThat(Tensor.empty(type, DEVICE, 4).copyInPlace(full.select(0, 0).select(0, 0)))
                .satisfies(filled -> assertThat(filled.toLongArray()).containsOnly(1L));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyTypeConvertsToEveryOther(DType from) {
        Tensor source = on(floats(0, 1, 2, 100), 4).to(from);
        for (DType to : DType.values()) {
            Tensor converted = source.to(to);
            assertThat(converted.dtype()).isEqualTo(to);
            boolean throughBool = from == DType.BOOL || to == DType.BOOL;
            assertThat(converted.toDoubleArray())
                    .as("%s to %s", from, to)
                    .containsExactly(0, 1, throughBool ? 1 : 2, throughBool ? 1 : 100);
        }
    }

    @Test
    void halfTypesRoundToTheNearestEvenValue() {
        float[] values = {1 + 1 / 256f, 1 + 3 / 256f, 65520, 1e-8f, -0.1f};
        // bfloat16 has 8 significant bits: both values lie midway between two neighbours
        assertThat(on(values, 5).to(DType.BFLOAT16).toFloatArray())
                .containsExactly(1f, 1 + 4 / 256f, 65536f, 1.0011718e-8f, -0.10009765625f);
        assertThat(on(values, 5).to(DType.FLOAT16).toFloatArray())
                .containsExactly(
                        1 + 1 / 256f, 1 + 3 / 256f, Float.POSITIVE_INFINITY, 0, -0.0999755859375f);
    }

    @Test
    void valuesBeyondFloatSurviveInTheirOwnTypes() {
        long big = (1L << 53) + 1;
        assertThat(Tensor.of(new long[] {big, Long.MIN_VALUE}, 2).toLongArray())
                .containsExactly(big, Long.MIN_VALUE);
        assertThat(Tensor.of(new double[] {Math.PI, Double.NaN}, 2).toDoubleArray())
                .containsExactly(Math.PI, Double.NaN);
        assertThat(Tensor.of(new boolean[] {true, false}, 2).toLongArray()).containsExactly(1, 0);
    }

    @Test
    void scalarsHaveNoDimensionsAndOneElement() {
        Tensor scalar = Tensor.scalar(2.5);
        assertThat(scalar.shape()).isEmpty();
        assertThat(scalar.elements()).isEqualTo(1);
        assertThat(scalar.item()).isEqualTo(2.5);
        assertThat(scalar.reshape(1, 1).item()).isEqualTo(2.5);
    }

    @Test
    void tensorsWithoutElementsWorkEverywhere() {
        Tensor empty = Tensor.zeros(DType.FLOAT32, DEVICE, 0, 3);
        assertThat(empty.elements()).isZero();
        assertThat(empty.toFloatArray()).isEmpty();
        assertThat(empty.sum().item()).isZero();
        assertThat(empty.add(1).mul(empty).shape()).containsExactly(0, 3);
        assertThat(Tensor.cat(List.of(empty, Tensor.zeros(DType.FLOAT32, DEVICE, 2, 3)), 0).shape())
                .containsExactly(2, 3);
        assertThat(empty.allFinite()).isTrue();
        assertThat(Tensor.of(new long[0], 0).toLongArray()).isEmpty();
        assertThat(Tensor.arange(5, 5, DEVICE).elements()).isZero();
    }

    @Test
    void operatorsBroadcastAndPromoteAsPyTorch() {
        Tensor row = on(floats(1, 2, 3), 3);
        Tensor column = on(floats(10, 20), 2, 1);
        assertThat(row.add(column).shape()).containsExactly(2, 3);
        assertThat(row.add(column).toFloatArray()).containsExactly(11, 12, 13, 21, 22, 23);
        assertThat(row.sub(column).toFloatArray()).containsExactly(-9, -8, -7, -19, -18, -17);
        assertThat(row.mul(Tensor.arange(1, 4, DEVICE)).dtype()).isEqualTo(DType.FLOAT32);
        assertThat(row.mul(row.to(DType.FLOAT64)).dtype()).isEqualTo(DType.FLOAT64);
        assertThat(row.add(row.to(DType.BFLOAT16)).dtype()).isEqualTo(DType.FLOAT32);
        // the quotient of integers is not rounded
        Tensor seven = Tensor.arange(7, 8, DEVICE);
        assertThat(seven.div(Tensor.arange(2, 3, DEVICE)).item()).isEqualTo(3.5);
    }

    @Test
    void elementWiseFunctionsEqualThoseOfJava() {
        double[] x = {0.5, 1, 2.25};
        Tensor t = Tensor.of(x, 3).to(DEVICE);
        for (int i = 0; i < x.length; i++) {
            assertThat(t.exp().toDoubleArray()[i]).isCloseTo(Math.exp(x[i]), within(1e-12));
            assertThat(t.log().toDoubleArray()[i]).isCloseTo(Math.log(x[i]), within(1e-12));
            assertThat(t.sqrt().toDoubleArray()[i]).isCloseTo(Math.sqrt(x[i]), within(1e-12));
            assertThat(t.tanh().toDoubleArray()[i]).isCloseTo(Math.tanh(x[i]), within(1e-12));
            assertThat(t.pow(1.5).toDoubleArray()[i]).isCloseTo(Math.pow(x[i], 1.5), within(1e-12));
        }
        assertThat(t.neg().abs().toDoubleArray()).containsExactly(x);
        assertThat(t.clamp(0.75, 2).toDoubleArray()).containsExactly(0.75, 1, 2);
        assertThat(t.max().item()).isEqualTo(2.25);
        assertThat(t.mean().item()).isEqualTo(1.25);
        assertThat(t.norm().item()).isCloseTo(Math.sqrt(0.25 + 1 + 2.25 * 2.25), within(1e-12));
        assertThat(t.softmax(0).sum().item()).isCloseTo(1, within(1e-12));
        assertThat(t.logSoftmax(0).exp().sub(t.softmax(0)).norm().item()).isLessThan(1e-12);
        assertThat(t.div(Tensor.zerosLike(t)).allFinite()).isFalse();
    }

    @Test
    void reductionsSelectionsAndMatricesFollowDimensions() {
        Tensor t = on(floats(1, 5, 3, 4, 2, 6), 2, 3);
        assertThat(t.size(-1)).isEqualTo(3);
        assertThat(t.sum(0, false).toFloatArray()).containsExactly(5, 7, 9);
        assertThat(t.sum(1, true).shape()).containsExactly(2, 1);
        assertThat(t.mean(-1, false).toFloatArray()).containsExactly(3, 4);
        assertThat(t.argmax(1).toLongArray()).containsExactly(1, 2);
        Tensor index = Tensor.of(new long[] {2, 0}, 2).to(DEVICE);
        assertThat(t.indexSelect(1, index).toFloatArray()).containsExactly(3, 1, 6, 4);
        assertThat(t.gather(1, index.reshape(2, 1)).toFloatArray()).containsExactly(3, 4);
        assertThat(t.matmul(t.transpose(0, 1)).toFloatArray()).containsExactly(35, 32, 32, 56);
        assertThat(Tensor.stack(List.of(t, t), 1).shape()).containsExactly(2, 2, 3);
        assertThat(t.eq(t.transpose(0, 1).contiguous().transpose(0, 1)).toLongArray())
                .containsOnly(1L);
        assertThat(Tensor.arange(-2, 2, DEVICE).toLongArray()).containsExactly(-2, -1, 0, 1);
    }

    @Test
    void viewsShareMemoryAndAreReadInTheirOwnOrder() {
        Tensor t = on(floats(1, 2, 3, 4, 5, 6), 2, 3);
        assertThat(t.transpose(0, 1).toFloatArray()).containsExactly(1, 4, 2, 5, 3, 6);
        assertThat(t.transpose(0, 1).to(DType.FLOAT64).toDoubleArray())
                .containsExactly(1, 4, 2, 5, 3, 6);
        assertThat(t.narrow(1, 1, 2).toFloatArray()).containsExactly(2, 3, 5, 6);
        assertThat(t.select(1, -1).toFloatArray()).containsExactly(3, 6);
        t.narrow(1, 1, 2).mulInPlace(10);
        t.select(0, 1).addInPlace(Tensor.full(1, DType.FLOAT32, DEVICE, 1), 0.5);
        t.detach().select(0, 0).select(0, 0).copyInPlace(Tensor.scalar(-1).to(DEVICE));
        assertThat(t.toFloatArray()).containsExactly(-1, 20, 30, 4.5f, 50.5f, 60.5f);
        Tensor view = t.select(0, 0);
        t.close();
        assertThat(view.toFloatArray()).containsExactly(-1, 20, 30);
    }

    @Test
    void copiesAreIndependentAndConversionsToTheSameTypeAreNot() {
        Tensor t = on(floats(1, 2), 2);
        Tensor copy = t.copy();
        Tensor detached = t.detach();
        assertThat(t.to(DType.FLOAT32)).isSameAs(t);
        assertThat(t.to(DEVICE)).isSameAs(t);
        Tensor converted = t.to(DType.FLOAT64).to(DType.FLOAT32);
        t.mulInPlace(3);
        assertThat(copy.toFloatArray()).containsExactly(1, 2);
        assertThat(converted.toFloatArray()).containsExactly(1, 2);
        assertThat(detached.toFloatArray()).containsExactly(3, 6);
        assertThat(t.transpose(0, 0).copy().toFloatArray()).containsExactly(3, 6);
        t.shape()[0] = 7;
        assertThat(t.shape()).containsExactly(2);
    }

    @Test
    void bytesGoInAndOutInRanges() {
        Tensor t = Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 3);
        ByteBuffer two = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
        two.putFloat(9).putFloat(7).putFloat(8).flip().position(4);
        t.writeBytes(2, two.asReadOnlyBuffer());
        assertThat(t.toFloatArray()).containsExactly(0, 0, 7, 8, 0, 0);
        ByteBuffer out = ByteBuffer.allocateDirect(8).order(ByteOrder.LITTLE_ENDIAN);
        t.readBytes(3, out);
        assertThat(out.flip().getFloat()).isEqualTo(8);
        assertThat(out.getFloat()).isZero();
        t.readBytes(6, ByteBuffer.allocate(0));

        Tensor half = Tensor.zeros(DType.BFLOAT16, Device.CPU, 2);
        half.writeBytes(1, ByteBuffer.wrap(new byte[] {(byte) 0xc0, 0x3f}));
        assertThat(half.toFloatArray()).containsExactly(0, 1.5f);
    }

    @Test
    void elementsAreFilledWhereTheyLie() throws IOException {
        Tensor t = Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 3);
        t.fill(
                2,
                2,
                target -> {
                    assertThat(target.remaining()).isEqualTo(8);
                    target.putFloat(7).putFloat(8);
                });
        assertThat(t.toFloatArray()).containsExactly(0, 0, 7, 8, 0, 0);
        IOException thrown = new IOException("no more");
        assertThatThrownBy(
                        () ->
                                t.fill(
                                        0,
                                        1,
                                        target -> {
                                            throw thrown;
                                        }))
                .isSameAs(thrown);
        assertThatThrownBy(() -> t.fill(5, 2, target -> {}))
                .isInstanceOf(TensorException.class)
                .hasMessageContaining("do not lie inside");
        t.close();
        assertThatThrownBy(() -> t.fill(0, 1, target -> {}))
                .isInstanceOf(TensorException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void arraysOfDjlShareTheirMemoryBothWays() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray array = manager.create(new float[] {1, 2, 3});
            Tensor taken = Tensor.of(array);
            taken.mulInPlace(2);
            assertThat(array.toFloatArray()).containsExactly(2, 4, 6);
            NDArray given = taken.toNDArray(manager);
            taken.close();
            given.addi(1);
            assertThat(array.toFloatArray()).containsExactly(3, 5, 7);
        }
    }
}
