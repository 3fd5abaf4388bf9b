package org.retain4j.core.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.natives.Libtorch.Origin;

/** Which libtorch is chosen among those that are there, and which are refused. */
class NativesTest {

    private static final String TORCH = System.mapLibraryName("torch");
    private static final String JNI = System.mapLibraryName("djl_torch");

    @TempDir private Path home;
    private FakeSurroundings around;

    @BeforeEach
    void nothingIsThere() {
        around = new FakeSurroundings(home);
    }

    private Libtorch find(boolean cuda) {
        return new Natives(around).find(cuda);
    }

    /** Makes a folder as pip makes it, and returns it. */
    private Path pip(String name, String version, String cuda) throws IOException {
        Path torch = home.resolve(name).resolve("torch");
        Path lib = Files.createDirectories(torch.resolve("lib"));
        Files.writeString(lib.resolve(TORCH), "torch");
        Files.writeString(lib.resolve(System.mapLibraryName("torch_cpu")), version);
        if (!cuda.isEmpty()) {
            Files.writeString(lib.resolve(System.mapLibraryName("torch_cuda")), "cuda");
        }
        Files.writeString(
                torch.resolve("version.py"),
                "__version__ = '%s'\ncuda = '%s'\ngit_version = '0123456789abcdef'\n"
                        .formatted(version, cuda));
        return torch;
    }

    @Test
    void theJarOnTheClassPathIsTheRule() {
        around.classPathVersion = "2.7.1-20250812";

        Libtorch found = find(false);

        assertThat(found.origin()).isEqualTo(Origin.CLASS_PATH);
        assertThat(found.folder()).isNull();
        assertThat(found.hasCuda()).isFalse();
        assertThat(around.timesAsked).as("python is not started").isZero();
    }

    @Test
    void withoutAnythingTheAdviceIsGiven() {
        assertThatThrownBy(() -> find(false))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "no libtorch", "pytorch-native-cpu", "PYTORCH_LIBRARY_PATH");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2.6.0", "2.70.0", "2.10.0"})
    void aJarOfAnotherSeriesIsRefused(String version) {
        around.classPathVersion = version;
        assertThatThrownBy(() -> find(false))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("libtorch " + version, "2.7.x", "build-jni");
    }

    @ParameterizedTest
    @CsvSource({"2.7.1+cu126,12.6,true,cu128", "2.7.1+cu126,12.6,false,cpu", "2.7.0,'',true,cpu"})
    void anInstalledPyTorchOfTheSeriesIsTakenAsItIs(
            String version, String cuda, boolean driver, String flavor) throws IOException {
        Path torch = pip("a", version, cuda);
        around.driver = driver;
        for (Path named : new Path[] {torch, torch.resolve("lib"), torch.resolve("lib/" + TORCH)}) {
            around.variables.put("PYTORCH_LIBRARY_PATH", named.toString());

            Libtorch found = find(true);

            assertThat(found.origin()).isEqualTo(Origin.LIBRARY_PATH);
            assertThat(found.folder()).isEqualTo(torch.resolve("lib"));
            assertThat(found.flavor()).isEqualTo(flavor);
            assertThat(found.version()).isEqualTo(version);
            assertThat(found.release()).isEqualTo(version.substring(0, 5));
            assertThat(found.jni()).isNull();
        }
    }

