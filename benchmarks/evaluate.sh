#!/bin/sh
# ARC-Easy, PIQA and LAMBADA in turn with lm-evaluation-harness on the same items and machine.
#
# usage: benchmarks/evaluate.sh PYTHON MODEL DATA [PAIRS [LIMIT [BATCH]]]
# PYTHON is a Python with lm-eval==0.4.13, torch==2.7.1 and transformers; MODEL a model folder; DATA a
# folder with arc_easy.jsonl, piqa.jsonl and lambada_openai.jsonl as MosaicML's llm-foundry has them.
# Prints a table and what the shell's time says (user and sys are the CPU seconds), and a JSON line.
set -eu
python=${1:?give a Python with lm-eval==0.4.13} model=${2:?give a model folder} data=${3:?give a data folder}
pairs=${4:-3} limit=${5:-200} batch=${6:-16}
here=$(cd "$(dirname "$0")" && pwd)
export OMP_WAIT_POLICY=PASSIVE
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
pair=1
while [ "$pair" -le "$pairs" ]; do
    time "$here/../retain4j" evaluate --model "$model" --tasks arc_easy,piqa,lambada_openai \
        --data "$data" --limit "$limit" --bootstrap-iters 0 --out "$out/$pair"
    "$python" "$here/peers/bench_evaluate.py" "$model" "$data" "$limit" "$batch" "$out/peer.json"
    pair=$((pair + 1))
done
