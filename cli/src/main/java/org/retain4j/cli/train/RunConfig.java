package org.retain4j.cli.train;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.finetune.checkpoint.CheckpointOptions.OnSaveError;
import org.retain4j.finetune.data.Truncation;

/**
 * What a run.yaml says: the keys are the fields in snake case, the values here the defaults.
 *
 * <p>Names and defaults are those of transformers and TRL; where a default differs, the description
 * says so. The JSON schema for editors is made from this class.
 */
@JsonNaming(SnakeCaseStrategy.class)
@JsonAutoDetect(fieldVisibility = Visibility.ANY)
final class RunConfig {

    static final String TRAIN = "train";
    static final String EVAL = "eval";
    static final String RETAIN = "retain";

    @JsonProperty(required = true)
    @JsonPropertyDescription(
            "Model folder, GGUF file, name on the Hugging Face hub, or embedded:stories260K.")
    String model = "";

    @JsonProperty(required = true)
    @JsonPropertyDescription("Folder of the run; the final model is written to its folder model.")
    String outputDir = "";

    @JsonProperty(required = true)
    @JsonPropertyDescription(
            "Data to train on: a file, folder or glob, a list of them, or objects with options.")
    List<DataSpec> train = List.of();

    @JsonPropertyDescription("Data of the task to measure on (eval_loss), as train.")
    List<DataSpec> eval = List.of();

    @JsonPropertyDescription(
            "Data of old knowledge (retain_loss, retain_rise), as train; the report shows what was"
                    + " forgotten on it.")
    List<DataSpec> retain = List.of();

    @JsonPropertyDescription("Share of the training examples held out for eval, in (0, 1).")
    @Nullable Double evalSplit;

    @JsonPropertyDescription("Largest number of rows of eval and of retain. Default: all.")
    @Nullable Integer maxEvalSamples;

    @JsonPropertyDescription("Stops at the first row with a problem instead of skipping it.")
    boolean strict;

    @JsonPropertyDescription("Largest number of tokens of a row.")
    int maxLength = 1024;

    @JsonPropertyDescription(
            "What happens to longer examples; auto splits texts and cuts others at the right.")
    Truncation truncation = Truncation.AUTO;

    @JsonPropertyDescription(
            "Puts several examples into a row of max_length; each sees only itself.")
    boolean packing;

    @JsonPropertyDescription("Batches rows of similar lengths.")
    boolean groupByLength;

    @JsonPropertyDescription("Whether every epoch has a random order of its own.")
    boolean shuffle = true;

    @JsonPropertyDescription(
            "Loss on completions and the assistant's turns only; texts always count as a whole.")
    boolean completionOnlyLoss = true;

    @JsonPropertyDescription("Whether texts and completions end with the tokenizer's end token.")
    boolean appendEos = true;

    @JsonPropertyDescription("File with the chat template to use instead of the model's own.")
    @Nullable String chatTemplate;

    @JsonPropertyDescription("Variables of the chat template, such as enable_thinking.")
    Map<String, Object> chatTemplateKwargs = new LinkedHashMap<>();

    @JsonPropertyDescription("Folder for encoded data, so that a later run does not encode again.")
    @Nullable String datasetCache;

    @JsonPropertyDescription("Peak learning rate.")
    double learningRate = 5e-5;

    @JsonPropertyDescription("Course of the learning rate.")
    SchedulerType lrSchedulerType = SchedulerType.LINEAR;

    @JsonPropertyDescription("Share of the steps that the learning rate rises.")
    double warmupRatio;

    @JsonPropertyDescription("Steps that the learning rate rises; wins over warmup_ratio.")
    long warmupSteps;

    @JsonPropertyDescription(
            "Share of the peak at the end, for cosine_with_min_lr and warmup_stable_decay.")
    double minLrRate;

    @JsonPropertyDescription("Steps of the last phase of warmup_stable_decay.")
    @Nullable Long numDecaySteps;

    @JsonPropertyDescription(
            "Share of the peak at which the run before ended: the warm-up starts there, for"
                    + " continual pre-training.")
    @Nullable Double rewarmFrom;

    @JsonPropertyDescription("Optimizer steps; wins over num_train_epochs.")
    @Nullable Long maxSteps;

    @JsonPropertyDescription("How often the run goes over the data.")
    double numTrainEpochs = 3;

    @JsonPropertyDescription("Rows of one forward pass.")
    int batchSize = 8;

    @JsonPropertyDescription("Rows of one forward pass of eval and retain.")
    int evalBatchSize = 8;

    @JsonPropertyDescription("Forward passes of one step.")
    int gradientAccumulationSteps = 1;

    @JsonPropertyDescription("Largest norm of the gradient, 0 for no limit.")
    double maxGradNorm = 1;

    @JsonPropertyDescription("The optimizer.")
    OptimizerName optim = OptimizerName.ADAMW;

    @JsonPropertyDescription("Weight decay; norms and biases do not decay.")
    double weightDecay;

    @JsonPropertyDescription("First decay rate of AdamW.")
    double adamBeta1 = 0.9;

    @JsonPropertyDescription("Second decay rate of AdamW.")
    double adamBeta2 = 0.999;

    @JsonPropertyDescription("Epsilon of AdamW.")
    double adamEpsilon = 1e-8;

    @JsonPropertyDescription("Momentum of sgd.")
    double momentum;

    @JsonPropertyDescription("Trades time for memory: activations are computed twice.")
    boolean gradientCheckpointing;

    @JsonPropertyDescription(
            "Type of matrix products: f32, bf16, or auto. Default: f32 on the CPU, bf16 on CUDA.")
    @Nullable String precision;

