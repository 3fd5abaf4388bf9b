package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.natives.Driver;
import org.retain4j.core.natives.Libtorch;
import org.retain4j.core.natives.Natives;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;

/** Looks at everything that training depends on, from the machine up to a first sentence. */
final class Examination {

    private static final Set<String> FEATURES =
            Set.of(
                    "avx2",
                    "avx512f",
                    "avx512_bf16",
                    "amx_bf16",
                    "asimd",
                    "asimddp",
                    "bf16",
                    "i8mm",
                    "sve",
                    "svebf16");
    private static final long WANTED_MEMORY = 1L << 30;
    private static final long WANTED_DISK = 1L << 30;
    private static final String PROMPT = "Once upon a time";
    private static final String CONTINUATION = ", there was a little girl named Lily";
    private static final int NEW_TOKENS = 24;

    private final List<Finding> findings = new ArrayList<>();

    private final String deviceName;
    private Device device = Device.CPU;

    private Examination(String deviceName) {
        this.deviceName = deviceName;
    }

    /**
     * Looks at everything; a failure becomes a finding.
     *
     * @param device name of the device to compute on; null for the default one, else auto
     */
    static List<Finding> run(@Nullable String device) {
        Examination examination =
                new Examination(
                        device == null ? System.getProperty("retain4j.device", "auto") : device);
        examination.software();
        examination.machine();
        Finding temporary =
                examination.folder(
                        "temporary folder",
                        Path.of(System.getProperty("java.io.tmpdir")),
                        "RETAIN4J_JAVA_OPTS=-Djava.io.tmpdir=DIR");
        examination.add(temporary);
        Finding cache = examination.folder("cache folder", cacheFolder(), "DJL_CACHE_DIR=DIR");
        // libraries that were unpacked before need no writing: whether they are there shows below
        examination.add(
                cache.state() == Finding.State.UNUSABLE
                        ? Finding.advice(cache.name(), cache.value(), cache.advice())
                        : cache);
        // without temporary files native libraries fail in ways that explain nothing
        if (temporary.state() != Finding.State.UNUSABLE && examination.engine()) {
            examination.selfCheck();
        }
        return List.copyOf(examination.findings);
    }

    private void software() {
        add(Finding.ok("Retain4j", Versions.retain4j()));
        add(Finding.ok("Java", Versions.java() + ", " + System.getProperty("java.home")));
        add(Finding.ok("DJL", TensorEngine.djlVersion()));
    }

    private void machine() {
        Machine machine = Machine.read();
        add(Finding.ok("system", machine.os()));
        add(Finding.ok("processor", machine.cpu() + ", " + machine.processors() + " usable"));
        Set<String> features = new TreeSet<>(TensorEngine.cpuFeatures());
        features.retainAll(FEATURES);
        String known = features.isEmpty() ? "unknown" : String.join(", ", features);
        add(
                System.getProperty("os.arch").equals("amd64")
                                && !features.isEmpty()
                                && !features.contains("avx2")
                        ? Finding.advice(
                                "processor features",
                                known,
                                "without avx2 everything takes several times as long, use a newer"
                                        + " processor")
                        : Finding.ok("processor features", known));
        add(
                Finding.ok(
                        "precision on the CPU",
                        Precision.auto(Device.CPU) == Precision.BF16_MIXED
                                ? "float32 by default, bfloat16 is fast here"
                                : "float32, bfloat16 has no hardware here"));
        memory(machine);
    }

