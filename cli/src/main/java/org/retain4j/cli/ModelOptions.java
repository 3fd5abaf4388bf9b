package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.hub.DownloadListener;
import org.retain4j.core.hub.Hub;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.lora.AdapterInfo;
import org.retain4j.lora.Lora;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of every command that loads a model. */
final class ModelOptions {

    /** How a model is named on the command line. */
    static final String LABEL = "NAME|DIR|FILE.gguf";

    @Option(
            names = {"-m", "--model"},
            paramLabel = LABEL,
            required = true,
            description =
                    "Model folder, GGUF file, name on the Hugging Face hub such as"
                            + " HuggingFaceTB/SmolLM2-135M[@REVISION], or "
                            + Pretrained.EMBEDDED
                            + ".")
    private String model = "";

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            description =
                    "Type of matrix products: f32, bf16, or auto for what this machine does best."
                            + " Default: f32 on the CPU, bf16 on CUDA.")
    private @Nullable String precision;

    @Mixin private DeviceOption device = new DeviceOption();

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "PEFT adapter to put on the model: a folder or a hub name.")
    private @Nullable String adapter;

    @Option(
            names = "--any-base",
            description = "Take an adapter that was trained on a model of another name.")
    private boolean anyBase;

    /** Returns the name of the model as it was given. */
    String name() {
        return model;
    }

    /** Loads the model, with the progress of a download on the console. */
    CausalLm load(Console console) throws IOException {
        Path folder = adapter == null ? null : locateAdapter(console, "--adapter", adapter);
        if (folder != null && !model.equals(Pretrained.EMBEDDED)) {
            requireBase(folder, locate(console, model));
        }
        CausalLm loaded = loadAlone(console, model);
        if (folder != null) {
            attach(loaded, folder);
        }
        return loaded;
    }

    /** Loads another model with the same precision and device, without the adapter. */
    CausalLm loadAlone(Console console, String name) throws IOException {
        Device on = device.device();
        Precision with = DeviceOption.precision(precision, on);
        return name.equals(Pretrained.EMBEDDED)
                ? Pretrained.load(name, on, with)
                : Pretrained.load(locate(console, name), on, with);
    }

    private void requireBase(Path adapter, Path base) throws IOException {
        if (!anyBase) {
            AdapterInfo.read(adapter).requireBase(base);
        }
    }

    /** Puts an adapter on a model for as long as the model lives. */
    // the adapter's memory is that of the process, as the command has one model alone
    @SuppressWarnings("MustBeClosedChecker")
    private static void attach(CausalLm model, Path folder) throws IOException {
        try {
            Lora.load(model, folder);
        } catch (IOException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** Finds a model, with the progress of a download on the console. */
    static Path locate(Console console, String model) throws IOException {
        Inputs.path("--model", model);
        try (LazyProgress display = new LazyProgress(console)) {
            return Pretrained.locate(model, new Download(display));
        }
    }

    /**
     * Finds an adapter: a folder, or the name of a repository of the hub.
     *
     * @param label option or argument that it was given with
     */
    static Path locateAdapter(Console console, String label, String adapter) throws IOException {
        Path folder = Inputs.path(label, adapter);
        String repository = adapter.replaceFirst("@.*", "");
        if (Files.exists(folder) || !repository.contains("/") || !Hub.isRepoId(repository)) {
            return folder;
        }
        try (LazyProgress display = new LazyProgress(console)) {
            return Pretrained.locate(adapter, new Download(display));
        }
    }

    /** Shows downloads. */
    private record Download(LazyProgress display) implements DownloadListener {
        @Override
        public void progress(Progress progress) {
            display.update(
                    progress.done(), Math.max(progress.done(), progress.size()), progress.file());
        }
    }
}
