#!/bin/sh
# Loading a model folder in turn with reading its weight files into fresh memory.
#
# usage: benchmarks/load.sh MODEL [PAIRS [ROUNDS]]
# Every pair is one process with the memory settings of the launcher (huge pages for malloc, a small heap) and one
# as a program that uses the library has them by default.
set -eu
model=${1:?give a model folder with safetensors files}
pairs=${2:-3} rounds=${3:-9}
here=$(cd "$(dirname "$0")" && pwd)
"$here/../retain4j" --version >/dev/null
classpath=$(sed -n 3p "$here/../cli/target/launcher/current")
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
export OMP_WAIT_POLICY=PASSIVE
unset GLIBC_TUNABLES
measure() {
    "$java" -Xmx1g "$@" -cp "$classpath" org.retain4j.cli.bench.LoadingBenchmark "$model" "$rounds"
}
pair=1
while [ "$pair" -le "$pairs" ]; do
    printf 'launcher  '
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 measure -XX:+UseSerialGC -Xms64m -Xmn24m
    printf 'default   '
    measure
    pair=$((pair + 1))
done