    private void memory(Machine machine) {
        StringBuilder text =
                new StringBuilder(Machine.gigabytes(machine.physicalMemory())).append(" physical");
        long usable = machine.physicalMemory();
        if (machine.availableMemory().isPresent()) {
            usable = machine.availableMemory().getAsLong();
            text.append(", ").append(Machine.gigabytes(usable)).append(" available");
        }
        if (machine.memoryLimit().isPresent()) {
            long limit = machine.memoryLimit().getAsLong();
            usable = Math.min(usable, limit);
            text.append(", limited to ")
                    .append(Machine.gigabytes(limit))
                    .append(" by a control group");
        }
        text.append(", Java heap up to ")
                .append(Machine.gigabytes(Runtime.getRuntime().maxMemory()))
                .append(" (tensors are outside of it)");
        add(
                usable < WANTED_MEMORY
                        ? Finding.advice(
                                "memory",
                                text.toString(),
                                "less than 1 GB is little even for the embedded model, end other"
                                        + " programs or raise the limit")
                        : Finding.ok("memory", text.toString()));
    }

    /** Returns the folder that native libraries are unpacked to, as DJL chooses it. */
    static Path cacheFolder() {
        for (String name : List.of("ENGINE_CACHE_DIR", "DJL_CACHE_DIR")) {
            String folder = System.getProperty(name, System.getenv(name));
            if (folder != null && !folder.isBlank()) {
                return Path.of(folder);
            }
        }
        return Path.of(System.getProperty("user.home"), ".djl.ai");
    }

    /**
     * Checks that a folder, or the nearest one above it that exists, can be written to.
     *
     * @param option how to choose another folder
     */
    private Finding folder(String name, Path folder, String option) {
        Path existing = folder.toAbsolutePath();
        while (!Files.exists(existing) && existing.getParent() != null) {
            existing = existing.getParent();
        }
        if (!Files.isDirectory(existing)) {
            return Finding.unusable(
                    name, existing + " is not a folder", "choose another with " + option);
        }
        try {
            Path probe = Files.createTempFile(existing, "retain4j", ".probe");
            Files.delete(probe);
            long free = Files.getFileStore(existing).getUsableSpace();
            String text = folder + ", " + Machine.gigabytes(free) + " free";
            return free < WANTED_DISK
                    ? Finding.advice(
                            name, text, "free 1 GB or choose another folder with " + option)
                    : Finding.ok(name, text);
        } catch (IOException e) {
            String why = e instanceof AccessDeniedException ? "" : ": " + Failures.message(e);
            return Finding.unusable(
                    name,
                    existing + " cannot be written to" + why,
                    "allow writing or choose another folder with " + option);
        }
    }

    private boolean engine() {
        try {
            driver();
            Device wanted = wanted();
            libtorch();
            List<String> devices = new ArrayList<>(List.of("cpu"));
            for (int i = 0; i < TensorEngine.cudaDevices(); i++) {
                devices.add(Device.cuda(i).toString());
            }
            String all = String.join(", ", devices) + "; used: " + (wanted == null ? "-" : wanted);
            add(
                    wanted == null
                            ? Finding.unusable("devices", all, refusal)
                            : Driver.version() != null && devices.size() == 1
                                    ? Finding.advice(
                                            "devices",
                                            all,
                                            "there is an NVIDIA driver, but this libtorch sees no"
                                                    + " GPU, see docs/cuda.md")
                                    : Finding.ok("devices", all));
            if (wanted == null) {
                return false;
            }
            device = wanted;
            if (device.isCuda()) {
                add(
                        Finding.ok(
                                "precision on CUDA",
                                "bfloat16 products on float32 weights by default, TF32 for float32 "
                                        + (TensorEngine.allowsTf32() ? "on" : "off")));
            }
            add(
                    Finding.ok(
                            "deterministic kernels",
                            TensorEngine.isDeterministic() ? "on" : "off, the CPU needs none"));
            add(Finding.ok("threads of an operator", String.valueOf(TensorEngine.threads())));
            add(
                    TensorEngine.waitsPassively()
                            ? Finding.ok("waiting threads", "OMP_WAIT_POLICY=PASSIVE")
                            : Finding.advice(
                                    "waiting threads",
                                    "OMP_WAIT_POLICY is not PASSIVE",
                                    "waiting threads spin and slow down a busy machine, set"
                                            + " OMP_WAIT_POLICY=PASSIVE or start with ./retain4j"));
            return true;
        } catch (IllegalStateException | IllegalArgumentException e) {
            add(Finding.unusable("libtorch", Failures.message(e), libtorchAdvice()));
        } catch (LinkageError e) {
            add(
                    Finding.unusable(
                            "libtorch",
                            Failures.message(e),
                            "libtorch does not fit this system, it needs Linux (glibc 2.28 or"
                                    + " newer), macOS on Apple silicon or Windows"));
        }
        return false;
    }

