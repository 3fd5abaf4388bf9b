#!/bin/sh
# Training steps in turn with transformers on the same machine.
#
# usage: benchmarks/train.sh PYTHON [PAIRS [BATCH TOKENS STEPS [ckpt] [lora]]]
# PYTHON is a Python with torch==2.7.1 and transformers, for example from a virtual environment.
set -eu
python=${1:?give a Python with torch==2.7.1 and transformers}
pairs=${2:-3} batch=${3:-2} tokens=${4:-256} steps=${5:-6}
ours= theirs=
for word in "${6:-}" "${7:-}"; do
    case $word in
    ckpt) ours="$ours --gradient-checkpointing" theirs="$theirs ckpt" ;;
    lora) ours="$ours --lora-rank 8" theirs="$theirs lora" ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
export OMP_WAIT_POLICY=PASSIVE
pair=1
while [ "$pair" -le "$pairs" ]; do
    # shellcheck disable=SC2086 # the words are options
    "$here/../retain4j" bench --batch-size "$batch" --max-length "$tokens" --steps "$steps" --json \
        $ours
    # shellcheck disable=SC2086
    "$python" "$here/peers/bench_train.py" "$batch" "$tokens" "$steps" $theirs
    pair=$((pair + 1))
done
