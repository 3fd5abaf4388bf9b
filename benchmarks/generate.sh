#!/bin/sh
# Greedy decoding in turn with transformers on the same machine.
#
# usage: benchmarks/generate.sh PYTHON [PAIRS [BATCH PROMPT NEW RUNS]]
# PYTHON is a Python with torch==2.7.1 and transformers, for example from a virtual environment.
set -eu
python=${1:?give a Python with torch==2.7.1 and transformers}
pairs=${2:-3} batch=${3:-1} prompt=${4:-32} new=${5:-64} runs=${6:-4}
here=$(cd "$(dirname "$0")" && pwd)
export OMP_WAIT_POLICY=PASSIVE
pair=1
while [ "$pair" -le "$pairs" ]; do
    "$here/../retain4j" bench --generate "$new" --batch-size "$batch" --max-length "$prompt" \
        --steps "$runs" --json
    "$python" "$here/peers/bench_generate.py" "$batch" "$prompt" "$new" "$runs"
    pair=$((pair + 1))
done
