#!/bin/sh
# Merging in turn with mergekit: whole processes, wall seconds, CPU seconds and peak memory.
#
# usage: benchmarks/mergekit.sh MERGEKIT MODEL [PAIRS [METHOD...]]
# MERGEKIT is the folder of a Python environment with mergekit 0.1.4, MODEL a model folder with one weight file.
set -eu
mergekit=${1:?give the environment of mergekit} model=${2:?give a model folder}
pairs=${3:-3}
[ $# -gt 3 ] && shift 3 || set -- linear slerp task_arithmetic dare_ties arcee_fusion breadcrumbs ties karcher della
here=$(cd "$(dirname "$0")" && pwd)
work=${RETAIN4J_BENCH_DIR:-$(mktemp -d)}
"$here/../retain4j" --version >/dev/null
for copy in 1 2 3; do
    [ -d "$work/m$copy" ] || "$mergekit/bin/python" "$here/peers/perturb.py" "$model" "$work/m$copy" "$copy" 0.05
done
plan() {
    case $1 in
        linear | karcher) printf 'merge_method: %s\nmodels:\n' "$1" ;;
        slerp | arcee_fusion) printf 'merge_method: %s\nbase_model: m2\nmodels:\n' "$1" ;;
        *) printf 'merge_method: %s\nbase_model: m1\nmodels:\n' "$1" ;;
    esac
    for copy in 2 3; do
        case $1 in
            linear | task_arithmetic) printf '  - {model: m%s, parameters: {weight: 0.5}}\n' $copy ;;
            slerp | arcee_fusion | karcher) printf '  - {model: m%s}\n' $copy ;;
            *) printf '  - {model: m%s, parameters: {weight: 0.5, density: 0.6}}\n' $copy ;;
        esac
    done
    [ "$1" != slerp ] || printf 'parameters: {t: 0.4}\n'
    printf 'dtype: bfloat16\n'
}
measure() {
    rm -rf out
    /usr/bin/time -f "%e s, %U + %S CPU s, %M kB" "$@" >log 2>&1 || { cat log; exit 1; }
    tail -n 1 log
}
cd "$work"
for method; do
    plan "$method" >"$method.yaml"
    pair=1
    while [ "$pair" -le "$pairs" ]; do
        printf '%s  retain4j  ' "$method"
        measure "$here/../retain4j" merge "$method.yaml" out
        printf '%s  mergekit  ' "$method"
        measure "$mergekit/bin/mergekit-yaml" "$method.yaml" out --quiet --no-write-model-card
        pair=$((pair + 1))
    done
done
printf 'cp of two models  '
measure cp m2/model.safetensors m3/model.safetensors "$(mktemp -d)"
