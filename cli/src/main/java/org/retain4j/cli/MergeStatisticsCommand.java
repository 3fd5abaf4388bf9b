package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.text.Documents;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.data.TextBlocks;
import org.retain4j.lora.LayerInputs;
import org.retain4j.regularization.Fisher;
import org.retain4j.regularization.Importance;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures on a text what fisher and regmean must know about a model. */
@Command(
        name = "statistics",
        description = {
            "Measures on a text what the merge methods fisher and regmean must know about a model.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "Example:",
            "  retain4j merge statistics -m model-a --data a.txt --kind gram --out a.safetensors"
        })
final class MergeStatisticsCommand implements Callable<Integer> {

    /** A linear layer of a block, by the name of its weight. */
    private static final Pattern LAYER =
            Pattern.compile("model\\.layers\\.[0-9]+\\.(self_attn|mlp)\\.[a-z]+_proj\\.weight");

    /** Bytes of the products that are collected in one pass over the text. */
    private static final long AT_ONCE = 512L << 20;

    private static final int ROWS = 4;

    private final Console console;

    @Mixin private ModelOptions model = new ModelOptions();

    @Option(
            names = "--data",
            paramLabel = "FILE",
            required = true,
            description = "Text or JSON lines, of the kind that the model was tuned on.")
    private String data = "";

    @Option(
            names = "--kind",
            paramLabel = "NAME",
            required = true,
            description =
                    "fisher: the Fisher information of all weights, for fisher; gram: the products"
                            + " of the inputs of all linear layers, for regmean.")
    private String kind = "";

    @Option(names = "--out", paramLabel = "FILE", required = true, description = "safetensors.")
    private String out = "";

    @Option(
            names = "--sequences",
            paramLabel = "N",
            defaultValue = "64",
            description = "Blocks of the text that are used. Default: ${DEFAULT-VALUE}")
    private int sequences = 64;

    @Option(
            names = "--max-length",
            paramLabel = "N",
            defaultValue = "256",
            description = "Tokens of a block. Default: ${DEFAULT-VALUE}")
    private int maxLength = 256;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the order and of the drawn labels. Default: ${DEFAULT-VALUE}")
    private long seed;

    MergeStatisticsCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (!kind.equals("fisher") && !kind.equals("gram")) {
            throw new UsageException("--kind must be fisher or gram, is \"" + kind + "\"");
        }
        if (sequences < 1 || maxLength < 2) {
            throw new UsageException("--sequences must be at least 1 and --max-length at least 2");
        }
        Path file = Inputs.path("--data", data);
        Path target = Inputs.path("--out", out);
        List<String> documents = documents(file);
        try (CausalLm loaded = model.load(console)) {
            TextBlocks blocks;
            try {
                blocks = TextBlocks.of(documents, loaded.tokenizer(), maxLength, seed);
            } catch (IllegalArgumentException e) {
                throw new UsageException("--data: " + e.getMessage());
            }
            Map<String, String> origin = new LinkedHashMap<>();
            origin.put("data_sha256", Sha256.of(file));
            origin.put("model", model.name());
            origin.put("seed", String.valueOf(seed));
            if (kind.equals("fisher")) {
                fisher(loaded, blocks, origin, target);
            } else {
                gram(loaded, blocks, origin, target);
            }
        }
        console.result("wrote " + target + "\n");
        return ExitCode.OK;
    }

    /** Reads a text, or the field text of every line of a JSON lines file. */
    private static List<String> documents(Path file) throws IOException {
        List<String> read = Documents.read(file);
        if (!file.toString().endsWith(".jsonl")) {
            return read;
        }
        List<String> texts = new ArrayList<>();
        int number = 0;
        for (String line : String.join(Documents.SEPARATOR, read).split("\n", -1)) {
            number++;
            if (line.isBlank()) {
                continue;
            }
            JsonNode text;
            try {
                text = new ObjectMapper().readTree(line).path("text");
            } catch (JsonProcessingException e) {
                throw new UsageException(
                        "--data: "
                                + file
                                + " line "
                                + number
                                + " is not JSON: "
                                + e.getOriginalMessage());
            }
            if (!text.isTextual()) {
                throw new UsageException(
                        "--data: " + file + " line " + number + " has no field text");
            }
            texts.add(text.asText());
        }
        return texts;
    }

    private void fisher(CausalLm loaded, TextBlocks blocks, Map<String, String> origin, Path target)
            throws IOException {
        Fisher fisher = new Fisher(Fisher.Labels.SAMPLED, sequences, seed);
        try (Importance importance = fisher.estimate(loaded, blocks)) {
            importance.save(target);
            console.note(
                    "trace of the Fisher information: "
                            + (float) importance.trace()
                            + ", estimated from "
                            + origin);
        }
    }

    private void gram(CausalLm loaded, TextBlocks blocks, Map<String, String> origin, Path target)
            throws IOException {
        Map<String, Integer> widths = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>(origin);
        for (Parameter parameter : loaded.parameters()) {
            String name = parameter.name();
            if (LAYER.matcher(name).matches()) {
                String first = sharing(name);
                if (first.equals(name)) {
                    long[] shape = parameter.value().shape();
                    widths.put(name, Math.toIntExact(shape[shape.length - 1]));
                } else {
                    metadata.put("same_as." + name, first);
                }
            }
        }
        if (widths.isEmpty()) {
            throw new UsageException(
                    "--model: "
                            + model.name()
                            + " has no layers of the llama kind, which"
                            + " regmean needs");
        }
        metadata.put("format", "retain4j-gram");
        metadata.put("tokens", String.valueOf((long) sequences * maxLength));
        List<TensorSpec> specs = new ArrayList<>();
        widths.forEach((name, n) -> specs.add(TensorSpec.of(name, DType.FLOAT32, n, n)));
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, specs, metadata);
                ProgressDisplay progress = ProgressDisplay.start(console)) {
            List<String> group = new ArrayList<>();
            long bytes = 0;
            int done = 0;
            for (Map.Entry<String, Integer> layer : widths.entrySet()) {
                long size = 8L * layer.getValue() * layer.getValue();
                if (!group.isEmpty() && bytes + size > AT_ONCE) {
                    collect(loaded, blocks, group, writer);
                    done += group.size();
                    progress.update(done, widths.size(), "inputs of layers");
                    group.clear();
                    bytes = 0;
                }
                group.add(layer.getKey());
                bytes += size;
            }
            collect(loaded, blocks, group, writer);
            writer.commit();
        }
    }

    /** Returns the layer that has the same input and is stored. */
    private static String sharing(String name) {
        return name.replace(".k_proj.", ".q_proj.")
                .replace(".v_proj.", ".q_proj.")
                .replace(".up_proj.", ".gate_proj.");
    }

    private void collect(
            CausalLm loaded, TextBlocks blocks, List<String> names, SafetensorsWriter writer)
            throws IOException {
        List<TokenBatch> batches = new ArrayList<>();
        for (int row = 0; row < sequences; row += ROWS) {
            int count = Math.min(ROWS, sequences - row);
            List<TrainRow> rows = blocks.rows(row, count);
            batches.add(TokenBatch.of(rows.stream().map(TrainRow::ids).toList()));
        }
        List<String> layers =
                names.stream()
                        .map(name -> name.substring(0, name.length() - ".weight".length()))
                        .toList();
        try (Scope scope = Scope.open();
                LayerInputs inputs =
                        LayerInputs.collect(loaded, batches, layers, LayerInputs.Scaling.NONE)) {
            for (int i = 0; i < names.size(); i++) {
                float[] values = inputs.moment(layers.get(i)).to(DType.FLOAT32).toFloatArray();
                ByteBuffer bytes =
                        ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(values);
                writer.write(names.get(i), bytes);
            }
        }
    }
}