    @Test
    void theJniLibraryOfCudaTwelveIsNotUsedWithAnother() throws IOException {
        around.variables.put("RETAIN4J_LIBTORCH", pip("a", "2.7.1+cu118", "11.8").toString());
        assertThatThrownBy(() -> find(true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("2.7.1+cu118", "CUDA 11.8", "needs CUDA 12");
    }

    @Test
    void pythonIsAskedWhenAGpuIsWantedOrNothingElseIsThere() throws IOException {
        around.pythonTorch = pip("a", "2.7.1+cu126", "12.6");
        around.driver = true;
        assertThat(find(false).origin()).isEqualTo(Origin.PYTHON);
        around.classPathVersion = "2.7.1";
        assertThat(find(false).origin()).isEqualTo(Origin.CLASS_PATH);
        assertThat(find(true).origin()).isEqualTo(Origin.PYTHON);
        around.variables.put("RETAIN4J_LIBTORCH", "classpath");
        assertThat(find(true).origin()).isEqualTo(Origin.CLASS_PATH);
        around.variables.put("RETAIN4J_LIBTORCH", "python");
        assertThat(find(false).origin()).isEqualTo(Origin.PYTHON);
    }

    @Test
    void aPythonThatDoesNotFitIsPassedOverUnlessAGpuNeedsIt() throws IOException {
        around.classPathVersion = "2.7.1";
        around.pythonTorch = pip("a", "2.7.1", "");
        assertThat(find(true).origin()).as("no CUDA in it").isEqualTo(Origin.CLASS_PATH);
        around.pythonTorch = pip("b", "2.10.0+cu128", "12.8");
        assertThat(find(false).origin()).isEqualTo(Origin.CLASS_PATH);
        assertThatThrownBy(() -> find(true)).hasMessageContaining("build-jni");
        around.classPathVersion = null;
        assertThatThrownBy(() -> find(false)).hasMessageContaining("no libtorch");
        around.pythonTorch = null;
        around.variables.put("RETAIN4J_LIBTORCH", "python");
        assertThatThrownBy(() -> find(false)).hasMessageContaining("pip install torch==2.7.1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"nowhere", "empty", "file", "notorch\u0000"})
    void aNamedPathThatHoldsNothingIsRefusedByName(String name) throws IOException {
        Files.createDirectories(home.resolve("empty"));
        Files.writeString(home.resolve("file"), "no library");
        around.variables.put("PYTORCH_LIBRARY_PATH", home + "/" + name);
        around.classPathVersion = "2.7.1";
        assertThatThrownBy(() -> find(false))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(name.replace("\u0000", ""));
    }

    @Test
    void aVersionThatCannotBeToldIsRefused() throws IOException {
        Path torch = pip("a", "2.7.1", "");
        around.variables.put("RETAIN4J_LIBTORCH", torch.toString());
        Files.delete(torch.resolve("version.py"));
        assertThatThrownBy(() -> find(false)).hasMessageContaining("cannot be told");
        Files.write(torch.resolve("version.py"), new byte[1 << 20]);
        assertThatThrownBy(() -> find(false)).hasMessageContaining("cannot be told");
        Files.delete(torch.resolve("version.py"));
        Files.createDirectory(torch.resolve("version.py"));
        assertThatThrownBy(() -> find(false)).hasMessageContaining("cannot be told");
    }

    @Test
    void aVersionThatContradictsTheFilesIsRefused() throws IOException {
        around.variables.put("RETAIN4J_LIBTORCH", pip("a", "2.7.1", "").toString());
        around.variables.put("PYTORCH_VERSION", "2.7.1");
        assertThat(find(false).release()).isEqualTo("2.7.1");
        around.variables.put("PYTORCH_VERSION", "2.5.1");
        assertThatThrownBy(() -> find(false))
                .hasMessageContainingAll("PYTORCH_VERSION is 2.5.1", "2.7.1", "unset");
    }

    @Test
    void aNewerPyTorchIsRefusedWithoutItsLibraryAndAcceptedWithIt() throws IOException {
        Path torch = pip("a", "2.11.0+cu130", "13.0");
        around.variables.put("RETAIN4J_LIBTORCH", torch.toString());
        assertThatThrownBy(() -> find(true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "2.11.0+cu130", "wrong results", "no JNI library for it", "build-jni");

        Path compiled = Files.writeString(home.resolve("compiled.so"), "jni");
        Path installed = new JniBuild(torch, around).adopt(compiled);

        assertThat(installed)
                .isEqualTo(
                        around.cache()
                                .resolve("2.11.0-built-13.0-linux-x86_64")
                                .resolve("0.36.0-" + JNI));
        Libtorch found = find(true);
        assertThat(found.jni()).isEqualTo(installed);
        assertThat(found.hasCuda()).isTrue();
        // at "cu" DJL would load libraries that need a driver
        assertThat(found.flavor()).isEqualTo("built-13.0").doesNotContain("cu");
    }

    @Test
    void exactlyThePairIsAccepted() throws IOException {
        Path torch = pip("a", "2.11.0+cu130", "13.0");
        around.variables.put("RETAIN4J_LIBTORCH", torch.toString());
        Path library =
                new JniBuild(torch, around)
                        .adopt(Files.writeString(home.resolve("compiled.so"), "jni"));
        Path record = JniPair.file(library);
        String right = Files.readString(record);
        assertThat(find(true).jni()).isEqualTo(library);

        refused("2.11.0+cu130 ", record, right.replace("2.11.0+cu130", "2.11.0+cu126"));
        refused("DJL 0.35.0", record, right.replace("0.36.0", "0.35.0"));
        refused("another build", record, right.replace("0123456789abcdef", "fedcba9876543210"));
        refused("another build", record, right.replaceFirst("\"size\" : \\d+", "\"size\" : 1"));
        refused(
                "not the one",
                record,
                right.replaceFirst("\"sha256\" : \"..", "\"sha256\" : \"zz"));
        refused("no text \"djl\"", record, "{}");
        refused("no text \"djl\"", record, "{\"djl\": 36}");
        refused("is not JSON", record, "{\"djl\"");
        refused("is not JSON", record, "[".repeat(60_000));
        refused("too large", record, " ".repeat(1 << 20));
        Files.delete(record);
        assertThatThrownBy(() -> find(true)).hasMessageContaining("no record");
        Files.writeString(record, right);
        Files.writeString(library, "jni of somebody else");
        assertThatThrownBy(() -> find(true)).hasMessageContaining("not the one");
        Files.writeString(library, "jni");
        assertThat(find(true).jni()).isEqualTo(library);
        // the same version built by somebody else has other bytes
        Files.writeString(
                torch.resolve("lib").resolve(System.mapLibraryName("torch_cpu")),
                "another build of it");
        assertThatThrownBy(() -> find(true)).hasMessageContaining("another build");
    }

    private void refused(String why, Path record, String text) throws IOException {
        Files.writeString(record, text);
        assertThatThrownBy(() -> find(true))
                .as(why)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(why, "does not belong");
    }

    @Test
    void aJniLibraryThatIsNotDjlsOwnIsRefused() throws IOException {
        Path torch = pip("a", "2.7.1", "");
        around.variables.put("RETAIN4J_LIBTORCH", torch.toString());
        Path own = home.resolve("resources/jnilib/linux-x86_64/cpu").resolve(JNI);
        Files.createDirectories(own.getParent());
        Files.writeString(own, "nine bytes");
        assertThat(find(false).flavor()).isEqualTo("cpu");
        Path cached = new Natives(around).cached("2.7.1", "cpu");
        Files.createDirectories(cached.getParent());
        Files.write(cached, "nine bytes".getBytes(StandardCharsets.UTF_8));
        assertThat(find(false).flavor()).isEqualTo("cpu");
        Files.writeString(cached, "half");
        assertThatThrownBy(() -> find(false)).hasMessageContainingAll("4 bytes", "delete it");
        Files.delete(cached);
        Files.writeString(torch.resolve("lib").resolve(JNI), "foreign");
        assertThatThrownBy(() -> find(false)).hasMessageContainingAll(JNI, "delete it");
    }

    @Test
    void jarsOfBytedecoAreUnpackedOnceAndInTwoFolders() throws IOException {
        resource("org/bytedeco/pytorch/linux-x86_64-gpu/libtorch_cuda.so", "cuda");
        resource("org/bytedeco/pytorch/linux-x86_64-gpu/libtorch.so", "torch");
        resource("org/bytedeco/openblas/linux-x86_64/libopenblas.so.0", "blas");
        resource("org/bytedeco/cuda/linux-x86_64/libcudart.so.12", "runtime");
        around.classPathVersion = "2.7.1";
        around.driver = true;

        Libtorch found = find(false);

        assertThat(found.origin()).isEqualTo(Origin.BYTEDECO);
        assertThat(found.flavor()).isEqualTo("cu128");
        assertThat(found.folder().resolve("libtorch.so")).hasContent("torch");
        assertThat(found.folder().resolve("libcudart.so.12")).doesNotExist();
        assertThat(found.dependencies())
                .extracting(path -> path.getFileName().toString())
                .containsExactly("libopenblas.so.0", "libcudart.so.12");
        Path blas = found.dependencies().get(0);
        Files.writeString(blas, "still there");
        assertThat(find(false).dependencies().get(0)).hasContent("still there");
        around.driver = false;
        assertThat(find(false).flavor()).isEqualTo("cpu");
    }

    @Test
    void theCpuBuildOfBytedecoStandsBehindThatOfDjl() throws IOException {
        resource("org/bytedeco/pytorch/linux-x86_64/libtorch.so", "torch");
        around.classPathVersion = "2.7.1";
        assertThat(find(false).origin()).isEqualTo(Origin.CLASS_PATH);
        around.classPathVersion = null;
        assertThat(find(false).origin()).isEqualTo(Origin.BYTEDECO);
        assertThat(find(false).flavor()).isEqualTo("cpu");
    }

    private void resource(String name, String content) throws IOException {
        Path file = home.resolve("resources").resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }

    @Test
    void whatNeedsPythonIsLeftAlone() throws IOException {
        Path lib = pip("a", "2.7.1", "12.6").resolve("lib");
        for (String name :
                new String[] {
                    "libtorch_python.so", "libshm.so", "libgomp.so.1", "libc10_cuda.so", "x,y.so"
                }) {
            Files.writeString(lib.resolve(name), "");
        }
        assertThat(Natives.excluded(lib)).isEqualTo("libshm.so,libtorch_python.so");
    }

    @Test
    void theDriverIsFoundByItsFiles() throws IOException {
        Path kernel = home.resolve("version");
        java.util.List<String> none = java.util.List.of(home + "/absent");
        assertThat(Driver.version(kernel, none)).isNull();
        assertThat(Driver.version(kernel, java.util.List.of(home.toString()))).isEqualTo("unknown");
        Files.writeString(
                kernel, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed\n");
        assertThat(Driver.version(kernel, none)).isEqualTo("570.124.06");
        Files.writeString(kernel, "nothing known");
        assertThat(Driver.version(kernel, none)).isEqualTo("unknown");
    }
}