    @JsonPropertyDescription("Type of the weights of the final model; checkpoints are exact.")
    SaveDtype saveDtype = SaveDtype.F32;

    @JsonPropertyDescription(
            "auto, cpu, cuda or cuda:N. Default: cpu, or what -Dretain4j.device says.")
    @Nullable String device;

    @JsonPropertyDescription("Seed of everything that is drawn.")
    long seed = 42;

    @JsonPropertyDescription("Seed of the order of the data. Default: seed.")
    @Nullable Long dataSeed;

    @JsonPropertyDescription(
            "Steps from one line of the log to the next; 10, since runs here are shorter than the"
                    + " 500 of transformers supposes.")
    long loggingSteps = 10;

    @JsonPropertyDescription("Steps from one evaluation to the next; 0: only after the last step.")
    long evalSteps;

    @JsonPropertyDescription("Steps from one checkpoint to the next.")
    long saveSteps = 500;

    @JsonPropertyDescription("How many of the newest checkpoints are kept, 0 for all.")
    int saveTotalLimit;

    @JsonPropertyDescription("What a checkpoint that cannot be written means for the run.")
    OnSaveError onSaveError = OnSaveError.STOP;

    @JsonPropertyDescription("Label smoothing of the loss, in [0, 1).")
    double labelSmoothingFactor;

    @JsonPropertyDescription("Strength of the noise on embeddings (NEFTune).")
    double neftuneNoiseAlpha;

    @JsonPropertyDescription("Decay of an average of the weights, which is saved in their place.")
    @Nullable Double emaDecay;

    @JsonPropertyDescription("Evaluations without a better number before the run stops.")
    @Nullable Integer earlyStoppingPatience;

    @JsonPropertyDescription("By how much a number must differ to be better.")
    double earlyStoppingThreshold;

    @JsonPropertyDescription("The number that early stopping and the best model go by.")
    String metricForBestModel = "eval_loss";

    @JsonPropertyDescription("Whether a greater metric_for_best_model is better.")
    boolean greaterIsBetter;

    @JsonPropertyDescription("Ends with the weights of the best evaluation that was saved.")
    boolean loadBestModelAtEnd;

    @JsonPropertyDescription(
            "Stops when the loss on retain has risen by more than this, in nats a token.")
    @Nullable Double maxRetainRise;

    @JsonPropertyDescription(
            "Tasks of evaluate to measure before, during and after the run on a few items, and what"
                    + " happens when a score falls too low.")
    @Nullable MonitorSection monitor;

    @JsonPropertyDescription(
            "Prompts that the model answers before and after: a text (a user's message where the"
                    + " model has a chat template), or an object {user: …} or {text: …}. Default: from"
                    + " the first examples.")
    List<SamplePrompt> samplePrompts = List.of();

    @JsonPropertyDescription("Tokens of each answer; 0 for no samples.")
    int sampleTokens = 64;

    @JsonPropertyDescription("Which parameters are trained, and how.")
    ParameterSection parameters = new ParameterSection();

    @JsonPropertyDescription(
            "Trains a LoRA adapter instead of the weights, with PEFT's keys: r, lora_alpha,"
                    + " lora_dropout, target_modules, use_rslora, use_dora, init_lora_weights and"
                    + " others. The folder gets adapter, and the merged model.")
    @Nullable JsonNode lora;

    @JsonPropertyDescription("Learning rate of lora_B over that of lora_A (LoRA+).")
    @Nullable Double loraplusLrRatio;

    @JsonPropertyDescription(
            "Data whose inputs the start of the adapter is made of, for init_lora_weights eva, corda"
                    + " and lora_null. Default: the training data.")
    List<DataSpec> loraInitData = List.of();

    @JsonPropertyDescription("Methods that keep the model near its base.")
    RegularizationSection regularization = new RegularizationSection();

    @JsonPropertyDescription("Old data mixed into the new.")
    @Nullable ReplaySection replay;

    /** Returns all data that the run reads, by key. */
    Map<String, List<DataSpec>> dataParts() {
        Map<String, List<DataSpec>> parts = new LinkedHashMap<>();
        parts.put(TRAIN, train);
        parts.put(EVAL, eval);
        parts.put(RETAIN, retain);
        parts.put("lora_init_data", loraInitData);
        if (replay != null) {
            parts.put("replay.data", replay.data);
            if (replay.ssr != null) {
                parts.put("replay.ssr.data", replay.ssr.data);
            }
        }
        if (regularization.ewc != null) {
            parts.put("regularization.ewc.data", regularization.ewc.data);
        }
        if (regularization.agem != null) {
            parts.put("regularization.agem.data", regularization.agem.data);
        }
        if (regularization.gpm != null) {
            parts.put("regularization.gpm.data", regularization.gpm.data);
        }
        if (regularization.gem != null) {
            parts.put("regularization.gem.data", regularization.gem.data);
        }
        if (regularization.ogd != null) {
            parts.put("regularization.ogd.data", regularization.ogd.data);
        }
        return parts;
    }

    /** How the learning rate goes over the run. */
    enum SchedulerType {
        LINEAR,
        COSINE,
        COSINE_WITH_MIN_LR,
        CONSTANT,
        CONSTANT_WITH_WARMUP,
        WARMUP_STABLE_DECAY
    }

    /** Types of saved weights. */
    enum SaveDtype {
        F32(DType.FLOAT32),
        F16(DType.FLOAT16),
        BF16(DType.BFLOAT16);

        private final DType type;

        SaveDtype(DType type) {
            this.type = type;
        }

        DType type() {
            return type;
        }
    }

    /** The optimizers. */
    enum OptimizerName {
        ADAMW,
        SGD,
        ADAFACTOR
    }
}
