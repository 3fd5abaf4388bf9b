package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;

/** Whole training runs of PyTorch, step by step; see golden/README.md for their origin. */
class TrainParityTest {

    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    @ParameterizedTest
    @CsvSource({
        "adamw,false",
        "adamw,true",
        "adamw_accum2,false",
        "adamw_label_smoothing,false",
        "sgd_momentum,false"
    })
    void everyStepAndTheFinalWeightsEqualTheReference(String variant, boolean checkpointing)
            throws IOException {
        JsonNode run = json(GOLDEN.resolve("train").resolve(variant).resolve("run.json"));
        JsonNode hyper = run.get("hyper_parameters");
        List<StepReport> reports = new ArrayList<>();
        try (CausalLm model = Pretrained.load(GOLDEN.resolve("models/llama"));
                Scope scope = Scope.open()) {
            Trainer.of(model, source())
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(run.get("steps").asLong())
                                    .withBatch(4, run.get("micro_batches_per_step").asInt())
                                    .withLearningRate(hyper.get("lr").asDouble())
                                    .withMaxGradNorm(hyper.get("clip_global_norm").asDouble())
                                    .withOptimizer(optimizer(run))
                                    .withGradientCheckpointing(checkpointing)
                                    .withSchedule(
                                            Schedule.cosine(
                                                    hyper.get("warmup_steps").asLong(),
                                                    hyper.get("min_lr_rate").asDouble())))
                    .objective(new CrossEntropy(run.path("label_smoothing").asDouble(0)))
                    .onStep(reports::add)
                    .run();

            assertThat(reports).hasSize(run.get("log").size());
            for (int i = 0; i < reports.size(); i++) {
                JsonNode expected = run.get("log").get(i);
                StepReport report = reports.get(i);
                assertThat(report.learningRate())
                        .isCloseTo(expected.get("lr").asDouble(), within(1e-12));
                assertThat(report.loss()).isCloseTo(expected.get("loss").asDouble(), within(5e-5));
                double norm = expected.get("grad_norm_before_clip").asDouble();
                assertThat(report.gradientNorm()).isCloseTo(norm, within(1e-4 * norm));
            }
            Path finalWeights = GOLDEN.resolve("train").resolve(variant);
            try (SafetensorsFile file =
                    SafetensorsFile.open(finalWeights.resolve("final.safetensors"))) {
                assertThat(file.tensors()).hasSameSizeAs(model.parameters());
                for (Parameter parameter : model.parameters()) {
                    float[] expected = floats(file, parameter.name());
                    float[] actual = parameter.value().toFloatArray();
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(actual[i])
                                .as(parameter.name())
                                .isCloseTo(expected[i], within(5e-5f));
                    }
                }
            }
        }
    }

    @Test
    void accumulationIsNotTheMeanOfMeans() throws IOException {
        JsonNode run = json(GOLDEN.resolve("train/adamw_accum2/run.json"));
        double right = run.get("log").get(0).get("grad_norm_before_clip").asDouble();
        double wrong = run.get("wrong_mean_of_means_grad_norms").get(0).asDouble();
        assertThat(Math.abs(right - wrong)).isGreaterThan(0.1);
    }

    private static OptimizerFactory optimizer(JsonNode run) {
        JsonNode hyper = run.get("hyper_parameters");
        double decay = hyper.get("weight_decay").asDouble();
        return run.get("optimizer").asText().equals("sgd")
                ? new Sgd.Options(hyper.get("momentum").asDouble(), decay)
                : new AdamW.Options(
                        hyper.get("betas").get(0).asDouble(),
                        hyper.get("betas").get(1).asDouble(),
                        hyper.get("eps").asDouble(),
                        decay,
                        false);
    }

    /** The reference's batches, row after row. */
    private static BatchSource source() throws IOException {
        List<TrainRow> rows = new ArrayList<>();
        for (JsonNode batch : json(GOLDEN.resolve("train/batches.json")).get("batches")) {
            assertThat(batch.get("input_ids").size()).isEqualTo(4);
            for (int r = 0; r < 4; r++) {
                int length = 0;
                for (JsonNode kept : batch.get("attention_mask").get(r)) {
                    length += kept.asInt();
                }
                int[] ids = new int[length];
                float[] weights = new float[length];
                for (int t = 0; t < length; t++) {
                    ids[t] = batch.get("input_ids").get(r).get(t).asInt();
                    weights[t] = t > 0 && batch.get("labels").get(r).get(t).asInt() >= 0 ? 1 : 0;
                }
                rows.add(new TrainRow(ids, weights, false));
            }
        }
        return (first, count) -> rows.subList((int) first, (int) first + count);
    }

    private static JsonNode json(Path file) throws IOException {
        return new ObjectMapper().readTree(file.toFile());
    }

    private static float[] floats(SafetensorsFile file, String name) throws IOException {
        TensorInfo info = file.tensor(name);
        ByteBuffer bytes =
                ByteBuffer.allocate((int) info.byteCount()).order(ByteOrder.LITTLE_ENDIAN);
        file.read(name, 0, bytes);
        float[] values = new float[bytes.flip().remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return Arrays.copyOf(values, values.length);
    }
}
