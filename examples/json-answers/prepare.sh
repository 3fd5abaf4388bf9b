#!/bin/sh
# Puts the old texts of recipe.yaml into the folder old.
#
#   sh prepare.sh WIKITEXT EVAL
#
#   WIKITEXT   folder with valid.txt and test.txt of WikiText-2
#   EVAL       folder with arc_easy.jsonl and lambada_openai.jsonl
set -eu
[ $# -eq 2 ] || {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
here=$(dirname "$0")
mkdir -p "$here/old/eval"

sha256sum -c - <<END
f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8  $1/valid.txt
d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0  $1/test.txt
d2d12e59543acf9a5ef6079634a72b30215e36c2fd4236fff3bc855d287b87f5  $2/arc_easy.jsonl
411bfbe5b9054346b6a19299c0242670adbefb9162efd958593cbc0290b8c9dc  $2/lambada_openai.jsonl
END
cp "$2/arc_easy.jsonl" "$2/lambada_openai.jsonl" "$here/old/eval/"

# What is measured: the lead of each page of the test part, from its title to its first section.
awk '/^ = [^=].* = $/ { lead = 1 } /^ = =/ { lead = 0 } lead' "$1/test.txt" >"$here/old/eval/wikitext.txt"

# What is replayed and what chooses strengths: the halves of the validation part, 30 pages each, with the marks of
# the tokenisation taken out.
pages() {
    awk -v from="$1" -v to="$2" '/^ = [^=].* = $/ { page++ } page >= from && page <= to' "$3" |
        sed -e 's/ @-@ /-/g' -e 's/ @,@ /,/g' -e 's/ @\.@ /./g' -e 's/ \([.,;:?!)]\)/\1/g' -e 's/( /(/g' \
            -e "s/ 's /'s /g" -e 's/ $//' -e 's/^ //'
}
pages 0 30 "$1/valid.txt" >"$here/old/train.txt"
pages 31 60 "$1/valid.txt" >"$here/old/valid.txt"

sha256sum -c - <<END
c348f84668ef1737efe1791eb310f35ccf35385ce92f674eecf815f111f99c0f  $here/old/train.txt
a7a3b5bde9d72b2a71a443b5fae987a0c552dd3c909b7bec532ad39ec75be3f5  $here/old/valid.txt
c5c559440558ee457a507c7cb4c8fc1716de9443c4c1fff175137289e6e197c7  $here/old/eval/wikitext.txt
END
