package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.io.TensorInfo;

/**
 * Damaged files are opened or refused by name, and what is opened can be read.
 *
 * <p>Each input is a small valid file with flipped bits, changed numbers, cut, repeated or
 * exchanged parts, from a fixed seed. The system property {@code retain4j.fuzz.inputs} sets their
 * number.
 */
class GgufFuzzTest {

    private static final long[] NUMBERS = {
        0,
        1,
        2,
        3,
        8,
        9,
        12,
        13,
        31,
        32,
        255,
        256,
        -1,
        1L << 16,
        1L << 22,
        1L << 31,
        1L << 32,
        1L << 61,
        Long.MAX_VALUE,
        Long.MIN_VALUE
    };

    @TempDir Path folder;

    private static List<byte[]> seeds() {
        GgufWriter pieces =
                TinyGguf.header("llama", 32, 16, 1, 2, 1)
                        .put("llama.rope.scaling.type", "linear")
                        .put("llama.rope.scaling.factor", 2f)
                        .put("tokenizer.ggml.model", "llama")
                        .put("tokenizer.ggml.tokens", List.of("<unk>", "<s>", "a", "b", "ab"))
                        .put("tokenizer.ggml.scores", List.of(0f, 0f, -1f, -2f, -3f))
                        .put("tokenizer.ggml.token_type", List.of(2, 3, 1, 1, 1))
                        .put("tokenizer.ggml.bos_token_id", 1)
                        .put("tokenizer.chat_template", "{{ messages }}")
                        .put("nested", List.of(List.of(1, 2), List.of(3)))
                        .tensor("token_embd.weight", 2, new long[] {32, 5}, new byte[90])
                        .tensor("blk.0.attn_q.weight", 8, new long[] {32, 4}, new byte[136])
                        .tensor("rope_freqs.weight", 0, new long[] {8}, new byte[32]);
        GgufWriter gpt2 =
                GgufModelTest.tinyVocabulary(TinyGguf.header("gpt2", 8, 16, 1, 2, 2))
                        .tensor("token_embd.weight", 1, new long[] {8, 4}, new byte[64])
                        .tensor("blk.0.ffn_up.weight", 0, new long[] {8, 16}, new byte[512]);
        GgufWriter gemma =
                GgufModelTest.tinyVocabulary(TinyGguf.header("gemma2", 256, 16, 1, 2, 1))
                        .tensor("token_embd.weight", 14, new long[] {256, 4}, new byte[840])
                        .tensor("output_norm.weight", 0, new long[] {256}, new byte[1024]);
        return List.of(
                GgufModelTest.tinyLlama().bytes(), pieces.bytes(), gpt2.bytes(), gemma.bytes());
    }

    private static byte[] mutate(byte[] valid, Random random) {
        byte[] bytes = valid.clone();
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(6)) {
                case 0, 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 2 -> {
                    byte[] number = GgufWriter.number(NUMBERS[random.nextInt(NUMBERS.length)], 8);
                    int width = random.nextBoolean() ? 4 : 8;
                    System.arraycopy(number, 0, bytes, at, Math.min(width, bytes.length - at));
                }
                case 3 -> {
                    int length = Math.min(random.nextInt(40), bytes.length - at);
                    int from = random.nextInt(bytes.length - length + 1);
                    System.arraycopy(bytes, from, bytes, at, length);
                }
                case 4 -> bytes[at] = (byte) random.nextInt(256);
                default -> {
                    if (random.nextInt(8) == 0) {
                        bytes = Arrays.copyOf(bytes, 1 + random.nextInt(2 * bytes.length));
                    }
                }
            }
        }
        return bytes;
    }

    @Test
    void damagedFilesAreReadOrRefusedByName() throws IOException {
        int inputs = Integer.getInteger("retain4j.fuzz.inputs", 2000);
        List<byte[]> seeds = seeds();
        Path path = folder.resolve("damaged.gguf");
        int opened = 0;
        for (int i = 0; i < inputs; i++) {
            byte[] bytes = mutate(seeds.get(i % seeds.size()), new Random(i));
            Files.write(path, bytes);
            String name = "input " + i;
            boolean ok =
                    Assertions.assertTimeoutPreemptively(
                            Duration.ofSeconds(20), () -> read(path), name);
            opened += ok ? 1 : 0;
        }
        assertThat(opened).isBetween(inputs / 50, inputs * 9 / 10);
    }

    private static boolean read(Path path) throws IOException {
        try (GgufModel model = GgufModel.open(path)) {
            for (TensorInfo info : model.tensors().tensors().values()) {
                ByteBuffer all = model.tensors().map(info.name(), 0, (int) info.byteCount());
                assertThat(all.remaining()).isEqualTo((int) info.byteCount());
            }
            return true;
        } catch (GgufException e) {
            assertThat(e.getMessage()).contains(path.toString()).hasSizeLessThan(2000);
            return false;
        }
    }
}
