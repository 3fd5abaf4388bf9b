#!/bin/sh
# Merging an adapter into a model folder in turn with copying the folder and storing the copy.
#
# usage: benchmarks/merge.sh MODEL ADAPTER [PAIRS]
# Three ways: cp with sync of every file, the whole command with the start of Java, and the third of three
# merges in one process. The copies lie beside OUT (default: a temporary folder), so set TMPDIR to the disk of
# the model.
set -eu
model=${1:?give a model folder with safetensors files} adapter=${2:?give a PEFT folder} pairs=${3:-3}
here=$(cd "$(dirname "$0")" && pwd)
retain4j=$here/../retain4j
"$retain4j" --version >/dev/null
classpath=$(sed -n 3p "$here/../cli/target/launcher/current")
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
copy() {
    cp -rL "$model" "$out/copy"
    sync "$out"/copy/*
}
merge() { "$retain4j" lora merge "$model" "$adapter" "$out/merged" --any-base >/dev/null; }
seconds() {
    start=$(date +%s%N)
    "$1"
    end=$(date +%s%N)
    awk "BEGIN { printf \"%.2f\", ($end - $start) / 1e9 }"
}
sync
copy
rm -rf "$out/copy"
pair=1
while [ "$pair" -le "$pairs" ]; do
    printf 'copy %s s, ' "$(seconds copy)"
    rm -rf "$out/copy"
    printf 'command %s s, ' "$(seconds merge)"
    rm -rf "$out/merged"
    "$java" -Xmx512m -Xms64m -Xmn24m -XX:+UseSerialGC -cp "$classpath" org.retain4j.cli.bench.MergeBenchmark \
        "$model" "$adapter" "$out/merged" 3
    pair=$((pair + 1))
done