    private String refusal = "";

    /** Finds the device before anything else starts the engine, as a GPU decides about libtorch. */
    private @Nullable Device wanted() {
        try {
            return TensorEngine.device(deviceName);
        } catch (IllegalArgumentException e) {
            refusal = String.valueOf(e.getMessage());
            TensorEngine.start();
            return null;
        }
    }

    private void driver() {
        String version = Driver.version();
        add(Finding.ok("NVIDIA driver", version == null ? "none" : version));
    }

    private void libtorch() {
        Libtorch found = TensorEngine.libtorch();
        add(
                Finding.ok(
                        "libtorch",
                        found.version()
                                + " in "
                                + TensorEngine.libtorchFolder()
                                + ", found by "
                                + found.origin()
                                + (found.folder() == null || found.hasCuda()
                                        ? ""
                                        : ", used for the CPU")));
        Path built = found.jni();
        add(
                Finding.ok(
                        "JNI library",
                        built == null
                                ? "DJL's own for libtorch "
                                        + Natives.SERIES
                                        + "x, "
                                        + found.flavor()
                                : built + ", built for libtorch " + found.version()));
    }

    private static String libtorchAdvice() {
        return System.getenv("PYTORCH_LIBRARY_PATH") == null
                        && System.getenv("RETAIN4J_LIBTORCH") == null
                ? "build again with ./mvnw -pl cli -am package, which fetches the libtorch of this"
                        + " system"
                : "set PYTORCH_LIBRARY_PATH to the lib folder of a PyTorch 2.7, run retain4j"
                        + " build-jni for this one, or unset it to use the libtorch of the build";
    }

    private void selfCheck() {
        check("matrix product", this::matrixProduct);
        check("embedded model", this::firstSentence);
    }

    /** A small computation whose result is known. */
    @FunctionalInterface
    private interface Check {
        /** Returns what came out wrong, empty if nothing. */
        String problem() throws IOException;
    }

    private void check(String name, Check check) {
        String advice =
                "this machine computes wrong, delete the cache folder and try again; if it stays,"
                        + " report it with this whole output";
        try {
            String problem = check.problem();
            add(
                    problem.isEmpty()
                            ? Finding.ok(name, "right")
                            : Finding.unusable(name, problem, advice));
        } catch (IOException | RuntimeException | LinkageError e) {
            add(Finding.unusable(name, Failures.message(e), advice));
        }
    }

    private String matrixProduct() {
        float[] expected = {58, 64, 139, 154};
        try (Scope scope = Scope.open()) {
            Tensor left = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3).to(device);
            Tensor right = Tensor.of(new float[] {7, 8, 9, 10, 11, 12}, 3, 2).to(device);
            float[] product = left.matmul(right).to(Device.CPU).toFloatArray();
            return Arrays.equals(product, expected)
                    ? ""
                    : "expected " + Arrays.toString(expected) + ", got " + Arrays.toString(product);
        }
    }

    private String firstSentence() throws IOException {
        try (CausalLm model = Pretrained.load(Pretrained.EMBEDDED, device, Precision.F32)) {
            String text = new Generator(model, Sampling.greedy()).generate(PROMPT, NEW_TOKENS, 0);
            return text.startsWith(CONTINUATION)
                    ? ""
                    : "\"%s\" must go on with \"%s\", but goes on with \"%s\""
                            .formatted(PROMPT, CONTINUATION, Console.oneLine(text));
        }
    }

    private void add(Finding finding) {
        findings.add(finding);
    }
}
