#!/bin/sh
# Training steps in turn with transformers on the same machine.
#
# usage: benchmarks/train.sh PYTHON [PAIRS [BATCH TOKENS STEPS [ckpt]]]
# PYTHON is a Python with torch==2.7.1 and transformers, for example from a virtual environment.
set -eu
python=${1:?give a Python with torch==2.7.1 and transformers}
pairs=${2:-3} batch=${3:-2} tokens=${4:-256} steps=${5:-6} checkpointing=${6:-}
here=$(cd "$(dirname "$0")" && pwd)
export OMP_WAIT_POLICY=PASSIVE
pair=1
while [ "$pair" -le "$pairs" ]; do
    "$here/../retain4j" bench --batch-size "$batch" --max-length "$tokens" --steps "$steps" --json \
        ${checkpointing:+--gradient-checkpointing}
    "$python" "$here/peers/bench_train.py" "$batch" "$tokens" "$steps" ${checkpointing:+ckpt}
    pair=$((pair + 1))
done
