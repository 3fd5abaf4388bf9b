package org.retain4j.core.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Compiling the JNI library, with a compiler that only notes what it was asked for. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class JniBuildTest {

    @TempDir private Path home;
    private FakeSurroundings around;
    private Path torch;
    private Path djl;
    private Path compiler;
    private final List<String> log = new ArrayList<>();

    @BeforeEach
    void makeFolders() throws IOException {
        around = new FakeSurroundings(home);
        torch = home.resolve("site/torch");
        write(torch.resolve("lib").resolve(System.mapLibraryName("torch")), "torch");
        write(torch.resolve("lib").resolve(System.mapLibraryName("torch_cpu")), "cpu");
        write(torch.resolve("lib").resolve(System.mapLibraryName("torch_cuda")), "cuda");
        write(torch.resolve("version.py"), "__version__ = '2.11.0+cu130'\ncuda = '13.0'\n");
        write(torch.resolve("include/torch/script.h"), "");
        write(home.resolve("site/nvidia/cu13/include/cuda_runtime_api.h"), "");
        write(home.resolve("site/nvidia/cu13/include/crt/host_config.h"), "");
        djl = home.resolve("djl");
        write(djl.resolve("LICENSE"), "   Apache License\n  Version 2.0, January 2004\n");
        write(djl.resolve("gradle/libs.versions.toml"), "[versions]\ndjl = \"0.36.0\"\n");
        write(djl.resolve("api/src/main/native/djl/utils.h"), "");
        Path sources = djl.resolve("engines/pytorch/pytorch-native/src/main/native");
        write(sources.resolve("djl_pytorch_utils.h"), "");
        write(sources.resolve("one.cc"), "// one");
        write(sources.resolve("two.cc"), "// two");
        write(home.resolve("jdk/include/jni.h"), "");
        compiler =
                compiler(
                        "echo \"$@\" >> "
                                + home.resolve("calls")
                                + "\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && echo made > \"$2\"; shift; done");
    }

    private Path compiler(String script) throws IOException {
        Path file = home.resolve("compiler.sh");
        write(file, "#!/bin/sh\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        return file;
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private JniBuild build() {
        return new JniBuild(torch, around)
                .compiler(compiler.toString())
                .javaHome(home.resolve("jdk"))
                .log(log::add);
    }

    @Test
    void sourcesAreCompiledAgainstTheHeadersAndInstalledWithARecord() throws IOException {
        Path installed = build().build(djl);

        assertThat(installed).hasContent("made\n");
        JniPair record = JniPair.read(installed);
        assertThat(record.libtorch()).isEqualTo("2.11.0+cu130");
        assertThat(record.sha256()).isEqualTo(JniPair.sha256(installed));
        String calls = Files.readString(home.resolve("calls"));
        assertThat(calls.lines())
                .hasSize(3)
                .anyMatch(line -> line.contains("-c " + source("one.cc")))
                .anyMatch(line -> line.contains("-c " + source("two.cc")))
                .anyMatch(line -> line.contains("-shared") && line.contains("-ltorch_cuda"));
        assertThat(calls)
                .contains(
                        "-DUSE_CUDA",
                        "-I" + torch.resolve("include"),
                        "-I" + djl.resolve("api/src/main/native"),
                        "-I" + home.resolve("site/nvidia/cu13/include"),
                        "-I" + home.resolve("jdk/include"));
        assertThat(log).contains("  Apache License", "  Version 2.0, January 2004");
        around.variables.put("RETAIN4J_LIBTORCH", torch.toString());
        assertThat(new Natives(around).find(true).jni()).isEqualTo(installed);
    }

    private Path source(String name) {
        return djl.resolve("engines/pytorch/pytorch-native/src/main/native").resolve(name);
    }

    @Test
    void theFolderOfTheSourcesIsEnoughAndSoIsAnArchive() throws IOException {
        assertThat(build().build(source("one.cc").getParent())).exists();
        Path zip = home.resolve("djl-0.36.0.zip");
        try (OutputStream out = Files.newOutputStream(zip);
                ZipOutputStream entries = new ZipOutputStream(out)) {
            for (String name : List.of("n/djl_pytorch_utils.h", "n/three.cc", "n/picture.png")) {
                entries.putNextEntry(new ZipEntry(name));
                entries.write("// text".getBytes(StandardCharsets.UTF_8));
            }
        }
        log.clear();
        assertThat(build().build(zip)).exists();
        assertThat(log).contains("compiling three.cc");
    }

    @Test
    void anArchiveThatPointsOutsideIsRefused() throws IOException {
        Path zip = home.resolve("evil.zip");
        try (OutputStream out = Files.newOutputStream(zip);
                ZipOutputStream entries = new ZipOutputStream(out)) {
            entries.putNextEntry(new ZipEntry("../../evil.cc"));
        }
        assertThatThrownBy(() -> build().build(zip))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("outside");
        Path text = Files.writeString(home.resolve("text.zip"), "no zip");
        assertThatThrownBy(() -> build().build(text)).hasMessageContaining("zip or jar");
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        assertThatThrownBy(() -> build().build(home.resolve("nowhere")))
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> build().build(home.resolve("jdk")))
                .hasMessageContainingAll("djl_pytorch_utils.h", "checkout of DJL 0.36.0");
        assertThatThrownBy(() -> build().javaHome(home).build(djl))
                .hasMessageContainingAll("jni.h", "JDK");
        assertThatThrownBy(() -> build().compiler(home + "/absent").build(djl))
                .hasMessageContaining("does not start");
        around.variables.put("CUDA_HOME", home.toString());
        Files.delete(home.resolve("site/nvidia/cu13/include/crt/host_config.h"));
        assertThatThrownBy(() -> build().build(djl)).hasMessageContaining("nvidia-cuda-crt");
        Files.delete(home.resolve("site/nvidia/cu13/include/cuda_runtime_api.h"));
        assertThatThrownBy(() -> build().build(djl)).hasMessageContaining("cuda_runtime_api.h");
        assertThat(around.cache()).doesNotExist();
    }

    @Test
    void sourcesOfAnotherVersionAreRefused() throws IOException {
        write(djl.resolve("gradle/libs.versions.toml"), "[versions]\ndjl = \"0.35.0\"\n");
        assertThatThrownBy(() -> build().build(djl))
                .hasMessageContainingAll("DJL 0.35.0", "v0.36.0");
    }

    @Test
    void whatTheCompilerSaysIsTold() throws IOException {
        compiler = compiler("echo 'one.cc:3: error: no such type'; exit 1");
        assertThatThrownBy(() -> build().build(djl))
                .hasMessageContainingAll("code 1", "no such type");
        assertThat(around.cache()).doesNotExist();
    }

    @Test
    void theSeriesThatDjlIsForNeedsNoBuild() throws IOException {
        write(torch.resolve("version.py"), "__version__ = '2.7.1+cu126'\n");
        assertThatThrownBy(() -> build().build(djl))
                .hasMessageContainingAll("needs no build", "PYTORCH_LIBRARY_PATH");
    }

    @Test
    void theHeaderDeclaresEveryNativeMethod() throws ClassNotFoundException {
        String header = JniHeader.of(Class.forName("ai.djl.pytorch.jni.PyTorchLibrary"));
        assertThat(header)
                .contains(
                        "JNIEXPORT void JNICALL"
                                + " Java_ai_djl_pytorch_jni_PyTorchLibrary_torchSetGradMode(JNIEnv*,"
                                + " jobject, jboolean);",
                        "JNIEXPORT jlong JNICALL"
                                + " Java_ai_djl_pytorch_jni_PyTorchLibrary_moduleRunMethod(JNIEnv*,"
                                + " jobject, jlong, jstring, jlongArray, jboolean, jboolean);",
                        "PyTorchLibrary_torchArgMax__J(JNIEnv*, jobject, jlong);",
                        "PyTorchLibrary_torchArgMax__JJZ(JNIEnv*, jobject, jlong, jlong, jboolean);");
        assertThat(header.lines().filter(line -> line.startsWith("JNIEXPORT")))
                .hasSizeGreaterThan(150);
    }
}
