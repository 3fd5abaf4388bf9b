#!/usr/bin/env bash
# Packs Retain4j with a Java runtime, its tests and the GPU benchmarks into one folder, for a Linux x86-64 machine
# that has a GPU and Python with PyTorch, but needs no Java, no Maven and no network. Below 60 MB.
#
# usage: benchmarks/gpu/pack.sh OUT [--torch DIR]
#   OUT          a folder to make, for example .gpu
#   --torch DIR  the torch folder of a PyTorch other than 2.7 for which `retain4j build-jni` made a library here;
#                the library and its record go along. The other machine must have that same build.
#
# Build first, tests too:  ./mvnw -q -DskipTests package
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:?give a folder to make}
shift
torch=
while [ $# -gt 0 ]; do
    case $1 in
    --torch) torch=${2:?--torch needs a folder} && shift 2 ;;
    *) echo "unknown option $1" >&2 && exit 2 ;;
    esac
done
[ ! -e "$out" ] || [ -f "$out/run.sh" ] || { echo "$out exists and is not a pack; choose another folder" >&2; exit 1; }
[ -r "$root/cli/target/classpath.txt" ] || { echo "build first: ./mvnw -q -DskipTests package" >&2; exit 1; }
rm -rf "$out"
mkdir -p "$out/jars" "$out/test-jars"
out=$(cd "$out" && pwd)

modules=java.base,java.logging,java.desktop,java.management,java.naming,java.net.http,java.sql,java.xml,java.compiler
modules=$modules,jdk.unsupported,jdk.crypto.ec,jdk.management,jdk.httpserver,java.instrument,jdk.zipfs
home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
"$home/bin/jlink" --add-modules "$modules" --strip-debug --no-header-files --no-man-pages --compress=2 \
    --output "$out/jre"

# libtorch is the other machine's own
tr ':' '\n' <"$root/cli/target/classpath.txt" | while read -r jar; do
    case ${jar##*/} in
    pytorch-native-* | retain4j-*) ;;
    *) cp "$jar" "$out/jars/" ;;
    esac
done
for module in core evaluation finetune lora merging regularization replay cli; do
    for jar in "$root/$module"/target/retain4j-"$module"-*.jar; do
        case $jar in *-sources.jar | *-javadoc.jar | *-tests.jar) ;; *) cp "$jar" "$out/jars/" ;; esac
    done
    # tests find their files by paths below the module
    if [ -d "$root/$module/target/test-classes" ]; then
        mkdir -p "$out/modules/$module/src/test" "$out/modules/$module/src/main" "$out/modules/$module/target"
        cp -r "$root/$module/target/test-classes" "$out/modules/$module/target/"
        # resources are beside them, under the name by which tests open them
        find "$out/modules/$module/target/test-classes" -type f ! -name '*.class' -delete
        [ ! -d "$root/$module/src/test/resources" ] || cp -r "$root/$module/src/test/resources" "$out/modules/$module/src/test/"
        cp -r "$root/$module/src/main/resources" "$out/modules/$module/src/main/" 2>/dev/null || true
    fi
done
# the tokenizers of other systems, and what is in the jars already
for jar in "$out"/jars/tokenizers-*.jar; do
    work=$(mktemp -d)
    (cd "$work" && "$home/bin/jar" xf "$jar" && rm -rf native/lib/win* native/lib/osx* native/lib/linux-aarch64 &&
        "$home/bin/jar" cf "$jar" .)
    rm -rf "$work"
done
repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
version() { sed -n "s:.*<$1.version>\(.*\)</$1.version>.*:\1:p" "$root/pom.xml" | head -n 1; }
find "$repository/org/junit" "$repository/net/jqwik" "$repository/org/assertj" "$repository/org/opentest4j" \
    "$repository/org/apiguardian" "$repository/net/bytebuddy/byte-buddy" -name '*.jar' |
    grep -E "/($(version junit)|1\.$(version junit | cut -d. -f2-)|$(version jqwik)|$(version assertj))/|opentest4j|apiguardian|byte-buddy" |
    xargs -I{} cp {} "$out/test-jars/"
mkdir -p "$out/runner"
"$home/bin/javac" -d "$out/runner" -cp "$(echo "$out"/test-jars/*.jar | tr ' ' ':')" "$here/RunTests.java"

if [ -n "$torch" ]; then
    python=${PYTHON:-python3}
    release=$("$python" - "$torch" <<'END'
import pathlib, re, sys
folder = pathlib.Path(sys.argv[1])
text = (folder / "version.py").read_text()
version = re.search(r"__version__ = '([^'+]+)", text).group(1)
cuda = re.search(r"^cuda.*= '([\d.]+)'", text, re.M)
print(f"{version}-built-{cuda.group(1)}" if cuda else f"{version}-built")
END
    )
    cache=${DJL_CACHE_DIR:-$HOME/.djl.ai}/pytorch/$release-linux-x86_64
    [ -f "$cache/0.36.0-libdjl_torch.so.json" ] || { echo "there is no JNI library in $cache; run retain4j build-jni" >&2; exit 1; }
    mkdir -p "$out/cache/pytorch"
    cp -r "$cache" "$out/cache/pytorch/"
fi
cp "$here/run.sh" "$here/gaps.py" "$root/benchmarks/peers/bench_gpu.py" "$out/"
du -sh "$out" | cut -f1
