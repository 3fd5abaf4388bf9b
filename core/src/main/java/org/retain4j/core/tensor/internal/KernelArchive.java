package org.retain4j.core.tensor.internal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs the kernel sources into a TorchScript archive, the file format of {@code torch.jit.save}.
 *
 * <p>A source file holds plain functions; here each becomes a method of one module without
 * parameters. The dialect is the one that PyTorch writes into {@code code/__torch__.py}: every
 * argument typed, operators called as {@code torch.NAME}.
 */
public final class KernelArchive {

    /** One resource file a theme, under {@code kernels/}. */
    static final List<String> THEMES =
            List.of(
                    "basic",
                    "autograd",
                    "decoder",
                    "recompute",
                    "loss",
                    "optim",
                    "lists",
                    "generate",
                    "lora",
                    "regularization",
                    "projection",
                    "replay");

    private static final String CLASS_HEADER =
            """
            class Kernels(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              _is_full_backward_hook : Optional[bool]
            """;

    /** Attention in one kernel, whose backward pass on CUDA adds in an order that changes. */
    private static final String FUSED = "torch.scaled_dot_product_attention(";

    private KernelArchive() {}

    /**
     * Returns whether kernels are chosen that give the same bits every time on CUDA too: the system
     * property {@code retain4j.deterministic}, read when the engine starts.
     */
    public static boolean deterministic() {
        return Boolean.getBoolean("retain4j.deterministic");
    }

    /** Returns the bytes of the archive with the methods of every theme. */
    static byte[] build() throws IOException {
        StringBuilder source = new StringBuilder(CLASS_HEADER);
        for (String theme : THEMES) {
            String name = "/org/retain4j/core/tensor/kernels/" + theme + ".py";
            try (InputStream in = KernelArchive.class.getResourceAsStream(name)) {
                if (in == null) {
                    throw new IOException(
                            "kernel resource " + name + " is missing; the jar is damaged");
                }
                appendMethods(new String(in.readAllBytes(), StandardCharsets.UTF_8), source);
            }
        }
        return zip(source.toString());
    }

    private static void appendMethods(String functions, StringBuilder out) {
        for (String line : functions.split("\n", -1)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String method =
                    line.startsWith("def ")
                            ? line.replaceFirst("\\(", "(self: __torch__.Kernels, ")
                            : line;
            if (deterministic()) {
                method = method.replace(FUSED, "(self).plain_attention(");
            }
            out.append("  ").append(method).append('\n');
        }
    }

    private static byte[] zip(String source) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            put(zip, "kernels/data.pkl", pickledModule());
            put(zip, "kernels/code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
            put(zip, "kernels/constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
            // older versions keep old meanings, such as a division of integers that rounds
            put(zip, "kernels/version", "10\n".getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }

    /** A pickle of {@code Kernels()} with training = True and no backward hook. */
    private static byte[] pickledModule() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0x80, 2});
        out.writeBytes("c__torch__\nKernels\n".getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(new byte[] {'q', 0, ')', (byte) 0x81, '}', '('});
        putString(out, "training");
        out.writeBytes(new byte[] {'q', 1, (byte) 0x88});
        putString(out, "_is_full_backward_hook");
        out.writeBytes(new byte[] {'q', 2, 'N', 'u', 'b', 'q', 3, '.'});
        return out.toByteArray();
    }

    private static void putString(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        out.writeBytes(new byte[] {'X', (byte) bytes.length, 0, 0, 0});
        out.writeBytes(bytes);
    }

    private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry(name);
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        entry.setCrc(crc.getValue());
        entry.setTime(0);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
