#!/usr/bin/env bash
# Runs what benchmarks/gpu/pack.sh packed, on a machine with a GPU and a Python with PyTorch.
#
# usage: run.sh doctor | tests | speed [PYTHON] | profile | retain4j ARGS…
#
# Environment:
#   DEVICE      cuda (default), cuda:N, or cpu for a dry run
#   DRY=1       everything as small as it gets
#   PYTHON      the Python whose PyTorch is used (default python3)
#   MODULES     modules to test (default: core finetune lora regularization replay evaluation)
#   OUT         folder for results (default: results beside this script)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
task=${1:?doctor, tests, speed, profile or retain4j}
shift
device=${DEVICE:-cuda}
dry=${DRY:-}
python=${PYTHON:-python3}
[ "$task" != speed ] || python=${1:-$python}
results=${OUT:-$here/results}
mkdir -p "$results"

torch=$("$python" -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))")
export RETAIN4J_LIBTORCH=$torch OMP_WAIT_POLICY=PASSIVE
if [ -d "$here/cache" ]; then export DJL_CACHE_DIR=$here/cache; fi
java=("$here/jre/bin/java" -Xmx2g -XX:+UseSerialGC -Djava.awt.headless=true -Dai.djl.offline=true)

retain4j() { "${java[@]}" ${RETAIN4J_JAVA_OPTS:-} -cp "$here/jars/*" org.retain4j.cli.Main "$@"; }

tests() {
    failed=0
    for module in ${MODULES:-core finetune lora regularization replay evaluation}; do
        [ -d "$here/modules/$module/target/test-classes" ] || continue
        echo "== $module on $device"
        # model needs downloads; gpu is left out of a dry run, as a thousand steps take long on a CPU
        excluded=slow,model
        pattern='.*(Test|Tests|Properties)$'
        if [ -n "$dry" ]; then excluded=slow,model,gpu pattern=${PATTERN:-'.*(DeviceAgreement|AdamW)Test$'}; fi
        (cd "$here/modules/$module" &&
            "${java[@]}" "-Dretain4j.device=$device" ${RETAIN4J_JAVA_OPTS:-} \
                -cp "$here/runner:target/test-classes:src/test/resources:$here/jars/*:$here/test-jars/*" \
                RunTests target/test-classes "$excluded" "${PATTERN:-$pattern}") >"$results/tests-$module.txt" 2>&1 || failed=1
        tail -n 1 "$results/tests-$module.txt"
    done
    return $failed
}

# One measurement of each side in turn, so that both see the same machine.
pair() {
    name=$1 shape=$2 theirs=$3
    shift 3
    shape_options=(--shape "$shape")
    if [ "$shape" = tiny ]; then shape_options=(--config "$here/tiny.json"); fi
    echo "== $name $shape"
    retain4j bench "${shape_options[@]}" --device "$device" --json "$@" | tee -a "$results/speed.jsonl"
    # shellcheck disable=SC2086 # options
    "$python" "$here/bench_gpu.py" $theirs "$device" "${peer[@]}" | tee -a "$results/speed.jsonl"
}

speed() {
    shapes="135m 1b" batch=8 tokens=1024 steps=12 new=128 sequences=256 prompt=128 pairs=${PAIRS:-3} wide=32
    if [ -n "$dry" ]; then
        shapes=tiny batch=2 tokens=32 steps=3 new=4 sequences=2 prompt=8 pairs=1 wide=2
        cat >"$here/tiny.json" <<'END'
{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 512, "hidden_size": 64,
 "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
 "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
 "hidden_act": "silu", "attention_bias": false}
END
    fi
    for _ in $(seq "$pairs"); do
        for shape in $shapes; do
            peer=(--batch $batch --tokens $tokens --steps $steps)
            pair "full fine-tuning" "$shape" "full $shape" --batch-size $batch --max-length $tokens --steps $steps
            pair "LoRA r=16" "$shape" "lora $shape" --batch-size $batch --max-length $tokens --steps $steps --lora-rank 16
            for rows in 1 $wide; do
                peer=(--batch "$rows" --tokens $prompt --steps 4 --new $new)
                pair "decoding, batch $rows" "$shape" "decode $shape" \
                    --batch-size "$rows" --max-length $prompt --steps 4 --generate $new
            done
            peer=(--batch 1 --tokens $tokens --sequences $sequences)
            pair "Fisher" "$shape" "fisher $shape" --batch-size 1 --max-length $tokens --fisher $sequences
        done
    done
    echo "all lines are in $results/speed.jsonl"
}

profile() {
    options=(--shape 135m --batch-size 8 --max-length 1024 --steps 4)
    if [ -n "$dry" ]; then options=(--model embedded:stories260K --batch-size 1 --max-length 16 --steps 2); fi
    retain4j bench "${options[@]}" --device "$device" --profile "$results/training.json"
    "$python" "$here/gaps.py" "$results/training.json"
    options=(--shape 135m --batch-size 1 --max-length 32 --generate 32 --steps 2)
    if [ -n "$dry" ]; then options=(--model embedded:stories260K --batch-size 1 --max-length 8 --generate 4 --steps 2); fi
    retain4j bench "${options[@]}" --device "$device" --profile "$results/decoding.json"
    "$python" "$here/gaps.py" "$results/decoding.json"
}

case $task in
doctor) retain4j doctor --device "$device" ;;
tests) tests ;;
speed) speed ;;
profile) profile ;;
retain4j) retain4j "$@" ;;
*) echo "unknown task $task" >&2 && exit 2 ;;
esac
